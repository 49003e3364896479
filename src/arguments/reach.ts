import { quoteIdent, quoteLiteral, quoteQualified } from "../lib/sql-text.ts";
import type { Catalog, RelationInfo } from "../model/catalog.ts";
import type { Expectation, Matrix, RelationSpec } from "../model/matrix.ts";
import { bindPredicate, columnExpectations } from "../plan/columns.ts";
import { resolveExpectation } from "../plan/expectation.ts";
import { findRelation } from "../plan/missing.ts";
import type { HiddenTable } from "./answers.ts";
import type { CallDatabase } from "./database.ts";
import { type Caller, type Table, type TableRow, type Values, valuesOf } from "./world.ts";

/** What the matrix declares for one persona, as rows. */
export interface Reach {
  /** What it may read, by the columns that it may read. */
  readonly known: readonly Values[];
  readonly hidden: ReadonlyMap<string, HiddenTable>;
  /** Whether it may change, or delete, this row of the table. */
  readonly mayWrite: (row: TableRow, how: "update" | "delete") => boolean;
}

const places = ({ place, at }: Pick<TableRow, "place" | "at">): string => `${place} ${at}`;

export async function reachOf(
  caller: Caller,
  tables: readonly Table[],
  { matrix, catalog }: { readonly matrix: Matrix; readonly catalog: Catalog },
  database: CallDatabase,
): Promise<Reach> {
  const known: Values[] = [];
  const seen = new Set<string>();
  const declared = new Set<string>();
  const writable = { update: new Set<string>(), delete: new Set<string>() };
  await Promise.all(
    matrix.relations.map(async (spec) => {
      const info = findRelation(catalog, spec);
      const control = spec.control === undefined ? info : findRelation(catalog, spec.control.from);
      if (info === undefined || control === undefined) return;
      declared.add(info.oid);
      const bind = (predicate: string, column?: string): string =>
        bindPredicate(predicate, { matrix, persona: caller.persona, column });
      const read = await readable(spec, info, control, caller, bind, database);
      const named = new Set(info.columns.map(({ name }) => name));
      const kept =
        control === info ? new Set<string>() : keptBack(control, caller, { matrix, catalog }, named);
      known.push(...read.rows.map(({ values }) => withoutColumns(values, kept)));
      if (control !== info) return;
      if (read.whole) for (const row of read.rows) seen.add(places(row));
      for (const operation of ["update", "delete"] as const) {
        const said = resolveExpectation(spec, caller.persona.name, operation)?.expectation;
        for (const row of await rowsOf(said, control, undefined, bind, database))
          writable[operation].add(places(row));
      }
    }),
  );
  const hidden = tables.map((table): readonly [string, HiddenTable] => {
    const { oid } = table.info;
    const rows = table.rows.filter((row) => !seen.has(places(row)));
    return [oid, { table, rows, denied: declared.has(oid) }];
  });
  return {
    known,
    hidden: new Map(hidden.filter(([, { rows }]) => rows.length > 0)),
    mayWrite: (row, how) => writable[how].has(places(row)) || isNamed(row, caller.identities),
  };
}

/**
 * Columns that the matrix hides in a control relation itself, whatever shows its rows: under another name, or in a document, it shows
 * what is kept back.
 * @param named columns that it shows by their own names, of which its own cells speak
 */
export function keptBack(
  control: RelationInfo,
  { persona }: Caller,
  { matrix, catalog }: { readonly matrix: Matrix; readonly catalog: Catalog },
  named: ReadonlySet<string>,
): ReadonlySet<string> {
  const spec = matrix.relations.find((one) => findRelation(catalog, one) === control);
  const resolved = spec && resolveExpectation(spec, persona.name, "select");
  const fine = resolved === undefined ? [] : columnExpectations(resolved, { info: control });
  return new Set(
    fine
      .filter(({ column, expectation }) => expectation.kind === "deny" && !named.has(column))
      .map(({ column }) => column),
  );
}

export function withoutColumns(values: Values, columns: ReadonlySet<string>): Values {
  return columns.size === 0 ? values : new Map([...values].filter(([name]) => !columns.has(name)));
}

/** A single value tells the caller nothing new where it is in a row that names the caller. */
export function withoutOwn(hidden: readonly HiddenTable[], { identities }: Caller): readonly HiddenTable[] {
  return hidden
    .map((one) => ({ ...one, rows: one.rows.filter((row) => !isNamed(row, identities)) }))
    .filter(({ rows }) => rows.length > 0);
}

function isNamed({ values }: TableRow, identities: readonly string[]): boolean {
  return [...values.values()].some((value) => identities.includes(value));
}

type Bind = (predicate: string, column?: string) => string;

async function readable(
  spec: RelationSpec,
  info: RelationInfo,
  control: RelationInfo,
  caller: Caller,
  bind: Bind,
  database: CallDatabase,
): Promise<{ readonly rows: readonly TableRow[]; readonly whole: boolean }> {
  const resolved = resolveExpectation(spec, caller.persona.name, "select");
  if (resolved === undefined) return { rows: [], whole: false };
  const fine = columnExpectations(resolved, { info });
  const columns = new Set(control.columns.map(({ name }) => name));
  const shown = fine.filter(({ column, expectation }) => expectation.kind !== "deny" && columns.has(column));
  const projection =
    fine.length === 0
      ? undefined
      : shown.map(({ column, expectation }): readonly [string, string | undefined] => [
          column,
          "predicate" in expectation ? bind(expectation.predicate, column) : undefined,
        ]);
  const rows = await rowsOf(resolved.expectation, control, projection, bind, database);
  return { rows, whole: fine.length === 0 };
}

/** Rows under an expectation; `projection`: only these columns, each where its predicate holds. */
export async function rowsOf(
  expectation: Expectation | undefined,
  control: RelationInfo,
  projection: readonly (readonly [column: string, where: string | undefined])[] | undefined,
  bind: Bind,
  database: CallDatabase,
): Promise<readonly TableRow[]> {
  if (expectation === undefined || expectation.kind === "deny" || expectation.kind === "candidates")
    return [];
  const where = expectation.kind === "allow" ? "true" : bind(expectation.predicate);
  const table = quoteQualified(control);
  const isTable = control.kind === "table" || control.kind === "partitioned";
  const place = isTable ? `${table}.tableoid::text, ${table}.ctid::text` : "'', ''";
  const row =
    projection === undefined
      ? `pg_catalog.to_jsonb(${table}.*)`
      : `pg_catalog.jsonb_build_object() ${projection.map(([column, when]) => `|| pg_catalog.jsonb_build_object(${quoteLiteral(column)}, case when ${when === undefined ? "true" : `(${when}\n)`} then pg_catalog.to_jsonb(${table}.${quoteIdent(column)}) end)`).join(" ")}`;
  const text = await database.ask(
    `select coalesce(pg_catalog.json_agg(pg_catalog.json_build_array(${place}, ${row})), '[]')::text from ${table} where (${where}\n)`,
  );
  const rows = JSON.parse(text ?? "[]") as readonly [string, string, Readonly<Record<string, unknown>>][];
  return rows.map(([rowPlace, at, values]) => ({ place: rowPlace, at, values: valuesOf(values) }));
}
