import type { Client } from "pg";
import {
  formatQualified,
  type QualifiedName,
  quoteIdent,
  quoteLiteral,
  quoteQualified,
} from "../lib/sql-text.ts";
import type { Catalog, RelationInfo, RoleInfo } from "../model/catalog.ts";
import type { Matrix, Persona, RelationSpec } from "../model/matrix.ts";
import type { SideEffect } from "../model/side-effect.ts";
import type { PlannedFunction } from "../plan/function.ts";
import type { RelationWork } from "../plan/plan.ts";
import { type EscalationCatalog, type EscalationRelation, readEscalationCatalog } from "./catalog.ts";
import { Dependencies, type Measured } from "./closure.ts";
import { claimsSetting, readHook, type TokenHook } from "./hook.ts";

/** A persona as its sessions are, or a user that the matrix does not know: signed in, and without rows. */
export interface Actor {
  /** Its place among all actors. */
  readonly index: number;
  readonly persona: Persona;
  readonly role: RoleInfo;
  /** Name → value of all that its sessions hold besides the role. */
  readonly settings: ReadonlyMap<string, string>;
  readonly stranger: boolean;
  /** What names it: by the claim, or the setting. */
  readonly identities: readonly (readonly [name: string, value: string])[];
}

export interface Row {
  readonly key: string;
  readonly values: Readonly<Record<string, string | null>>;
}

/** A relation whose rows are measured, with those that are there. */
export interface Subject {
  readonly info: RelationInfo;
  readonly more: EscalationRelation;
  /** `undefined`: the matrix does not declare it, and personas hold something on it. */
  readonly spec: RelationSpec | undefined;
  readonly key: readonly string[];
  /** The key's text, as an expression over a row. */
  readonly keySql: string;
  /** Where the privileged connection reads its rows. */
  readonly baseline: RelationInfo;
  readonly rows: readonly Row[];
  /** Not all of its rows were read. */
  readonly sampled: boolean;
}

/** Keys that an actor reaches before any step. */
export type Reach = (actor: Actor, subject: Subject, operation: Measured) => ReadonlySet<string>;

export interface SearchInput {
  readonly matrix: Matrix;
  readonly catalog: Catalog;
  readonly work: readonly RelationWork[];
  readonly functions: readonly PlannedFunction[];
  readonly actors: readonly Actor[];
  /** What is left out, since a rollback would not undo it. */
  readonly sideEffects: readonly SideEffect[];
  readonly preRequest: string | undefined;
  /** Behind the matrix's schema in search_path. */
  readonly extraPath: readonly string[];
  /** Whom rowgate logs in as. */
  readonly home: string;
  /** Whether the run was asked about a cell, by its id. */
  readonly wants: (id: string, persona: string) => boolean;
}

/** All that the search knows before its first step. */
export interface World extends SearchInput {
  readonly known: EscalationCatalog;
  readonly hook: TokenHook | undefined;
  readonly dependencies: Dependencies;
  readonly subjects: readonly Subject[];
  /** Other tables that decide who reaches the subjects' rows: nothing is measured of them. */
  readonly lookups: readonly Pick<Subject, "more" | "rows">[];
  /** Tables whose rows are counted, by their oids, in the order of the batch's numbers. */
  readonly tables: readonly EscalationRelation[];
}

/** More rows than these are sampled: first and last by their key. */
const rowsAtMost = 1000;

export async function readWorld(client: Client, input: SearchInput): Promise<World> {
  const known = await readEscalationCatalog(client);
  const dependencies = new Dependencies(known);
  const declared = new Map(input.work.map((one) => [one.relation.info.oid, one]));
  const waived = new Set(input.matrix.waivedRelations.map(formatQualified));
  const measured = input.catalog.relations.filter(
    (info) =>
      declared.has(info.oid) ||
      (input.matrix.exposes.includes(info.schema) && !waived.has(formatQualified(info)) && !info.isPartition),
  );
  const subjects: Subject[] = [];
  for (const info of measured) {
    const more = dependencies.relations.get(info.oid);
    if (more === undefined) continue;
    const work = declared.get(info.oid);
    const key = work?.relation.key ?? info.primaryKey;
    const baseline = work?.relation.baseline ?? info;
    const keySql = keyExpression(key.length > 0 ? key : info.columns.map(({ name }) => name));
    const shared = baseline.columns.filter(({ name }) => info.columns.some((one) => one.name === name));
    const rows = await rowsOf(
      client,
      baseline,
      keySql,
      shared.map(({ name }) => name),
    );
    const sampled = rows.length >= rowsAtMost;
    subjects.push({ info, more, spec: work?.spec, key, keySql, baseline, rows, sampled });
  }
  // Only what decides about a subject's rows holds values that could matter.
  const read = new Set(
    subjects.flatMap(({ info: { oid } }) => [
      ...dependencies.closureOf({ kind: "relation", oid, operation: "select" }).relations.keys(),
    ]),
  );
  const lookups: World["lookups"][number][] = [];
  for (const more of known.relations) {
    if (!more.isTable || !read.has(more.oid) || subjects.some((one) => one.info.oid === more.oid)) continue;
    const names = more.columns.map(({ name }) => name);
    lookups.push({ more, rows: await rowsOf(client, more, keyExpression(names), names) });
  }
  return {
    ...input,
    known,
    lookups,
    hook: await readHook(
      client,
      known.functions,
      dependencies,
      input.actors.flatMap(({ settings }) => settings.get(claimsSetting) ?? []),
    ),
    dependencies,
    subjects,
    tables: known.relations.filter(({ isTable }) => isTable),
  };
}

/** Text that names a row, as the batch sends it to and fro. */
export function keyExpression(columns: readonly string[]): string {
  const [only, ...more] = columns;
  if (only !== undefined && more.length === 0) return `${quoteIdent(only)}::text`;
  // A function takes 100 arguments.
  const parts: string[] = [];
  for (let from = 0; from < columns.length; from += 50)
    parts.push(
      `jsonb_build_array(${columns
        .slice(from, from + 50)
        .map(quoteIdent)
        .join(", ")})`,
    );
  return parts.length === 0 ? "'[]'::text" : `(${parts.join(" || ")})::text`;
}

async function rowsOf(
  client: Client,
  info: QualifiedName,
  keySql: string,
  columns: readonly string[],
): Promise<readonly Row[]> {
  const list = [keySql, ...columns.map((name) => `left(${quoteIdent(name)}::text, 1000)`)].join(", ");
  const half = rowsAtMost / 2;
  const from = `from ${quoteQualified(info)}`;
  // A view may fail for the privileged connection: then nothing is known of its rows.
  const { rows } = await client
    .query<(string | null)[]>({
      text: `(select ${list} ${from} order by 1 limit ${half}) union (select ${list} ${from} order by 1 desc limit ${half}) order by 1`,
      rowMode: "array",
    })
    .catch(() => ({ rows: [] as (string | null)[][] }));
  return rows.flatMap(([key, ...values]) =>
    key == null
      ? []
      : [{ key, values: Object.fromEntries(columns.map((name, index) => [name, values[index] ?? null])) }],
  );
}

/** Of personas with the same key, the matrix says the same. */
export function declarationsOf({ persona: { name, role, login, claims } }: Actor, matrix: Matrix): string {
  const said = [...matrix.relations, ...matrix.functions].map((spec) =>
    spec.declarations
      .filter(({ persona }) => persona === name)
      .map((one) => ({ ...one, persona: "", at: "" })),
  );
  return JSON.stringify([role, login ?? null, Object.keys(claims ?? {}), said]);
}

/** Of personas of whom the matrix says the same, one takes the steps; all are watched. */
export function representatives({ actors, matrix }: World): ReadonlySet<Actor> {
  const first = new Map<string, Actor>();
  for (const actor of actors) {
    const key = declarationsOf(actor, matrix);
    if (!first.has(key)) first.set(key, actor);
  }
  return new Set(first.values());
}

/** Keys that a predicate of the matrix holds for, before any step. */
export async function keysWhere(
  client: Client,
  subject: Subject,
  predicate: string,
): Promise<ReadonlySet<string>> {
  const { rows } = await client.query<[string]>({
    text: `select ${subject.keySql} from ${quoteQualified(subject.baseline)} where (${predicate})`,
    rowMode: "array",
  });
  return new Set(rows.map(([key]) => key));
}

/** A condition that holds for the rows whose keys are in `$1`; leakproof where one plain column is the key. */
export function keyCondition({ key, keySql, more }: Subject): string {
  const [only, ...others] = key;
  const base = others.length > 0 ? undefined : more.columns.find(({ name }) => name === only)?.base;
  if (only !== undefined && base !== undefined && plainTypes.has(base))
    return `${quoteIdent(only)} = any ($1::${base}[])`;
  return `${keySql} = any ($1)`;
}

const plainTypes: ReadonlySet<string> = new Set(["uuid", "integer", "bigint", "smallint", "text"]);

/** `'{…}'`: keys as Postgres reads an array of text. */
export function arrayText(keys: Iterable<string>): string {
  return `{${[...keys].map((key) => `"${key.replaceAll(/["\\]/g, String.raw`\$&`)}"`).join(",")}}`;
}

export function literalOf(value: string | null): string {
  return value === null ? "null" : quoteLiteral(value).trimStart();
}
