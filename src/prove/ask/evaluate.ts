import { perObject } from "../../lib/recent.ts";
import { isCode } from "../../model/answers.ts";
import { formatQualified, quoteIdent, quoteLiteral, quoteQualified } from "../../lib/sql-text.ts";
import { free, row as rowName } from "../analyse/tree.ts";
import type { ProofRelation } from "../analyse/schema.ts";
import { isJson } from "../analyse/types.ts";
import { LeafRows, LeafTruths } from "./leaves.ts";
import { type Asking } from "./session.ts";
import { isError, type ActingAs } from "./step.ts";
import { rowsAtOnce, Truths } from "./truths.ts";

/** A row that there could be: column → text; a column that is missing is NULL. */
export type Row = Readonly<Record<string, string | null>>;
/** A row as a key: made once, for the same few rows are part of many. */
export const rowText: (row: Row) => string = perObject((row: Row) => JSON.stringify(row));
export type Assignment = Readonly<Record<string, boolean | null>>;

export interface Evaluation {
  readonly as: ActingAs;
  readonly relation: ProofRelation;
  /** What the row is called in the texts. */
  readonly alias: string;
  readonly texts: readonly string[];
  /** Names of free variables in the texts. */
  readonly variables?: readonly string[];
  /** Each row is asked by itself in the end: where a part raises for some rows, no other is taken to raise. */
  readonly exact?: boolean;
  /** SQLSTATEs with which the texts refuse a row. */
  readonly raises?: readonly string[];
}

export interface Case {
  readonly row: Row;
  readonly variables?: Assignment;
}

/** Of each row, the truth of each text, as a string of T, F, N; a row that raises is all E, and all R where it refuses so. */
export async function evaluate(
  session: Asking,
  evaluation: Evaluation,
  cases: readonly Case[],
): Promise<readonly string[]> {
  // What is denied to every row needs no asking.
  if (evaluation.texts.every((one) => one === "false"))
    return cases.map(() => "F".repeat(evaluation.texts.length));
  const known = await byLeaves(session, evaluation, cases);
  if (known !== undefined) return known;
  const parts: (readonly Case[])[] = [];
  for (let from = 0; from < cases.length; from += rowsAtOnce)
    parts.push(cases.slice(from, from + rowsAtOnce));
  const truths = await truthsOf(session, evaluation);
  const answers = await Promise.all(
    parts.map(async (one) => (await truths.of(one)) ?? evaluatePart(session, evaluation, one)),
  );
  return answers.flat();
}

/** By what the parts of the texts are; `undefined`: the texts must be asked as they are. */
async function byLeaves(
  session: Asking,
  { as, relation, alias, texts }: Evaluation,
  cases: readonly Case[],
): Promise<readonly string[] | undefined> {
  const trees = texts.flatMap((text) => session.skeletonOf(text, alias, relation) ?? []);
  if (trees.length < texts.length) return undefined;
  const sqlOf = (leaves: readonly string[], rows: readonly Row[]): string =>
    evaluationSql(
      { as, relation, alias: rowName, texts: leaves },
      rows.map((row) => ({ row })),
    );
  const what = formatQualified(relation);
  const rows = await session.once([], `rows of leaves ${what}`, () => Promise.resolve(new LeafRows()));
  const truths = await session.once([as], `leaves ${what}`, () =>
    Promise.resolve(new LeafTruths(session, as, sqlOf, rows)),
  );
  return truths.of(trees, cases);
}

function truthsOf(session: Asking, evaluation: Evaluation): Promise<Truths<Case>> {
  const { as, relation, alias, texts, variables } = evaluation;
  const what = JSON.stringify(["truths", formatQualified(relation), alias, texts, variables]);
  return session.once([as], what, () =>
    Promise.resolve(new Truths<Case>(session, as, texts.length, (cases) => evaluationSql(evaluation, cases))),
  );
}

async function evaluatePart(
  session: Asking,
  evaluation: Evaluation,
  cases: readonly Case[],
): Promise<readonly string[]> {
  if (cases.length === 0) return [];
  const answer = await session.ask(evaluation.as, evaluationSql(evaluation, cases));
  const width = evaluation.texts.length;
  if (!isError(answer)) return pieces("value" in answer ? (answer.value ?? "") : "", width, cases.length);
  const raises = "E".repeat(width);
  const refuses = evaluation.raises ?? [];
  if (cases.length === 1 && refuses.includes(answer.code)) return ["R".repeat(width)];
  if (cases.length === 1 || answer.code === "RGACT" || isCode(answer.code, "cancelled"))
    return cases.map(() => raises);
  // A row that is refused so says nothing of another.
  const exact = evaluation.exact === true || refuses.length > 0;
  if (!exact && (await allRaise(session, evaluation, cases))) return cases.map(() => raises);
  const size = Math.ceil(cases.length / 8);
  const parts: Promise<readonly string[]>[] = [];
  for (let from = 0; from < cases.length; from += size)
    parts.push(evaluatePart(session, evaluation, cases.slice(from, from + size)));
  return (await Promise.all(parts)).flat();
}

/** Asked of a few rows before a large batch is taken apart. */
async function allRaise(session: Asking, evaluation: Evaluation, cases: readonly Case[]): Promise<boolean> {
  if (cases.length < 40) return false;
  const step = Math.floor(cases.length / 20);
  const some = cases.filter((_, index) => index % step === 0);
  const answers = await Promise.all(some.map((one) => evaluatePart(session, evaluation, [one])));
  return answers.flat().every((one) => one.startsWith("E"));
}

function pieces(text: string, width: number, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => text.slice(index * width, (index + 1) * width));
}

/** Aliases of ours are no user's, so that a policy's bare column can only mean the row's. */
export function evaluationSql(
  { relation, alias, texts, variables = [] }: Evaluation,
  cases: readonly Case[],
): string {
  const documents = cases.map(({ row, variables: given }) => ({
    ...documentOf(relation, row),
    ...(given && { free: given }),
  }));
  const base = baseSql(
    relation,
    documents.flatMap(({ nulls }) => nulls ?? []),
  );
  const records =
    variables.length === 0
      ? ""
      : `, lateral pg_catalog.jsonb_to_record("rowgate:document" -> 'free') as ${quoteIdent(free)}(${variables.map((one) => `${quoteIdent(one)} boolean`).join(", ")})`;
  const values = texts.map((text, index) => `(${text})::boolean as "rowgate:${index}"`).join(", ");
  const letters = texts
    .map(
      (_, index) => `case when "rowgate:${index}" then 'T' when not "rowgate:${index}" then 'F' else 'N' end`,
    )
    .join(" || ");
  return (
    `select pg_catalog.string_agg(${letters}, '' order by "rowgate:number") from (select "rowgate:number", ${values} ` +
    `from pg_catalog.jsonb_array_elements(${quoteLiteral(JSON.stringify(documents))}) with ordinality as "rowgate:documents"("rowgate:document", "rowgate:number"), ` +
    `lateral pg_catalog.jsonb_populate_record(${base}, "rowgate:document" -> 'row') as ${quoteIdent(alias)}${records}) as "rowgate:values"`
  );
}

interface Document {
  readonly row: Readonly<Record<string, unknown>>;
  /** Columns that hold the JSON value null: in a document it would be read as NULL. */
  readonly nulls?: readonly string[];
}

/** JSON must be JSON in the document: a string would become a JSON string. */
function documentOf(relation: ProofRelation, row: Row): Document {
  const out: Record<string, unknown> = {};
  const nulls: string[] = [];
  for (const [name, value] of Object.entries(row)) {
    const column = relation.columns.find((one) => one.name === name);
    const json = value !== null && column !== undefined && isJson(column);
    if (json && JSON.parse(value) === null) nulls.push(name);
    else out[name] = json ? (JSON.parse(value) as unknown) : value;
  }
  return { row: out, ...(nulls.length > 0 && { nulls }) };
}

/** What a row has where its document says nothing. */
function baseSql(relation: ProofRelation, nulls: readonly string[]): string {
  const table = quoteQualified(relation);
  if (nulls.length === 0) return `null::${table}`;
  const values = relation.columns.map(({ name, type }) =>
    nulls.includes(name)
      ? `case when pg_catalog.jsonb_exists("rowgate:document" -> 'nulls', ${quoteLiteral(name)}) then 'null'::${type} end`
      : "null",
  );
  return `row(${values.join(", ")})::${table}`;
}
