import { factsOf } from "../messages/findings.ts";
import { isLeak } from "../model/finding.ts";
import type { Catalog } from "../model/catalog.ts";
import type { Operation } from "../model/matrix.ts";
import type { Cause, CellRecord, RunRecord } from "../model/run.ts";
import type { Verdict } from "../model/verdict.ts";
import { gainOf, type Reach, reachOf } from "./reach.ts";
import { ruleChanges } from "./rules.ts";

/** An archive, as it is read: one side of a comparison. */
export interface DiffSide {
  readonly run: RunRecord;
  readonly catalog: Pick<Catalog, "relations" | "routines" | "roles" | "defaultPrivileges">;
  readonly cells: () => AsyncIterable<CellRecord> | Iterable<CellRecord>;
}

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

export interface RunDiff {
  readonly before: string;
  readonly after: string;
  readonly personas: number;
  /** Cells whose access is known in both runs. */
  readonly compared: number;
  readonly gained: readonly AccessChange[];
  readonly lost: readonly AccessChange[];
  readonly verdicts: readonly { readonly cell: string; readonly before: Verdict; readonly after: Verdict }[];
  /** Found beside the cells (by a chain, or a call with other arguments), and not by the earlier run. */
  readonly leaks: readonly string[];
  /** The earlier run knows what they reach, and the later one does not. */
  readonly unknown: readonly string[];
  readonly added: readonly string[];
  readonly removed: readonly string[];
  /** What is in force otherwise than before: a sentence each. */
  readonly rules: readonly string[];
}

interface Earlier {
  readonly verdict: Verdict;
  readonly declaration: string;
  readonly reach: readonly Reach[];
}

/** Compares two runs; the earlier one's cells are held in short, the later one's are read once. */
export async function diffRuns(before: DiffSide, after: DiffSide): Promise<RunDiff> {
  const left = new Map<string, Earlier>();
  for await (const cell of before.cells()) left.set(cell.id, shorten(cell));
  const all = { gained: [] as AccessChange[], lost: [] as AccessChange[] };
  const verdicts: { cell: string; before: Verdict; after: Verdict }[] = [];
  const unknown: string[] = [];
  const added: string[] = [];
  const personas = new Set<string>();
  const known = new Set(leaksOf(before.run));
  let compared = 0;
  for await (const cell of after.cells()) {
    const earlier = left.get(cell.id);
    left.delete(cell.id);
    personas.add(cell.persona);
    if (earlier === undefined) added.push(cell.id);
    else if (earlier.verdict !== cell.verdict)
      verdicts.push({ cell: cell.id, before: earlier.verdict, after: cell.verdict });
    const later = shorten(cell);
    if (earlier !== undefined && isKnown(earlier)) {
      if (isKnown(later)) compared += 1;
      else unknown.push(cell.id);
    }
    const { gained, lost } = changesOf(cell, earlier, later);
    all.gained.push(...gained);
    all.lost.push(...lost);
  }
  return {
    before: before.run.id,
    after: after.run.id,
    personas: personas.size,
    compared,
    ...all,
    leaks: leaksOf(after.run).filter((one) => !known.has(one)),
    verdicts,
    unknown,
    added,
    removed: [...left.keys()],
    rules: ruleChanges(before.catalog, after.catalog),
  };
}

function leaksOf({ findings }: RunRecord): readonly string[] {
  return findings.filter(isLeak).map((one) => `${one.kind}: ${factsOf(one)}`);
}

/** Access that was gained, and that no change of the matrix declares. */
export function undeclared({ gained }: RunDiff): readonly AccessChange[] {
  return gained.filter(({ declared }) => declared === "not changed" || declared === "not covered");
}

/** 1: access was gained that no change of the matrix declares, or a leak was found beside the cells; 2: of some access the later run cannot tell. */
export function diffExitCode(diff: RunDiff): 0 | 1 | 2 {
  if (undeclared(diff).length + diff.leaks.length > 0) return 1;
  return diff.unknown.length > 0 ? 2 : 0;
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
): Readonly<Record<"gained" | "lost", readonly AccessChange[]>> {
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
  return {
    gained: gains
      .toSorted((one, other) => gainOf(other) - gainOf(one))
      .slice(0, 1)
      .map(change),
    lost: losses.slice(0, 1).map(change),
  };
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
  const grown =
    earlier.verdict === "pass" &&
    before !== undefined &&
    after.rows &&
    after.of - after.count >= before.of - before.count;
  return grown ? "data" : "not changed";
}
