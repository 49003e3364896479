import { randomBytes } from "node:crypto";
import type { Identity } from "../../model/channel.ts";
import type { SamenessFacts, Visit } from "../../model/examination-gateway.ts";
import { formatQualified, type QualifiedName, quoteQualified } from "../../lib/sql-text.ts";
import { watchFor } from "../../probe/http/verify/same-database.ts";
import type { Sight } from "../../probe/http/privileged.ts";
import { pathOf } from "./cache.ts";
import type { Visitor } from "./visitor.ts";

export interface SamenessQuestions {
  readonly visitor: Visitor;
  /** Of the direct connection's database. */
  readonly sight: Sight;
  /** One that the gateway knows, and a column of it. */
  readonly known: { readonly relation: QualifiedName; readonly column: string };
  /** Where a persona's role may read, small ones first. */
  readonly readable: readonly { readonly relation: QualifiedName; readonly identity: Identity }[];
  readonly token: string | undefined;
  /** How long a statement of ours may take. */
  readonly statementTimeoutMs: number;
}

const longestMs = 3000;
const asksAtOnce = 6;
const rowsAtMost = 12;
const looks = 3;

/**
 * Do both sides answer for one database? As a run asks it, and where that shows nothing, by a row that the gateway shows:
 * a run would only say that it cannot tell.
 */
export async function askWhetherSame(questions: SamenessQuestions): Promise<SamenessFacts> {
  const seen = await seeStatement(questions);
  return { seen, row: seen === "seen" ? undefined : await compareRow(questions) };
}

async function seeStatement({
  visitor,
  sight,
  known,
  token,
  statementTimeoutMs,
}: SamenessQuestions): Promise<SamenessFacts["seen"]> {
  const nonce = `rowgate_${randomBytes(12).toString("hex")}`;
  const path = pathOf(known.relation, `select=${nonce}:${encodeURIComponent(quoted(known.column))}&limit=1`);
  const send = (): Promise<Visit> => visitor.get(path, { token, schema: known.relation.schema });
  // An error of PostgREST's own comes before any statement.
  if ((await send()).code?.startsWith("PGRST") === true) return "unsent";
  const over = new AbortController();
  const keepSending = async (): Promise<void> => {
    while (!over.signal.aborted) await send();
  };
  const sending = Promise.allSettled(Array.from({ length: asksAtOnce }, keepSending));
  try {
    const { seen, unseen } = await watchFor(sight, nonce, Math.min(longestMs, statementTimeoutMs / 2));
    if (seen) return "seen";
    return unseen > 0 ? "blind" : "unseen";
  } finally {
    over.abort();
    await sending;
  }
}

/** A row as Postgres itself tells it apart: its table, its place, and the transaction that wrote it. */
interface SystemColumns {
  readonly tableoid: string | number;
  readonly ctid: string;
  readonly xmin: string | number;
}

async function compareRow({ visitor, sight, readable }: SamenessQuestions): Promise<SamenessFacts["row"]> {
  for (const { relation, identity } of readable.slice(0, rowsAtMost)) {
    const answers: (boolean | undefined)[] = [];
    // Somebody may change the row between the two looks, not three times over.
    while (answers.length < looks && !answers.includes(true)) {
      const row = await rowOf(visitor, relation, identity);
      if (row === undefined) break;
      answers.push(await isHere(sight, relation, row));
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
  sight: Sight,
  relation: QualifiedName,
  row: SystemColumns,
): Promise<boolean | undefined> {
  const found = `select exists (select from ${quoteQualified(relation)} where tableoid = $1::oid and ctid = $2::tid and xmin = $3::xid) as here`;
  const values = [String(row.tableoid), row.ctid, String(row.xmin)];
  const [answer] = await sight.look((ask) => ask<{ here: boolean }>(found, values)).catch(() => []);
  return answer?.here;
}

/** As PostgREST's query string names a column: a quoted one may hold anything. */
function quoted(column: string): string {
  return `"${column.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
}
