import type { Operation } from "../model/matrix.ts";
import type { Cause, CellRecord } from "../model/run.ts";
import type { Verdict } from "../model/verdict.ts";
import { gainOf, grewWith, type Reach, reachOf } from "./reach.ts";

/** Why access that was gained is declared, or is not. `data`: more rows, and the declaration covers them as it did before. */
export type Declared = "changed" | "data" | "not changed" | "not covered";

export interface AccessChange {
  readonly cell: string;
  readonly persona: string;
  readonly relation: string;
  readonly operation: Operation;
  readonly column?: string | undefined;
  /** `undefined`: the earlier run does not say. */
  readonly before: Reach | undefined;
  readonly after: Reach;
  readonly keys: readonly string[];
  readonly declared: Declared;
  /** SQL that let it through, `file:line` each, where the later run found the cause of a leak in SQL that rowgate applied. */
  readonly origins: readonly string[];
  /** Where the later matrix declares the cell. */
  readonly at: string;
}

/** A cell of the later run beside the one of the same id. */
export interface CellChange {
  /** `undefined`: the earlier run does not have it. */
  readonly before: Verdict | undefined;
  readonly gained: AccessChange | undefined;
  readonly lost: AccessChange | undefined;
  /** What it reaches is known in both runs, no longer, or was not known before. */
  readonly known: "in both" | "before only" | "not before";
}

/** Compares cells one by one: first takes all of the earlier run, held in short, then the later one's. */
export class CellComparison {
  readonly #left = new Map<string, Earlier>();

  addEarlier(cell: CellRecord): void {
    this.#left.set(cell.id, shorten(cell));
  }

  compare(cell: CellRecord): CellChange {
    const earlier = this.#left.get(cell.id);
    this.#left.delete(cell.id);
    const later = shorten(cell);
    const wasKnown = earlier !== undefined && isKnown(earlier);
    return {
      before: earlier?.verdict,
      ...changesOf(cell, earlier, later),
      known: wasKnown ? (isKnown(later) ? "in both" : "before only") : "not before",
    };
  }

  /** Of cells that the later run did not have. */
  get left(): readonly { readonly id: string; readonly verdict: Verdict }[] {
    return [...this.#left].map(([id, { verdict }]) => ({ id, verdict }));
  }
}

interface Earlier {
  readonly verdict: Verdict;
  readonly declaration: string;
  readonly reach: readonly Reach[];
}

function shorten(cell: CellRecord): Earlier {
  return {
    verdict: cell.verdict,
    declaration: JSON.stringify([unnamed(cell.expectation), unnamed(cell.check), cell.everywhere]),
    reach: reachOf(cell),
  };
}

/** A row set that has only another name declares the same rows. */
function unnamed(one: object | undefined): object {
  return { ...one, name: undefined };
}

const unsure: ReadonlySet<Verdict> = new Set(["skipped", "inconclusive", "vacuous", "error"]);

function isKnown({ verdict, reach }: Earlier): boolean {
  return reach.length > 0 && !unsure.has(verdict);
}

/** Channel by channel, the greatest change of each kind: a channel that reaches less does not take back what another gained. */
function changesOf(
  cell: CellRecord,
  earlier: Earlier | undefined,
  later: Earlier,
): Pick<CellChange, "gained" | "lost"> {
  const pairs = later.reach.map((after) => ({
    before: earlier?.reach.find(({ channel }) => channel === after.channel) ?? earlier?.reach[0],
    after,
  }));
  const known = earlier === undefined || isKnown(earlier);
  // What the earlier run does not know is no gain where the later matrix declares it.
  const gains = pairs.filter((pair) => gainOf(pair) > 0 && (known || later.verdict !== "pass"));
  const losses = pairs.flatMap(({ before, after }) =>
    before !== undefined && known && isKnown(later) && gainOf({ before: after, after: before }) > 0
      ? [{ before, after }]
      : [],
  );
  const change = ({ before, after }: (typeof pairs)[number]): AccessChange => ({
    cell: cell.id,
    persona: cell.persona,
    relation: `${cell.schema}.${cell.relation}`,
    operation: cell.operation,
    column: cell.column,
    before,
    after,
    keys: examples(before, after),
    declared: declaredBy(earlier, later, { before, after }),
    origins: originsOf(cell.cause),
    at: `${cell.at.file}:${cell.at.line}`,
  });
  const [gain] = gains.toSorted((one, other) => gainOf(other) - gainOf(one));
  const [loss] = losses;
  return { gained: gain && change(gain), lost: loss && change(loss) };
}

function originsOf(cause: Cause | undefined): readonly string[] {
  if (cause === undefined || cause.kind === "unknown") return [];
  const origins = cause.kind === "policies" ? cause.policies.map(({ origin }) => origin) : [cause.origin];
  return [...new Set(origins.filter((one) => one !== undefined))];
}

function examples(before: Reach | undefined, after: Reach): readonly string[] {
  const names = after.accepted.filter((name) => before?.accepted.includes(name) !== true);
  return [...new Set([...after.unexpectedKeys, ...names])].slice(0, 3);
}

function declaredBy(
  earlier: Earlier | undefined,
  later: Earlier,
  { before, after }: { readonly before: Reach | undefined; readonly after: Reach },
): Declared {
  if (later.verdict !== "pass") return "not covered";
  if (earlier?.declaration !== later.declaration) return "changed";
  // Both runs proved that exactly the declared rows are reached; no fewer rows are out of reach than before.
  const grown = earlier.verdict === "pass" && before !== undefined && after.rows && grewWith(before, after);
  return grown ? "data" : "not changed";
}
