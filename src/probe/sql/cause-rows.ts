import { type Client, DatabaseError } from "pg";
import type { Catalog, RelationInfo } from "../../model/catalog.ts";
import type { Cell } from "../../model/cell.ts";
import type { Observation } from "../../model/observation.ts";
import { type QualifiedName, quoteIdent, quoteLiteral, quoteQualified } from "../../lib/sql-text.ts";
import { comesThroughGateway, matrixPath, requestPath, type SessionRules, sessionOf } from "../sessions.ts";
import { assignments, insertSql } from "./statements.ts";

/** A leak, as one channel saw it. */
export interface Leak {
  readonly cell: Cell;
  readonly observation: Observation;
  /** A policy's check is asked of a row that was really written: not where writes are not sent. */
  readonly mayWrite: boolean;
}

export interface CauseContext {
  readonly catalog: Catalog;
  readonly sessions: SessionRules;
  readonly preRequest: QualifiedName | undefined;
}

/** Rows that are examined, as Postgres writes them; `checked`: they were just written, and a check has let them in. */
export interface Examined {
  readonly rows: readonly string[];
  readonly checked: boolean;
}

const mostRows = 200;
/** An alias that no column is called by: what policies and predicates name must not meet it. */
export const alias: string = quoteIdent("rowgate: a row");

/** Why no cause is named. */
export class NotFound extends Error {}

/** The unexpected rows, and a few that are not declared: whichever of them the policies let through are unexpected too. */
export async function rowsOf(
  client: Client,
  leak: Leak,
  source: RelationInfo,
  context: CauseContext,
): Promise<Examined> {
  const { cell, observation } = leak;
  if (observation.kind === "insert")
    return { rows: await insertedRow(client, leak, source, context), checked: true };
  if (observation.kind !== "rows") throw new NotFound("this leak is of no rows");
  if (observation.unexpected === 0 && observation.forbiddenUpdates.some(isAccepted))
    return { rows: await movedRow(client, leak, source, context), checked: true };
  const { key, info } = cell.relation;
  const known = key.length > 0 && key.every((name) => source.columns.some((column) => column.name === name));
  const byKey =
    observation.unexpectedKeys.length > 0 && known
      ? `select ${alias}::text from ${quoteQualified(source)} as ${alias} where ${keyCondition(source, key, observation.unexpectedKeys)}`
      : undefined;
  const declared = "predicate" in cell.expectation ? cell.expectation.predicate : undefined;
  const others =
    info === source || info.oid === source.oid
      ? `select ${alias}::text from (select * from ${quoteQualified(source)}${declared === undefined ? "" : ` where (${declared}\n) is not true`} limit ${mostRows}) as ${alias}`
      : undefined;
  const parts = [byKey, others].filter((part) => part !== undefined);
  if (parts.length === 0)
    throw new NotFound("the unexpected rows have no key by which the table's rows are known");
  const path = `set local search_path = ${matrixPath(context.sessions, cell)}`;
  const rows = await undone(client, ["set local row_security = off", path], async () => {
    const found = await client.query<[string]>({ text: parts.join(" union "), rowMode: "array" });
    return found.rows.map(([row]) => row);
  });
  return { rows, checked: false };
}

/** Keys are JSON objects; `jsonb_populate_record` reads each value as its column's type. */
function keyCondition(source: RelationInfo, key: readonly string[], keys: readonly string[]): string {
  const list = `array[${keys.map(quoteLiteral).join(", ")}]::jsonb[]`;
  const columns = key.map((name) => `${alias}.${quoteIdent(name)}`).join(", ");
  const wanted = key.map(
    (name) =>
      `(jsonb_populate_record(null::${quoteQualified(source)}, "rowgate: a key")).${quoteIdent(name)}`,
  );
  return `(${columns}) in (select ${wanted.join(", ")} from unnest(${list}) as "rowgate: keys"("rowgate: a key"))`;
}

/** The candidate that leaked, written once more: what a check sees is the row with its defaults, after BEFORE triggers. */
async function insertedRow(
  client: Client,
  leak: Leak,
  source: RelationInfo,
  context: CauseContext,
): Promise<readonly string[]> {
  const { cell } = leak;
  const candidate = leakingCandidate(leak);
  if (candidate === undefined) throw new NotFound("no candidate was inserted");
  const { info } = cell.relation;
  try {
    return await written(client, leak, source, context, insertSql(info, candidate.values));
  } catch (error) {
    const whole = wholeRow(source, candidate.values);
    if (info.oid !== source.oid || whole === undefined) throw error;
    // A constraint stopped it after the policies: the row that they saw is the candidate itself.
    const { rows } = await client.query<[string]>({ text: whole, rowMode: "array" });
    return rows.map(([row]) => row);
  }
}

/** The row as a check sees it, where no default, generated value or trigger has a part in it. */
function wholeRow(source: RelationInfo, values: Cell["candidates"][number]["values"]): string | undefined {
  const made = source.columns.some(
    ({ name, hasDefault, generated, identity }) =>
      values[name] === undefined && (hasDefault || generated || identity !== null),
  );
  const changed = source.triggers.some(({ timing, enabled }) => timing === "before" && enabled);
  if (made || changed) return undefined;
  return `select jsonb_populate_record(null::${quoteQualified(source)}, ${quoteLiteral(JSON.stringify(values))})::text`;
}

/** The candidate of an INSERT that was let in though it must be refused. */
export function leakingCandidate({
  cell,
  observation,
}: Pick<Leak, "cell" | "observation">): Cell["candidates"][number] | undefined {
  if (observation.kind !== "insert") return undefined;
  const { expectation } = cell;
  const accept = expectation.kind === "candidates" ? expectation.accept : [];
  const leaked = observation.attempts.find(
    (attempt) =>
      isLetIn(attempt) &&
      !(attempt.candidate.origin === "declared" && accept.includes(attempt.candidate.name)),
  );
  return cell.candidates.find(
    ({ name, origin }) => name === leaked?.candidate.name && origin === leaked.candidate.origin,
  );
}

type Attempt = Extract<Observation, { kind: "insert" }>["attempts"][number];

function isAccepted({ answer }: Attempt): boolean {
  return answer.code === null && (answer.rows ?? 1) > 0;
}

/** A constraint that names the table has spoken after the policies. */
function isLetIn(attempt: Attempt): boolean {
  const { constraint, foreignFrame, dataType } = attempt.answer;
  return isAccepted(attempt) || (constraint !== undefined && foreignFrame !== true && dataType === undefined);
}

async function movedRow(
  client: Client,
  leak: Leak,
  source: RelationInfo,
  context: CauseContext,
): Promise<readonly string[]> {
  const move = acceptedMove(leak);
  if (move === undefined) throw new NotFound("no forbidden update was accepted");
  const statement = `update ${quoteQualified(leak.cell.relation.info)} set ${assignments(move.values)}`;
  return written(client, leak, source, context, statement);
}

/** The forbidden update that was let through. */
export function acceptedMove({
  cell,
  observation,
}: Pick<Leak, "cell" | "observation">): Cell["candidates"][number] | undefined {
  if (observation.kind !== "rows") return undefined;
  const accepted = observation.forbiddenUpdates.find(isAccepted);
  return cell.update?.never.find(({ name }) => name === accepted?.candidate.name);
}

async function written(
  client: Client,
  leak: Leak,
  source: RelationInfo,
  context: CauseContext,
  statement: string,
): Promise<readonly string[]> {
  if (!leak.mayWrite) throw new NotFound("the row is not written again on this target");
  return undone(client, asPersona(leak.cell, stateOf(leak), context), async () => {
    await client.query(statement).catch((error: unknown) => {
      if (!(error instanceof DatabaseError)) throw error;
      throw new NotFound(`the row could not be written once more (${error.code ?? ""})`);
    });
    await client.query("reset session authorization; set local role none; set local row_security = off");
    const { rows } = await client.query<[string]>({
      text: `select ${alias}::text from ${quoteQualified(source)} as ${alias} where ${alias}.xmin = pg_catalog.pg_current_xact_id()::xid limit ${mostRows}`,
      rowMode: "array",
    });
    return rows.map(([row]) => row);
  });
}

/** The state of the session in which it leaked, where it was not the persona's own. */
export function stateOf({ observation }: Leak): "never set" | "reset" | undefined {
  if (observation.kind === "insert") return observation.attempts.find(isLetIn)?.state;
  if (observation.kind !== "rows" || observation.unexpected > 0) return undefined;
  return observation.states.find((one) => one.answer.code === null && one.affected > 0)?.state;
}

/** The session as the probe's was, its settings in place before the role is switched. */
export function asPersona(
  cell: Cell,
  state: "never set" | "reset" | undefined,
  { sessions, preRequest }: CauseContext,
): readonly string[] {
  const { role, login } = cell.persona;
  const through = comesThroughGateway(sessions, cell);
  const settings = new Map([
    ["search_path", matrixPath(sessions, cell)],
    ...(through
      ? ([
          ["request.path", requestPath(cell)],
          ["request.headers", "{}"],
        ] as const)
      : []),
    ...sessionOf(sessions, cell, state),
  ]);
  const set = [...settings].map(
    ([name, value]) => `set_config(${quoteLiteral(name)}, ${quoteLiteral(value)}, true)`,
  );
  return [
    `select ${set.join(", ")}`,
    ...(login === undefined ? [] : [`set local session authorization ${quoteIdent(login)}`]),
    `set local role ${quoteIdent(role)}`,
    ...(preRequest !== undefined && through ? [`select ${quoteQualified(preRequest)}()`] : []),
  ];
}

export async function undone<T>(
  client: Client,
  first: readonly string[],
  work: () => Promise<T>,
): Promise<T> {
  try {
    await client.query(["begin", ...first].join("; "));
    return await work();
  } finally {
    await client.query("rollback").catch(() => undefined);
  }
}
