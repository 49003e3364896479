import { randomBytes } from "node:crypto";
import type { Client } from "pg";
import type { Identity } from "../../model/channel.ts";
import type { SamenessFacts, Visit } from "../../model/examination-gateway.ts";
import { formatQualified, type QualifiedName, quoteQualified } from "../../model/sql-text.ts";
import { fillSql } from "../../sql.ts";
import { pathOf } from "./cache.ts";
import type { Visitor } from "./visitor.ts";

export interface SamenessQuestions {
  readonly visitor: Visitor;
  /** Of the direct connection's database. */
  readonly client: Client;
  /** One that the gateway knows, and a column of it. */
  readonly known: { readonly relation: QualifiedName; readonly column: string };
  /** Where a persona's role may read, small ones first. */
  readonly readable: readonly { readonly relation: QualifiedName; readonly identity: Identity }[];
  readonly token: string | undefined;
  /** What the gateway logs in as, where that is known. */
  readonly login: string | undefined;
  readonly patienceMs: number;
}

const asksAtOnce = 6;
const asksAtMost = 600;
const rowsAtMost = 12;
const looks = 3;

/**
 * Do both sides answer for one database? A word that nobody else uses is sent through the gateway as the name of a column,
 * and looked for among the statements that the direct connection's server runs.
 */
export async function askWhetherSame(questions: SamenessQuestions): Promise<SamenessFacts> {
  const seen = await seeStatement(questions);
  return { seen, row: seen === "seen" ? undefined : await compareRow(questions) };
}

async function seeStatement(questions: SamenessQuestions): Promise<SamenessFacts["seen"]> {
  const { visitor, client, known, token, login, patienceMs } = questions;
  if (!(await maySee(client, login))) return "blind";
  const word = `rowgate_${randomBytes(8).toString("hex")}`;
  const path = pathOf(known.relation, `select=${word}:${encodeURIComponent(quoted(known.column))}&limit=1`);
  const send = (): Promise<Visit> => visitor.get(path, { token, schema: known.relation.schema });
  // An error of PostgREST's own comes before any statement.
  if ((await send()).code?.startsWith("PGRST") === true) return "unsent";
  const over = new AbortController();
  const keepSending = async (): Promise<void> => {
    for (let sent = 0; !over.signal.aborted && sent < asksAtMost / asksAtOnce; sent += 1) await send();
  };
  const sending = Promise.allSettled(Array.from({ length: asksAtOnce }, keepSending));
  try {
    return (await watch(client, word, Math.min(3000, patienceMs / 3))) ? "seen" : "unseen";
  } finally {
    over.abort();
    await sending;
  }
}

/** Whoever may not see others' statements would wait for nothing. */
async function maySee(client: Client, login: string | undefined): Promise<boolean> {
  const { rows } = await client.query<{ may: boolean }>(
    "select current_setting('track_activities')::bool and (pg_has_role(current_user, 'pg_read_all_stats', 'usage') " +
      "or exists (select from pg_roles where rolname = $1 and pg_has_role(current_user, oid, 'usage'))) as may",
    [login ?? null],
  );
  return rows[0]?.may === true;
}

async function watch(client: Client, word: string, milliseconds: number): Promise<boolean> {
  await client.query("begin read only");
  try {
    await client.query(
      fillSql("doctor_statement_seen.sql", { word, milliseconds: String(Math.round(milliseconds)) }),
    );
    const { rows } = await client.query<{ seen: string }>("select current_setting('rowgate.seen') as seen");
    return rows[0]?.seen === "yes";
  } finally {
    await client.query("rollback");
  }
}

/** A row as Postgres itself tells it apart: its table, its place, and the transaction that wrote it. */
interface SystemColumns {
  readonly tableoid: string | number;
  readonly ctid: string;
  readonly xmin: string | number;
}

async function compareRow({ visitor, client, readable }: SamenessQuestions): Promise<SamenessFacts["row"]> {
  for (const { relation, identity } of readable.slice(0, rowsAtMost)) {
    const answers: (boolean | undefined)[] = [];
    // Somebody may change the row between the two looks, not three times over.
    while (answers.length < looks && !answers.includes(true)) {
      const row = await rowOf(visitor, relation, identity);
      if (row === undefined) break;
      answers.push(await isHere(client, relation, row));
    }
    const isTold = answers.length > 0 && !answers.includes(undefined);
    if (isTold) return { relation: formatQualified(relation), isHere: answers.includes(true) };
  }
  return undefined;
}

async function rowOf(
  visitor: Visitor,
  relation: QualifiedName,
  { token }: Identity,
): Promise<SystemColumns | undefined> {
  const request = { token, schema: relation.schema };
  const { rows, body } = await visitor.get(pathOf(relation, "select=tableoid,ctid,xmin&limit=1"), request);
  return rows ? (JSON.parse(body) as SystemColumns[])[0] : undefined;
}

/** `undefined`: this login does not see every row, so that one which it does not see says nothing. */
async function isHere(
  client: Client,
  relation: QualifiedName,
  row: SystemColumns,
): Promise<boolean | undefined> {
  const found = `select exists (select from ${quoteQualified(relation)} where tableoid = $1::oid and ctid = $2::tid and xmin = $3::xid) as here`;
  await client.query("begin read only; set local row_security = off");
  try {
    const values = [String(row.tableoid), row.ctid, String(row.xmin)];
    return (await client.query<{ here: boolean }>(found, values)).rows[0]?.here;
  } catch {
    return undefined;
  } finally {
    await client.query("rollback");
  }
}

/** As PostgREST's query string names a column: a quoted one may hold anything. */
function quoted(column: string): string {
  return `"${column.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
}
