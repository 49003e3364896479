import {
  acceptedCandidates,
  assignable,
  type Assigning,
  rowsThatMayChange,
  storedAtMost,
  tryColumn,
} from "../arguments/assign.ts";
import { type Material, materialOf } from "../arguments/assign-material.ts";
import { takenFromOthers } from "../arguments/assign-through.ts";
import type { Caller } from "../arguments/world.ts";
import { once } from "../lib/once.ts";
import { formatQualified } from "../lib/sql-text.ts";
import { type Cell, isAssignment } from "../model/cell.ts";
import type { ChannelAnswer } from "../model/channel.ts";
import type { Finding } from "../model/finding.ts";
import type { Declaration, RelationSpec } from "../model/matrix.ts";
import type { AssignmentObservation } from "../model/observation.ts";
import { assignmentExpectations } from "../plan/columns.ts";
import { blockedBy } from "../plan/side-effects.ts";
import type { RelationWork } from "../plan/plan.ts";
import { inTime } from "../prove/ask/session.ts";
import type { OpenRun } from "./3-open.ts";
import type { ProbedCell } from "./4-probe.ts";

/** What became of the columns that writes assign. */
export interface Assignments {
  /** Of a cell of such a column; `undefined`: it is another cell. */
  readonly of: (cell: Cell) => ChannelAnswer | undefined;
  readonly findings: readonly Finding[];
}

/** Where nothing may be tried, their cells are skipped. */
export function noAssignments(reason: string): Assignments {
  const skipped: ChannelAnswer = { observation: { kind: "skipped", reason }, probe: "not sent" };
  return { of: (cell) => (isAssignment(cell) ? skipped : undefined), findings: [] };
}

/** Tries the columns that the matrix lists, or those that it says nothing of, as far as the time goes. */
export async function tryAssignments(
  { plan, options, request }: OpenRun,
  assigning: Assigning,
  which: "declared" | "undeclared",
): Promise<Assignments> {
  const seen = new Map<string, AssignmentObservation>();
  const open = new Map<string, Map<string, string[]>>();
  const untried = new Map<string, Set<string>>();
  // Each gives back what is to be noted: in the order of the matrix, whatever came to an end first.
  const tries: (() => Promise<() => void>)[] = [];
  // Of what the matrix does not list only the values that were stored are told.
  const trying = which === "declared" ? assigning : { ...assigning, enough: storedAtMost };
  for (const work of plan.work) {
    const { spec } = work;
    if (blockedBy(spec, plan.sideEffects, request.target.posture) !== undefined) continue;
    const material = once(() => materialOf(work.relation.info, assigning.database));
    for (const declaration of spec.declarations) {
      const caller = callerOf(declaration, assigning);
      if (caller === undefined || (declaration.operation !== "update" && declaration.operation !== "insert"))
        continue;
      const id = `${declaration.persona}/${formatQualified(spec)}/${declaration.operation}`;
      const listed = { declaration, expectation: declaration.expectation, implied: false };
      for (const { column } of which === "declared" ? assignmentExpectations(listed) : [])
        if (options.wants(`${id}/${column}`, declaration.persona, id))
          tries.push(async () => {
            const found = await observe(work, declaration, column, caller, material, assigning);
            return () => seen.set(`${id}/${column}`, found);
          });
      if (
        which === "declared" ||
        request.columns === "listed" ||
        !options.wants(id, declaration.persona) ||
        declaration.operation !== "update"
      )
        continue;
      for (const column of unlisted(work, declaration))
        tries.push(async () => {
          const relation = formatQualified(spec);
          const found = await inTime(observe(work, declaration, column, caller, material, trying));
          return () => {
            if (found === undefined) untried.set(relation, (untried.get(relation) ?? new Set()).add(column));
            if (found === undefined || found.stored.length === 0) return;
            const columns = open.get(relation) ?? new Map<string, string[]>();
            const label = found.stored.some((value) => isAnothers(value, caller, assigning))
              ? `${column} = another user's identity`
              : column;
            open.set(relation, columns.set(label, [...(columns.get(label) ?? []), caller.persona.name]));
          };
        });
    }
  }
  for (const note of await Promise.all(tries.map((one) => one()))) note();
  return {
    of: (cell) => {
      const observation = seen.get(cell.id);
      return observation && { observation, probe: observation.sql ?? "not sent" };
    },
    findings: [
      ...[...open].map(
        ([relation, columns]): Finding => ({
          kind: "unlisted-assignable-columns",
          relation,
          columns: [...columns].map(
            ([column, personas]) => `${column} (${[...new Set(personas)].join(", ")})`,
          ),
        }),
      ),
      ...[...untried].map(
        ([relation, columns]): Finding => ({ kind: "columns-not-tried", relation, columns: [...columns] }),
      ),
    ],
  };
}

/** What one such cell is answered; the relation may be seen as a change would leave it. */
export async function observeAssignment(
  { persona, operation, column = "", relation }: Cell,
  spec: RelationSpec,
  assigning: Assigning,
  material: () => Promise<Material>,
): Promise<AssignmentObservation | undefined> {
  const declaration = spec.declarations.find(
    (one) => one.persona === persona.name && one.operation === operation,
  );
  const caller = declaration && callerOf(declaration, assigning);
  return caller && (await observe({ spec, relation }, declaration, column, caller, material, assigning));
}

/** Spoofing, or what assigning and inviting are: `names` says which. */
function isAnothers(value: string, caller: Caller, { callers }: Assigning): boolean {
  return callers.some(
    (one) => one !== caller && one.identities.includes(value) && !caller.identities.includes(value),
  );
}

/** Who is above the policies may assign everything: that is no finding. Its listed columns are tried all the same. */
function callerOf({ persona, assignment }: Declaration, { callers }: Assigning): Caller | undefined {
  const caller = callers.find((one) => one.persona.name === persona);
  const above = caller?.role.superuser === true || caller?.role.bypassRls === true;
  return above && assignment === undefined ? undefined : caller;
}

/** Columns of rows that may be updated, of which no `columns`, `names`, `never` or `set` speaks. */
function unlisted({ relation: { info } }: RelationWork, declaration: Declaration): readonly string[] {
  const { expectation, assignment, names = [], never, set = {}, persona } = declaration;
  if (expectation.kind === "deny" || persona === "") return [];
  const listed = new Set([
    ...[...(assignment?.fixed ?? []), ...(assignment?.free ?? []), ...names].map(({ name }) => name),
    ...never.flatMap(({ values }) => Object.keys(values)),
    ...Object.keys(set),
  ]);
  return info.columns.map(({ name }) => name).filter((name) => !listed.has(name));
}

async function observe(
  { spec, relation: { info } }: { readonly spec: RelationSpec; readonly relation: RelationWork["relation"] },
  declaration: Declaration,
  name: string,
  caller: Caller,
  material: () => Promise<Material>,
  assigning: Assigning,
): Promise<AssignmentObservation> {
  const operation = declaration.operation === "insert" ? "insert" : "update";
  const column = assignable(info, caller.persona.role, operation).find((one) => one.name === name);
  const candidates =
    operation === "insert" ? acceptedCandidates(spec, declaration, caller, assigning.matrix.vars) : [];
  const sent =
    column === undefined
      ? notGranted(operation)
      : await tryColumn(declaration, column, info, caller, await material(), assigning, candidates);
  const fixed = new Set((declaration.assignment?.fixed ?? []).map((one) => one.name));
  const columns = info.columns.filter((one) => fixed.has(one.name));
  const target = columns.find((one) => one.name === name);
  if (target === undefined || sent.stored.length > 0) return sent;
  const [row] = operation === "update" ? await rowsThatMayChange(declaration, info, caller, assigning) : [];
  const through = {
    operation,
    columns,
    info,
    caller,
    material: await material(),
    assigning,
    row,
    candidate: candidates[0],
  } as const;
  const taken = await takenFromOthers(target, through);
  const { value, sql } = taken ?? {};
  return { ...sent, ...(value !== undefined && { stored: [value], sql }), through: taken };
}

function notGranted(operation: "insert" | "update"): AssignmentObservation {
  const none = { rows: 0, tried: 0, stored: [], refusals: [], putBack: false, sql: undefined };
  return { kind: "assignment", operation, privilege: false, ...none };
}

/** The cells of columns that writes assign, answered: no channel probes them. */
export function withAssigned(
  probed: readonly ProbedCell[],
  assigned: Assignments["of"],
): readonly ProbedCell[] {
  return probed.map((one) => {
    const direct = one.cell.channels.includes("direct") ? assigned(one.cell) : undefined;
    return direct === undefined ? one : { ...one, answers: { direct } };
  });
}
