import { perObject } from "../../lib/recent.ts";
import { quoteIdent, quoteLiteral, quoteQualified } from "../../lib/sql-text.ts";
import type { ProofColumn, ProofRelation } from "../analyse/schema.ts";
import { freshValues, isJson } from "../analyse/types.ts";
import type { Witness } from "../../model/proof.ts";
import { evaluate, type Row, rowText } from "../ask/evaluate.ts";
import type { Space } from "../ask/product.ts";
import { constraintValues, validValues } from "../ask/represent.ts";
import { type Asking } from "../ask/session.ts";
import { privileged, isError } from "../ask/step.ts";

/** A row that is there, with its place. */
export interface StandingRow {
  readonly ctid: string;
  readonly table: string;
  readonly row: Row;
}

const standingLimit = 200;
/** Bytes as JSON: a longer row is no witness, since each is held and sent several times. */
const longestRow = 20_000;

const known = new WeakMap<Asking, Map<ProofRelation, Promise<readonly StandingRow[]>>>();

/** Some rows that are there, read once. */
export function standingRows(space: Space): Promise<readonly StandingRow[]> {
  const own = known.get(space.session) ?? new Map<ProofRelation, Promise<readonly StandingRow[]>>();
  known.set(space.session, own);
  const rows = own.get(space.relation) ?? readRows(space);
  own.set(space.relation, rows);
  return rows;
}

async function readRows({ session, relation }: Space): Promise<readonly StandingRow[]> {
  const columns = relation.columns.map(({ name }) => `${quoteLiteral(name)}, ${quoteIdent(name)}::text`);
  // A function takes a hundred arguments.
  const groups = Array.from(
    { length: Math.ceil(columns.length / 40) },
    (_, index) => `pg_catalog.jsonb_build_object(${columns.slice(index * 40, index * 40 + 40).join(", ")})`,
  );
  const sql =
    `select pg_catalog.json_agg(x.j)::text from (select pg_catalog.jsonb_build_object('ctid', ctid::text, 'table', tableoid::text, 'row', ${groups.join(" || ")}) as j ` +
    `from ${quoteQualified(relation)} limit ${standingLimit}) as x ` +
    `where pg_catalog.octet_length(x.j::text) < ${longestRow}`;
  const answer = await session.ask(privileged, sql);
  return isError(answer) || !("value" in answer) || answer.value === null
    ? []
    : (JSON.parse(answer.value) as StandingRow[]);
}

export interface Filled {
  readonly row: Row;
  readonly witness: Witness;
}

/** Hits as whole rows that constraints may take, the likeliest first. @param granted `undefined`: all columns can be written */
export async function filledRows(
  space: Space,
  hits: readonly Row[],
  granted: readonly string[] | undefined,
): Promise<readonly Filled[]> {
  const some =
    hits.length > 400 ? hits.filter((_, index) => index % Math.ceil(hits.length / 400) === 0) : hits;
  const ranked = await rankedHits(space, some);
  const [template] = await standingRows(space);
  const filled = await Promise.all(
    ranked.flatMap((witness) =>
      [false, true].map(
        async (fresh): Promise<Filled> => ({
          row: await fill(space, witness, granted, template?.row ?? {}, fresh),
          witness,
        }),
      ),
    ),
  );
  const seen = new Set<string>();
  return filled.filter(({ row }) => !seen.has(rowText(row)) && seen.add(rowText(row)) !== undefined);
}

export async function rankedHits(space: Space, hits: readonly Row[]): Promise<readonly Row[]> {
  const { relation, material, session } = space;
  const [template] = await standingRows(space);
  const scores = await Promise.all(
    hits.map(async (hit) => {
      const broken = await Promise.all(
        Object.entries(hit).map(async ([name, value]) => {
          const parents = value === null ? undefined : await material.parents(relation, name);
          return parents !== undefined && !parents.values.includes(value ?? "");
        }),
      );
      const missing = Object.entries(hit).filter(
        ([name, value]) =>
          value === null && relation.columns.find((one) => one.name === name)?.notNull === true,
      );
      return broken.filter(Boolean).length * 10 + missing.length * 15;
    }),
  );
  let checked: readonly string[] = [];
  if (relation.checks.length > 0 && hits.length > 0) {
    const cases = hits.map((hit) => ({ row: { ...template?.row, ...hit } }));
    checked = await evaluate(
      session,
      { as: privileged, relation, alias: relation.name, texts: [checksText(relation)] },
      cases,
    );
  }
  const scored = hits.map((hit, index) => ({
    hit,
    score: (scores[index] ?? 0) + (checked[index] === "F" ? 20 : 0),
  }));
  const sorted = scored.toSorted((a, b) => a.score - b.score);
  const best = sorted.filter(({ score }) => score === sorted[0]?.score);
  return [...new Set([...spread(best, 8), ...spread(sorted, 6)].map(({ hit }) => hit))];
}

function spread<T>(all: readonly T[], count: number): readonly T[] {
  const step = Math.max(1, Math.floor(all.length / count));
  return all.filter((_, index) => index % step === 0).slice(0, count);
}

export async function fill(
  space: Space,
  witness: Witness,
  granted: readonly string[] | undefined,
  template: Row,
  fresh: boolean,
): Promise<Row> {
  const { relation } = space;
  const out: Record<string, string | null> = {};
  const unique = new Set(relation.uniques.filter((one) => fresh || one.length === 1).flat());
  for (const column of relation.columns) {
    const { name } = column;
    if (column.generated || column.identity === "always" || granted?.includes(name) === false) continue;
    const found = Object.hasOwn(witness, name)
      ? witness[name]
      : likelyOnce(space, column, template[name] ?? null, unique.has(name));
    const value = found instanceof Promise ? await found : found;
    if (value !== undefined) out[name] = value;
  }
  return out;
}

type Likely = string | null | undefined;

const likelyKnown = perObject((_session: Asking) =>
  perObject<ProofColumn, Map<string, Likely | Promise<Likely>>>(() => new Map()),
);

/** The same for each row that is filled: a promise until it is known. */
function likelyOnce(
  space: Space,
  column: ProofColumn,
  sample: string | null,
  unique: boolean,
): Likely | Promise<Likely> {
  const ofColumn = likelyKnown(space.session)(column);
  const key = `${unique} ${sample === null ? "" : `=${sample}`}`;
  if (ofColumn.has(key)) return ofColumn.get(key);
  const found = likely(space, column, sample, unique).then((value) => {
    ofColumn.set(key, value);
    return value;
  });
  ofColumn.set(key, found);
  return found;
}

/** `undefined`: the column's own default. */
async function likely(
  space: Space,
  column: ProofColumn,
  sample: string | null,
  unique: boolean,
): Promise<string | null | undefined> {
  const { relation, material } = space;
  if (column.expression !== null || column.identity !== null) return undefined;
  const parents = await material.parents(relation, column.name);
  if (parents !== undefined) {
    if (!unique && sample !== null) return sample;
    if (!column.notNull) return undefined;
    const taken = new Set(await material.standing(relation, column.name));
    return parents.values.find((one) => !taken.has(one)) ?? parents.values.at(-1) ?? null;
  }
  if (unique) return (await freshFor(space, column, 7)) ?? sample;
  if (sample !== null) return sample;
  if (!column.notNull) return undefined;
  return allowedByChecks(space, column);
}

/** A value that the CHECK constraints over the column alone do not refuse: what they name may be what they ask for, or what they forbid. */
async function allowedByChecks(space: Space, column: ProofColumn): Promise<string | null> {
  const { relation, session, checks } = space;
  const usual = column.labels ?? [
    ...(column.base === "boolean" ? ["true"] : []),
    ...freshValues(column, 1),
    isJson(column) ? "{}" : "",
  ];
  const [fitting, named] = await Promise.all([
    validValues(session, column, usual),
    constraintValues(column, checks, session),
  ]);
  if (named.length === 0) return fitting[0] ?? null;
  const values = [...fitting.slice(0, 4), ...named.slice(0, 20)];
  const texts = [checksText(relation)];
  const cases = values.map((value) => ({ row: { [column.name]: value } }));
  const truths = await evaluate(session, { as: privileged, relation, alias: relation.name, texts }, cases);
  return values.find((_, index) => truths[index] === "T") ?? fitting[0] ?? null;
}

/** Of the values that no policy is likely to name and that the type takes, one by its number. */
export function freshFor(
  { session }: Pick<Space, "session">,
  column: ProofColumn,
  index: number,
): Promise<string | undefined> {
  const ofColumn = freshKnown(session)(column);
  const value = ofColumn.get(index) ?? readFresh(session, column, index);
  ofColumn.set(index, value);
  return value;
}

const freshKnown = perObject((_session: Asking) =>
  perObject((_column: ProofColumn) => new Map<number, Promise<string | undefined>>()),
);

async function readFresh(session: Asking, column: ProofColumn, index: number): Promise<string | undefined> {
  const values = await validValues(session, column, freshValues(column, index + 1));
  return values[index] ?? values.at(-1);
}

function checksText({ checks }: ProofRelation): string {
  return checks.map((one) => `(${one}) is not false`).join(" and ");
}

export function insertSql({ relation }: Pick<Space, "relation">, row: Row, overriding = false): string {
  const table = quoteQualified(relation);
  let names = "";
  let values = "";
  for (const name in row) {
    const column = relation.columns.find((one) => one.name === name);
    const value = column === undefined ? "default" : typedLiteral(column, row[name] ?? null);
    const separator = names === "" ? "" : ", ";
    names += `${separator}${quoteIdent(name)}`;
    values += `${separator}${value}`;
  }
  if (names === "") return `insert into ${table} default values`;
  return `insert into ${table} (${names}) ${overriding ? "overriding system value " : ""}values (${values})`;
}

export function typedLiteral({ type }: ProofColumn, value: string | null): string {
  return value === null ? "null" : `${quoteLiteral(value)}::${type}`;
}
