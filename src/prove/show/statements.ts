import { isCode } from "../../model/answers.ts";
import type { Privileges } from "../../model/catalog.ts";
import { quoteIdent, quoteQualified } from "../../lib/sql-text.ts";
import type { ProofColumn } from "../analyse/schema.ts";
import type { Row } from "../ask/evaluate.ts";
import { isError, type StepAnswer } from "../ask/step.ts";
import { placed } from "./place.ts";
import { typedLiteral } from "./rows.ts";
import type { Showing } from "./shown.ts";

export interface OldSide {
  readonly showing: Showing;
  readonly command: "select" | "update" | "delete" | "upsert";
  /** Statements that read no column. */
  readonly blind: boolean;
  readonly side: "more" | "less";
  /** Columns that the role may read and write. */
  readonly held: Pick<Privileges, "select" | "insert" | "update">;
  /** For UPDATE: rows that the new side lets through. */
  readonly newRows: readonly Row[];
  /** What policy and matrix say of a row does not depend on the relation's other rows. */
  readonly alone: boolean;
  /** Columns of ON CONFLICT. */
  readonly key: readonly string[];
}

export interface Statement {
  readonly sql: string;
  readonly rows: boolean;
}

export function statementsOf(old: OldSide, byPlace: boolean, known: Row): readonly Statement[] {
  const { command, blind, held, showing } = old;
  const table = quoteQualified(showing.space.relation);
  const readable = held.select[0] === undefined ? undefined : quoteIdent(held.select[0]);
  const readsColumn = readable === undefined ? "" : ` where (${readable} is null or ${readable} is not null)`;
  const where = blind ? "" : byPlace ? ` where ${placed(table)}` : readsColumn;
  if (command === "select")
    return [{ sql: `select count(*)::text from ${table}${byPlace ? where : ""}`, rows: true }];
  if (command === "delete") return [{ sql: `delete from ${table}${where}`, rows: false }];
  const sets = assignmentsFor(old, known);
  const statements =
    command === "update"
      ? sets.map((set) => `update ${table} set ${set}${where}`)
      : sets.map((set) => upsertSql(old, known, set));
  return statements.map((sql) => ({ sql, rows: false }));
}

/** What to SET: a value that the row has already, then rows that the new side lets through. */
function assignmentsFor({ held, newRows, showing }: OldSide, known: Row): readonly string[] {
  const { relation } = showing.space;
  const writable = relation.columns.filter(
    ({ name, generated, identity }) => held.update.includes(name) && !generated && identity !== "always",
  );
  const same =
    writable.find(({ name }) => typeof known[name] === "string") ??
    writable.find(({ name }) => Object.hasOwn(known, name)) ??
    writable[0];
  const moves = [...newRows.slice(0, 6), ...newRows.slice(-4)].map((row) =>
    writable
      .flatMap((column) =>
        Object.hasOwn(row, column.name) ? [assigned(column, row[column.name] ?? null)] : [],
      )
      .join(", "),
  );
  const stays = same === undefined ? "" : assigned(same, known[same.name]);
  return [...new Set([stays, ...moves])].filter((one) => one !== "");
}

/** `undefined`: what the column's default is. */
function assigned(column: ProofColumn, value: string | null | undefined): string {
  return `${quoteIdent(column.name)} = ${value === undefined ? "default" : typedLiteral(column, value)}`;
}

function upsertSql({ showing, held, key }: OldSide, known: Row, set: string): string {
  const { relation } = showing.space;
  const stored = `pg_catalog.jsonb_populate_record(null::${quoteQualified(relation)}, pg_catalog.current_setting('rowgate.stored')::jsonb)`;
  const columns = relation.columns.filter(
    ({ name, generated, identity }) => held.insert.includes(name) && !generated && identity !== "always",
  );
  const values = columns.map((column) =>
    Object.hasOwn(known, column.name)
      ? typedLiteral(column, known[column.name] ?? null)
      : `(select ${quoteIdent(column.name)} from ${stored})`,
  );
  return (
    `insert into ${quoteQualified(relation)} (${columns.map(({ name }) => quoteIdent(name)).join(", ")}) values (${values.join(", ")}) ` +
    `on conflict (${key.map(quoteIdent).join(", ")}) do update set ${set}`
  );
}

export interface Outcome {
  readonly affected: boolean;
  readonly statement: string;
  readonly error: string | undefined;
  readonly code?: string | undefined;
}

/**
 * Did a statement reach the row?
 * @param only no statement could meet another row
 */
export function reached(
  answers: readonly StepAnswer[],
  statements: readonly Statement[],
  { command }: OldSide,
  only: boolean,
  before: number | undefined,
): Outcome {
  let error: string | undefined;
  let code: string | undefined;
  for (const [index, { sql }] of statements.entries()) {
    const [did, still] = [answers[index * 2], answers[index * 2 + 1]];
    if (isError(did)) {
      // A foreign key or a unique index is asked after the policies; here it can only be about this row.
      if ((isCode(did.code, "foreignKey") || isCode(did.code, "unique")) && command !== "upsert" && only)
        return { affected: true, statement: sql, error: undefined };
      error = `${did.message} (${did.code})`;
      code = did.code;
      continue;
    }
    if (command === "select") {
      const count = did !== undefined && "value" in did ? Number(did.value) : 0;
      return { affected: count > (before ?? 0), statement: sql, error: undefined };
    }
    if (still !== undefined && "value" in still && still.value === "0")
      return { affected: true, statement: sql, error: undefined };
  }
  return { affected: false, statement: statements[0]?.sql ?? "", error, code };
}
