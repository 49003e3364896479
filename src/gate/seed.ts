import type { Node } from "libpg-query";
import { DatabaseError } from "pg";
import { quoteLiteral } from "../lib/sql-text.ts";
import { codeOf } from "../model/answers.ts";
import { type SqlSource, splitStatements } from "../stage/apply-sql/source.ts";
import type { DatabaseAddress, Limits } from "../model/target.ts";
import { connect, disconnect } from "../probe/sql/session.ts";
import { insideTransaction, type Place } from "./inside.ts";
import { type Applicant, failureOf, onItsOwn, type PendingStatement, readPending } from "./migrations.ts";

/** What a state without the migrations may lack: relation, column, function, type, schema, value of an enum, row that a key refers to. */
const lacking: readonly string[] = (
  [
    "undefinedTable",
    "undefinedColumn",
    "undefinedFunction",
    "undefinedObject",
    "undefinedSchema",
    "invalidText",
    "foreignKey",
  ] as const
).map(codeOf);

/** The statement, which leaves its rows out where what it names is not there. */
function whereThere(sql: string): string {
  const conditions = lacking.map((code) => `sqlstate ${quoteLiteral(code)}`).join(" or ");
  return `do $rowgate_seed$ begin execute $rowgate_rows$${sql}$rowgate_rows$; exception when ${conditions} then null; end $rowgate_seed$`;
}

function holdsRows(node: Node): boolean {
  return "InsertStmt" in node || "UpdateStmt" in node || "SelectStmt" in node;
}

/** A seed of the state afterwards, as it can be applied to one in which some tables are not there yet. Lines stay where they are. */
export async function seedWhereThere(source: SqlSource): Promise<SqlSource> {
  const statements = (await splitStatements(source.text)) ?? [];
  let [text, from] = ["", 0];
  for (const { node, start, end } of statements) {
    const sql = source.text.slice(start, end);
    const blank = /^(?:\s+|--[^\n]*|\/\*[\s\S]*?\*\/)*/.exec(sql)?.[0] ?? "";
    text += source.text.slice(from, start);
    text += holdsRows(node) ? `${blank}${whereThere(sql.slice(blank.length))}` : sql;
    from = end;
  }
  return { ...source, text: text + source.text.slice(from) };
}

/** Statements of a seed whose rows the state before cannot hold. Each is to be sent where the migrations have made room for them. */
export async function readLaterRows(
  file: string,
  applicant: Applicant,
  cwd: string,
  { database, limits }: { readonly database: DatabaseAddress; readonly limits: Limits },
): Promise<readonly PendingStatement[]> {
  const later: PendingStatement[] = [];
  const client = await connect(database, limits);
  try {
    for (const one of await readPending([file], applicant, cwd)) {
      if (!one.writesRows && !/^\s*select\b/i.test(one.text)) continue;
      const alone = onItsOwn(one);
      await client.query("begin");
      for (const text of alone.prologue) await client.query(text);
      // Rows that are there already are refused by their key, which is no lack.
      const code = await client.query(one.sql).then(
        () => undefined,
        (error: unknown) => (error instanceof DatabaseError ? error.code : undefined),
      );
      await client.query("rollback");
      if (lacking.includes(code ?? "")) later.push(alone);
    }
  } finally {
    await disconnect(client);
  }
  return later;
}

/**
 * Of these statements, those that a state has room for. Sent outside of a subtransaction: the rows are not a probe's.
 * @param later of the seed: another failure than a lack is the seed's
 * @param early of the migrations, before their time: whatever fails is left out
 */
export async function fittingRows(
  { target, applied }: Place,
  later: readonly PendingStatement[],
  early: readonly PendingStatement[],
): Promise<readonly PendingStatement[]> {
  if (later.length + early.length === 0) return [];
  return insideTransaction(target, applied, async (client) => {
    const fitting: PendingStatement[] = [];
    for (const one of [...early, ...later]) {
      await client.query("savepoint rowgate_rows");
      try {
        for (const text of [...one.prologue, one.sql]) await client.query(text);
        await client.query("release savepoint rowgate_rows");
        fitting.push(one);
      } catch (error) {
        if (!(error instanceof DatabaseError)) throw error;
        if (later.includes(one) && !lacking.includes(error.code ?? "")) throw await failureOf(one, error);
        await client.query("rollback to savepoint rowgate_rows");
      }
    }
    return fitting;
  });
}

/** That rows of the seed are not there before the migrations. */
export function laterRowsNote(later: readonly PendingStatement[]): readonly string[] {
  const [first] = later;
  if (first === undefined) return [];
  const lines = later.map(({ line }) => line).join(", ");
  return [
    `${first.file}: the rows of ${later.length === 1 ? "line" : "lines"} ${lines} name what is not there before the migrations; they are put in as soon as it is there`,
  ];
}
