import { type BoundCandidate, mustReturn } from "../../model/cell.ts";
import type { CandidateAttempt, InsertObservation } from "../../model/observation.ts";
import { quoteLiteral } from "../../lib/sql-text.ts";
import { mayBeSuppressed, privilegesOf } from "../what-to-write.ts";
import { withConstraint } from "./constraint.ts";
import { membersOf } from "./json-text.ts";
import { rowsOf } from "./reply.ts";
import { rowReader } from "./snapshot.ts";
import type { ProbeContext } from "./context.ts";

/** INSERT: each candidate by itself; without asking for the row, which takes a SELECT policy, unless it must come back. */
export async function probeInsert(context: ProbeContext): Promise<InsertObservation> {
  const attempts: CandidateAttempt[] = [];
  for (const candidate of context.cell.candidates) attempts.push(await attempt(context, candidate));
  return { kind: "insert", attempts };
}

async function attempt(
  context: ProbeContext,
  { name, origin, values }: BoundCandidate,
): Promise<CandidateAttempt> {
  const { cell, caller } = context;
  const { answer } = await caller.insert(values, mustReturn(cell, { name, origin }) ? cell.returning : []);
  const tried = {
    candidate: { name, origin },
    answer: withConstraint(answer, cell, ["insert"], Object.keys(values)),
  };
  const accepted = answer.code === null && (answer.rows ?? 0) > 0;
  // Only a trigger or a rule stores another row than the one that came.
  if (!accepted || !mayBeSuppressed(cell, "insert")) return { ...tried, rewritten: [] };
  const rewritten = await rewrittenColumns(context, values);
  return rewritten === undefined ? { ...tried, rewritten: [], unseen: true } : { ...tried, rewritten };
}

/** `undefined`: the persona may not see the row that it has just written. */
async function rewrittenColumns(
  context: ProbeContext,
  values: BoundCandidate["values"],
): Promise<readonly string[] | undefined> {
  const { cell, caller } = context;
  const readable = privilegesOf(cell).select;
  const columns = Object.keys(values);
  if (columns.length === 0) return [];
  if (!columns.every((name) => readable.includes(name))) return undefined;
  const reply = await caller.insert(values, columns);
  const stored = reply.answer.code === null ? membersOf(rowsOf(reply)[0] ?? "") : undefined;
  if (stored === undefined) return undefined;
  const sent = await asStored(context, values, columns);
  if (sent === undefined) return undefined;
  return columns.filter((name) => {
    const read = rowReader(cell.relation.info, [name]);
    return read(rowText(stored, name)) !== read(rowText(sent, name));
  });
}

function rowText(members: ReadonlyMap<string, string>, name: string): string {
  return `{${JSON.stringify(name)}:${members.get(name) ?? "null"}}`;
}

/** The candidate as the columns' types write it: `1.5` of a numeric(4,2) is 1.50. */
async function asStored(
  { cell, privileged }: ProbeContext,
  values: BoundCandidate["values"],
  columns: readonly string[],
): Promise<ReadonlyMap<string, string> | undefined> {
  const types = new Map(cell.relation.info.columns.map(({ name, type }) => [name, type]));
  const members = columns.map((name) => {
    const value = values[name] ?? null;
    return `${quoteLiteral(name)}, ${value === null ? "null" : `${quoteLiteral(value)}::${types.get(name) ?? "text"}`}`;
  });
  const [found] = await privileged.inSnapshot((ask) =>
    ask<{ row: string }>(`select json_build_object(${members.join(", ")})::text as row`),
  );
  return membersOf(found?.row ?? "");
}
