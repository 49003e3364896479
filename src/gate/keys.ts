import type { ClientBase } from "pg";
import { quoteQualified } from "../lib/sql-text.ts";
import type { RelationInfo } from "../model/catalog.ts";
import type { Cell, PlannedRelation } from "../model/cell.ts";
import type { Operation } from "../model/matrix.ts";
import { operationInfo } from "../model/operations.ts";
import type { Posted } from "../probe/sql/batch.ts";
import type { DirectChannel } from "../probe/sql/channel.ts";
import { keyText } from "../probe/sql/compared.ts";
import { firstRequest } from "../probe/sql/first-requests.ts";
import type { BatchRequest, Reply } from "../probe/sql/protocol.ts";
import { comparedColumns } from "../probe/what-to-compare.ts";
import { privilegesOf } from "../probe/what-to-write.ts";

/** Keys of rows as text: those that a persona reaches, and all that there are. */
export interface Rows {
  readonly reached: readonly string[];
  readonly all: readonly string[];
}

/** Of a larger relation only the number of rows is compared. */
const mostKeys = 10_000;

/** The keys of all rows, of each relation in which a key names them. @returns by the relation's oid */
export async function allKeys(
  client: ClientBase,
  relations: readonly PlannedRelation[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const keys = new Map<string, readonly string[]>();
  for (const { info, baseline, key } of relations) {
    if (key.length === 0 || !names(baseline, key)) continue;
    const { rows } = await client.query<{ keys: string[] | null }>(
      `select array_agg(k) as keys from (select ${keyText(key)} as k from ${quoteQualified(baseline)} limit ${mostKeys + 1}) x`,
    );
    const found = rows[0]?.keys ?? [];
    if (found.length <= mostKeys) keys.set(info.oid, found);
  }
  return keys;
}

function names({ columns }: RelationInfo, key: readonly string[]): boolean {
  return key.every((one) => columns.some(({ name }) => name === one));
}

export interface Counted {
  readonly cell: Cell;
  readonly count: number;
  readonly of: number;
}

/** The rows that each cell reaches, where their keys are known: as many as the probe has counted. */
export async function rowsOf(
  channel: DirectChannel,
  all: ReadonlyMap<string, readonly string[]>,
  counted: readonly Counted[],
): Promise<readonly (Rows | undefined)[]> {
  const known = counted.map(({ cell, of }) => {
    const keys = all.get(cell.relation.info.oid);
    return cell.column === undefined && cell.call === undefined && keys?.length === of ? keys : undefined;
  });
  const asked = counted.flatMap(({ cell, count, of }, index): readonly (Posted & { index: number })[] => {
    if (known[index] === undefined || count === 0 || count === of) return [];
    const request = keysRequest(cell);
    return request === undefined ? [] : [{ cell, request, index }];
  });
  const replies = asked.length === 0 ? [] : await channel.ask(asked);
  const found = new Map(
    asked.map(({ index, cell }, place) => [index, keysIn(replies[place], cell, known[index])]),
  );
  return counted.map(({ count, of }, index) => {
    const keys = known[index];
    if (keys === undefined) return undefined;
    const reached = count === 0 ? [] : count === of ? keys : found.get(index);
    return reached?.length === count ? { reached, all: keys } : undefined;
  });
}

function keysRequest(cell: Cell): BatchRequest | undefined {
  const { key, baseline, base, info } = cell.relation;
  const keys = `json_agg(${keyText(key)})::text`;
  switch (cell.operation) {
    case "select": {
      if (comparedColumns(cell, privilegesOf(cell).select) !== key) return undefined;
      return { kind: "read", statements: [`select count(*), ${keys} from ${quoteQualified(info)}`] };
    }
    case "update":
    case "blind_update": {
      if (base === undefined || !names(base, key)) return undefined;
      const changed = `select count(*), ${keys} from ${quoteQualified(base)} where pg_catalog.age(xmin) < 0`;
      return withAfter(cell.operation, cell, changed);
    }
    case "delete":
    case "blind_delete":
      return withAfter(
        cell.operation,
        cell,
        `select count(*), coalesce(${keys}, '[]') from ${quoteQualified(baseline)}`,
      );
    default:
      return undefined;
  }
}

function withAfter(operation: Exclude<Operation, "insert">, cell: Cell, after: string): BatchRequest {
  const request = firstRequest[operation](cell, { replica: false, logins: false });
  return { ...request, control: undefined, after: [after] };
}

function keysIn(
  reply: Reply | undefined,
  { operation }: Cell,
  all: readonly string[] = [],
): readonly string[] | undefined {
  const part = reply?.kind === "parts" ? reply.parts.at(-1) : undefined;
  if (part === undefined || part.code !== undefined) return undefined;
  const { reads, events } = operationInfo[operation];
  const text = reads ? part.hash : part.after;
  if (text === undefined) return undefined;
  const keys = JSON.parse(text) as readonly string[];
  if (!events.includes("delete")) return keys;
  const left = new Set(keys);
  return all.filter((one) => !left.has(one));
}
