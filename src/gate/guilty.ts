import type { Finding } from "../model/finding.ts";
import type { FutureAccess, GateRecord, PowerGained } from "../model/gate.ts";
import { blame, type Difference, type Seen } from "./blame.ts";
import type { Compared, Keyed } from "./compare.ts";
import { privilegesOf } from "./future.ts";
import type { BoundCandidate } from "../model/cell.ts";
import { acceptedValues } from "./new-rows.ts";
import { keysFor, measure, type Measures } from "./measure.ts";
import { type Proofs, proveState } from "./proofs.ts";
import { has } from "./powers.ts";
import { hasSideWriting, type SideWriting } from "./side-writes.ts";
import type { GateRequest, State } from "./state.ts";

type Found = Pick<
  GateRecord,
  "gained" | "lost" | "broken" | "findings" | "future" | "misfit" | "sideWrites" | "powers"
>;
type Differences = Pick<Compared, "gained" | "lost" | "broken"> &
  Pick<GateRecord, "findings" | "future" | "misfit" | "powers"> & {
    readonly sideWrites: readonly SideWriting[];
  };

interface Ends {
  readonly before: State;
  readonly after: State;
  /** Of the cells afterwards. */
  readonly final: Measures;
  readonly proofs: Proofs;
  /** Relations that are asked about without the matrix. */
  readonly bare: ReadonlySet<string>;
}

/** Finds the statement of each difference. */
export async function guilty(
  request: GateRequest,
  { gained, lost, broken, findings, future, misfit, sideWrites, powers }: Differences,
  { before, after, proofs, final, bare }: Ends,
  step: ((doing: string) => void) | undefined,
): Promise<Found> {
  const all = {
    gained: gained.map(ofCell),
    lost: lost.map(ofCell),
    broken: broken.map(ofCell),
    findings: findings.map((one) => ({ one, by: one.before ? undefined : { facet: isFound(one.finding) } })),
    future: future.map((one) => ({ one, by: { facet: holdsOf(one) } })),
    powers: powers.map((one) => ({ one, by: { facet: isHeld(one) } })),
    sideWrites: sideWrites.map((one) => ({
      one: { by: one.by, writes: one.writes, functions: one.functions, opens: one.opens },
      by: { facet: runs(one) },
    })),
    misfit: misfit === undefined ? [] : [{ one: misfit, by: { facet: isMisfit } }],
  };
  const differences = Object.values(all).flatMap((some) =>
    some.flatMap(({ by }): Difference[] => (by ? [by] : [])),
  );
  if (differences.length > 0) step?.(`searching the statements behind ${differences.length} differences`);
  const ask = async (state: State, some: readonly Difference[]): Promise<Omit<Seen, "state">> => {
    const [cells, proved] = [cellsOf(some, undefined), cellsOf(some, "proof")];
    const tries = triesOf(some);
    const keys = keysFor(state, before);
    return {
      measures: cells.size === 0 ? new Map() : await measure(state, keys, cells),
      proofs: proved.size === 0 ? new Map() : await proveState(request, state, keys, proved),
      accepted: tries.size === 0 ? new Map() : await acceptedValues(state, keys, tries),
    };
  };
  // What was tried was accepted: that is why it is a difference.
  const accepted = new Map(
    [...triesOf(differences)].map(([key, tries]) => [key, new Map(tries.map(({ name }) => [name, true]))]),
  );
  const last = { state: after, measures: final, proofs, accepted };
  const statements = await blame(request, differences, last, ask, bare);
  const put = <T>(
    some: readonly Searched<T>[],
  ): readonly (T & { readonly statement: number | undefined })[] =>
    some.map(({ one, by }) => ({ ...one, statement: undefined, ...(by && statements.get(by)) }));
  return {
    gained: put(all.gained),
    lost: put(all.lost),
    broken: put(all.broken),
    findings: put(all.findings),
    future: put(all.future),
    powers: put(all.powers),
    sideWrites: put(all.sideWrites),
    misfit: put(all.misfit)[0],
  };
}

interface Searched<T> {
  readonly one: T;
  /** `undefined`: no statement is behind it. */
  readonly by: Difference | undefined;
}

function cellsOf(some: readonly Difference[], shownBy: "proof" | undefined): ReadonlySet<string> {
  return new Set(some.flatMap((one) => (one.shownBy === shownBy && one.cell) || []));
}

function triesOf(some: readonly Difference[]): ReadonlyMap<string, readonly BoundCandidate[]> {
  return new Map(
    some.flatMap(({ cell, shownBy }) =>
      cell !== undefined && typeof shownBy === "object" ? [[cell, shownBy.tries] as const] : [],
    ),
  );
}

function ofCell<T>({
  key,
  facet,
  shownBy,
  ...one
}: Keyed<T>): Searched<Omit<Keyed<T>, "key" | "facet" | "shownBy">> {
  const of: Difference["facet"] = ({ measures, proofs, accepted }) =>
    facet(measures.get(key), proofs.get(key), accepted.get(key));
  return { one, by: { cell: key, shownBy, facet: of } };
}

function isFound(finding: Finding): Difference["facet"] {
  const text = JSON.stringify(finding);
  return ({ state }) => state.findings.some((one) => JSON.stringify(one) === text);
}

function holdsOf(one: FutureAccess): Difference["facet"] {
  return ({ state }) => privilegesOf(state.future, one);
}

function isHeld(one: PowerGained): Difference["facet"] {
  return ({ state }) => has(state.powers, one);
}

function runs(one: SideWriting): Difference["facet"] {
  return ({ state }) => hasSideWriting(state.sideWrites, one);
}

const isMisfit: Difference["facet"] = ({ state }) => state.issues.length > 0;
