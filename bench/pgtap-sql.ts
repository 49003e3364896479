import { insertSql } from "../dist/probe/sql/statements.js";
import type { Cell } from "../dist/model/cell.js";
import { quoteIdent, quoteLiteral, quoteQualified } from "../dist/lib/sql-text.js";

/** A row of a relation as full sight sees it. */
export interface KnownRow {
  readonly id: string;
  readonly owner: string;
}

/**
 * A pgTAP test of one relation's cells: full sight's rows first, then persona after persona, each switched to once.
 * Expected rows are literals, read with full sight when the file was made.
 */
export function pgTapSection(cells: readonly Cell[], rows: readonly KnownRow[]): readonly string[] {
  const info = cells[0]?.relation.info;
  if (info === undefined) return [];
  const all = idArray(rows);
  const control = `select results_eq(${dollar(`select id from ${quoteQualified(info)} order by id`)}, ${all}, 'full sight: ${info.name}');`;
  const personas = new Map<string, Cell[]>();
  for (const cell of cells)
    personas.set(cell.persona.name, [...(personas.get(cell.persona.name) ?? []), cell]);
  return [
    "reset role;",
    control,
    ...[...personas.values()].flatMap((own) => [
      switchTo(own[0] as Cell),
      ...own.flatMap((cell) => assertions(cell, rows)),
    ]),
  ];
}

/** How many assertions the section makes: what `plan()` is told. */
export function assertionCount(section: readonly string[]): number {
  return section.filter((line) => /^select (results_eq|is_empty|throws_ok)\(/.test(line)).length;
}

/** A file that `pg_prove` runs. */
export function pgTapFile(sections: readonly (readonly string[])[]): string {
  const lines = sections.flat();
  return [
    "begin;",
    "set local search_path = public, tap;",
    `select plan(${assertionCount(lines)});`,
    ...lines,
    "reset role;",
    "select * from finish();",
    "rollback;",
    "",
  ].join("\n");
}

function switchTo({ persona }: Cell): string {
  const claims =
    persona.claims === undefined ? "" : JSON.stringify({ ...persona.claims, role: persona.role });
  return `select set_config('request.jwt.claims', ${quoteLiteral(claims)}, true), set_config('role', ${quoteLiteral(persona.role)}, true) \\gset ignored_`;
}

function assertions(cell: Cell, rows: readonly KnownRow[]): readonly string[] {
  if (cell.operation === "insert") return inserts(cell);
  const table = quoteQualified(cell.relation.info);
  const statement = {
    select: `select id from ${table} order by id`,
    update: `with u as (update ${table} set title = title returning id) select id from u order by id`,
    delete: `with d as (delete from ${table} returning id) select id from d order by id`,
  }[cell.operation as "select" | "update" | "delete"];
  const name = quoteLiteral(cell.id);
  const held = cell.relation.info.privileges[cell.persona.role];
  if (held === undefined || held.select.length === 0) return [throws(statement, name)];
  const declared =
    cell.expectation.kind === "allow"
      ? rows
      : cell.expectation.kind === "rows"
        ? rows.filter(({ owner }) => owner === cell.persona.claims?.["sub"])
        : [];
  const assertion =
    declared.length === 0
      ? `select is_empty(${dollar(statement)}, ${name});`
      : `select results_eq(${dollar(statement)}, ${idArray(declared)}, ${name});`;
  return cell.operation !== "select" && declared.length > 0 ? undone(assertion) : [assertion];
}

function inserts({ candidates, expectation, relation, id }: Cell): readonly string[] {
  return candidates.flatMap(({ name, values }) => {
    const statement = insertSql(relation.info, values);
    const wanted =
      expectation.kind === "allow" ||
      (expectation.kind === "candidates" && expectation.accept.includes(name));
    const title = quoteLiteral(`${id} ${name}`);
    if (!wanted) return [throws(statement, title)];
    const columns = Object.keys(values);
    const stored = `${statement} returning ${columns.map((column) => `${quoteIdent(column)}::text`).join(", ")}`;
    const sent = `values (${columns.map((column) => textLiteral(values[column] ?? null)).join(", ")})`;
    return undone(`select results_eq(${dollar(stored)}, ${dollar(sent)}, ${title});`);
  });
}

/** pgTAP counts its assertions in a sequence, which a savepoint does not take back. */
function undone(assertion: string): readonly string[] {
  return ["savepoint probe;", assertion, "rollback to savepoint probe;"];
}

function throws(statement: string, name: string): string {
  return `select throws_ok(${dollar(statement)}, '42501', null, ${name});`;
}

function idArray(rows: readonly KnownRow[]): string {
  return `'{${rows.map(({ id }) => id).join(",")}}'::bigint[]`;
}

function textLiteral(value: string | null): string {
  return value === null ? "null::text" : `${quoteLiteral(value)}::text`;
}

function dollar(statement: string): string {
  return `$probe$${statement}$probe$`;
}
