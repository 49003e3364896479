import { type Changed, unchanged } from "./analyse/changes.ts";
import { columnOf, type Fact, type Facts, sidesOf, uncovered } from "./analyse/contained.ts";
import type { ProofRelation } from "./analyse/schema.ts";
import { type TableRow, valueKey } from "./analyse/terms.ts";
import { row } from "./analyse/tree.ts";
import { isError, privileged } from "./ask/step.ts";
import type { Row } from "./ask/evaluate.ts";
import { perObject } from "../lib/recent.ts";
import { saidBy, type Sides } from "./contained.ts";
import type { Context } from "./context.ts";
import { quoteIdent, quoteLiteral, quoteQualified } from "../lib/sql-text.ts";

/** Tables as they are, but for these changes. */
type Changes = ReadonlyMap<ProofRelation, Changed>;

/**
 * Does the policy let through nothing but what is declared, of a row that is one of its table, once these changes are made? Other tables hold
 * what they hold: a way through the policy that asks for a row that is nowhere lets nothing through. `false`: it is not known.
 */
export async function holdingAfter(
  context: Context,
  sides: Sides,
): Promise<(changes: Changes) => Promise<boolean>> {
  const said = await saidBy(context, sides);
  if (said === undefined) return () => Promise.resolve(false);
  const { relation } = context.space;
  const { schema } = context.knowledge;
  // Rows of a child may have the key of another child's, and what is equal by a collation may be two keys.
  const isKey = ({ relation: of }: TableRow, key: readonly string[]): boolean =>
    (of.kind === "partitioned" || schema.kin(of).length === 1) &&
    key.every((name) => of.columns.find((one) => one.name === name)?.deterministic === true);
  const open = uncovered(said.premises, said.goals, said.values, { row: { name: row, relation }, isKey });
  return async (changes) => {
    const { rows, columns, deletes } = changes.get(relation) ?? unchanged;
    // The row may not be the one that stands in the table.
    if (rows === undefined || columns?.size !== 0 || deletes) return false;
    for (const one of open) if (await couldBe({ context, changes, isKey }, one)) return false;
    return true;
  };
}

interface Within {
  readonly context: Context;
  readonly changes: Changes;
  readonly isKey: (row: TableRow, key: readonly string[]) => boolean;
}

/** May there be such rows after the changes? */
async function couldBe(within: Within, { rows, facts }: Facts): Promise<boolean> {
  const relations = new Map(rows.map(({ name, relation }) => [name, relation]));
  const stay = facts.filter((one) =>
    columnsIn(one).every(({ row: of, column }) => {
      const changed = within.changes.get(relations.get(of) as ProofRelation);
      return changed === undefined || changed.columns?.has(column) === false;
    }),
  );
  const there: TableRow[] = [];
  for (const one of rows) if (one.name !== row && (await isOld(within, one, stay))) there.push(one);
  return there.length === 0 || (await areThere(within, there, stay)) !== "no";
}

/** Is it none but one of the rows that were there before? */
async function isOld(within: Within, one: TableRow, facts: readonly Fact[]): Promise<boolean> {
  const changed = within.changes.get(one.relation);
  if (changed === undefined) return true;
  const own = facts.filter((fact) => isOf(fact, one.name));
  if (changed.rows?.every((put) => own.some((fact) => contradicts(fact, put, one.relation))) === true)
    return true;
  // A row that is there with that key keeps others from having it.
  const byKey = one.relation.keys
    .filter((names) => within.isKey(one, names))
    .map((names) => names.map((name) => own.find((fact) => equals(fact, name))))
    .find((found): found is Fact[] => !found.includes(undefined));
  return !changed.deletes && byKey !== undefined && (await areThere(within, [one], byKey)) === "yes";
}

/** `undefined`: it could not be asked. What is known of them and cannot be asked is left out. */
async function areThere(
  { context: { session } }: Within,
  rows: readonly TableRow[],
  facts: readonly Fact[],
): Promise<"yes" | "no" | undefined> {
  const names = new Set(rows.map(({ name }) => name));
  const from = rows.map(({ name, relation }) => `${quoteQualified(relation)} as ${quoteIdent(name)}`);
  const met = ["true", ...facts.flatMap((one) => sqlOf(one, names) ?? [])];
  const sql = `select exists (select from ${from.join(", ")} where ${met.join(" and ")})::text`;
  const answer = await session.ask(privileged, sql);
  if (isError(answer) || !("value" in answer)) return undefined;
  return answer.value === "false" ? "no" : "yes";
}

/** Does it speak of a column of this row alone? */
function isOf(fact: Fact, name: string): boolean {
  if (fact.kind === "text" || (fact.kind === "compared" && fact.value === undefined)) return false;
  return columnsIn(fact)[0]?.row === name;
}

function equals(fact: Fact, column: string): boolean {
  const isEqual = fact.kind === "compared" && fact.operator === "=" && fact.value !== undefined;
  return isEqual && columnsIn(fact)[0]?.column === column;
}

/** Does a row that is put in certainly hold something else in that column? */
function contradicts(fact: Fact, put: Row, { columns }: ProofRelation): boolean {
  const name = columnsIn(fact)[0]?.column ?? "";
  const column = columns.find((one) => one.name === name);
  const value = put[name];
  // A type with a length, or a domain over one, may shorten it.
  if (
    column === undefined ||
    value === undefined ||
    column.generated ||
    column.domain ||
    column.type.includes("(")
  )
    return false;
  switch (fact.kind) {
    case "compared": {
      const key = value === null ? undefined : valueKey(column, value, undefined);
      return value === null || (fact.operator === "=" && key !== undefined && key !== fact.sides[1]);
    }
    case "null":
      return value !== null;
    case "not null":
      return value === null;
    case "one of":
      return value === null || (column.labels?.includes(value) === true && !fact.labels.includes(value));
    case "text":
      return false;
  }
}

/** `undefined`: it speaks of other rows too, or what it says is not known well enough. */
function sqlOf(fact: Fact, names: ReadonlySet<string>): string | undefined {
  return columnsIn(fact).every((one) => names.has(one.row)) ? sqlOfFact(fact) : undefined;
}

const columnsIn = perObject((fact: Fact) => sidesOf(fact).flatMap((side) => columnOf(side) ?? []));

function columnSql(side: string): string | undefined {
  const found = columnOf(side);
  return found && `${quoteIdent(found.row)}.${quoteIdent(found.column)}`;
}

const sqlOfFact = perObject((fact: Fact): string | undefined => {
  if (fact.kind === "text") return undefined;
  if (fact.kind === "compared") {
    const [a, b] = fact.sides;
    const left = columnSql(a);
    const right = fact.value === undefined ? columnSql(b) : quoteLiteral(fact.value);
    return left && right && `${left} ${fact.operator} ${right}`;
  }
  const column = columnSql(fact.column);
  if (column === undefined) return undefined;
  if (fact.kind !== "one of") return `${column} is ${fact.kind}`;
  return fact.labels.length === 0 ? "false" : `${column} in (${fact.labels.map(quoteLiteral).join(", ")})`;
});
