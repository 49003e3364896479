import { operationInfo } from "../../model/operations.ts";
import type { PolicyInfo, RelationInfo } from "../../model/catalog.ts";
import type { Cell } from "../../model/cell.ts";
import { freshValue } from "./statements.ts";

/** Why writes to this cell's relation cannot be kept to scratch rows; `undefined`: they can. Docs: docs/adr/0010. */
export function refusalOf(cell: Cell, mayFire: boolean): string | undefined {
  const { operation, relation } = cell;
  if (operation === "execute") return because("a function that writes may write anywhere");
  if (operationInfo[operation].blind) return because("without a filter a write reaches everybody's rows");
  return ofRelation(relation.info, relation.key, mayFire) ?? ofPolicies(cell) ?? ofUpdate(cell, relation.key);
}

function because(why: string): string {
  return `the gateway commits, and ${why}`;
}

function ofRelation(info: RelationInfo, key: readonly string[], mayFire: boolean): string | undefined {
  if (info.kind !== "table")
    return because(`scratch rows are made in plain tables only: this is a ${kinds[info.kind]}`);
  const fires = [...info.triggers.filter(({ enabled }) => enabled).map(({ name }) => name), ...info.rules];
  if (fires.length > 0 && !mayFire)
    return because(
      `what ${fires.join(", ")} would do elsewhere no removal takes back: say \`survives:\` and why in the matrix if it may`,
    );
  if (key.length === 0) return because("nothing names a row of it");
  if (freshColumns(info, key).length === 0)
    return because(`its key (${key.join(", ")}) cannot be given a fresh value`);
  return undefined;
}

function ofPolicies(cell: Cell): string | undefined {
  const { info } = cell.relation;
  const read = likeNoOther(cell).filter((name) =>
    info.policies.some((policy) => mentions(policy, info, name)),
  );
  if (read.length === 0) return undefined;
  return because(
    `a policy depends on ${read.join(", ")}, where a scratch row is like no other: that it is denied proves nothing`,
  );
}

/** Columns that get a fresh value: of an INSERT's key those that some candidate does not say. */
function likeNoOther({ operation, relation: { info, key }, candidates }: Cell): readonly string[] {
  return operation === "insert"
    ? freshColumns(info, key).filter((name) => candidates.some(({ values }) => values[name] === undefined))
    : (freshOfCopy(info, key) ?? []);
}

/**
 * Whether a condition reads this column of the row that it is asked about, by itself or with the whole row. Postgres prints
 * columns bare where there is one table only, and with their table's name within a subquery.
 */
function mentions({ using, check }: PolicyInfo, { name }: RelationInfo, column: string): boolean {
  const [table, own] = [name, column].map((one) => `"?${literally(one.replaceAll('"', '""'))}"?`);
  const reads = new RegExp(
    String.raw`(?<![\w$."])${own}(?![\w$"])|(?<![\w$"])${table}\.(?:${own}(?![\w$"])|\*)`,
  );
  return [using, check].some((text) => text !== null && reads.test(text));
}

function literally(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`);
}

const kinds: Readonly<Record<Exclude<RelationInfo["kind"], "table">, string>> = {
  partitioned: "partitioned table",
  view: "view",
  materialized: "materialized view",
  foreign: "foreign table",
  function: "function",
};

function ofUpdate({ update }: Cell, key: readonly string[]): string | undefined {
  const moves = [
    ...(update?.set === undefined ? [] : [update.set]),
    ...(update?.never ?? []).map(({ values }) => values),
  ];
  return moves.some((values) => key.some((name) => name in values))
    ? because("a row whose key is changed could not be found again")
    : undefined;
}

/** Columns of a key that can have a fresh value: those that point to other rows cannot. */
export function freshColumns(info: RelationInfo, key: readonly string[]): readonly string[] {
  const pointing = new Set(
    info.constraints.flatMap(({ type, columns }) => (type === "foreign key" ? columns : [])),
  );
  return info.columns
    .filter(
      (column) => key.includes(column.name) && !pointing.has(column.name) && freshValue(column) !== undefined,
    )
    .map(({ name }) => name);
}

/** What a copy must not share with the row that it is made of: a column of each unique key; `undefined`: some key has none. */
export function freshOfCopy(info: RelationInfo, key: readonly string[]): readonly string[] | undefined {
  const unique = info.constraints.flatMap(({ type, columns }) =>
    type === "primary key" || type === "unique" ? [columns] : [],
  );
  // One column of a key is enough, and the others may be what a policy is about.
  const fresh = new Set(freshColumns(info, key).slice(-1));
  for (const columns of [...unique, info.primaryKey, ...info.uniqueKeys]) {
    if (columns.length === 0 || columns.some((name) => fresh.has(name))) continue;
    const [first] = freshColumns(info, columns);
    if (first === undefined) return undefined;
    fresh.add(first);
  }
  return [...fresh];
}
