import { quoteIdent, quoteLiteral, quoteQualified } from "../../lib/sql-text.ts";
import type { Privileges } from "../../model/catalog.ts";
import type { Condition } from "../analyse/policy.ts";
import type { ProofColumn } from "../analyse/schema.ts";
import { freshValues, isJson } from "../analyse/types.ts";
import type { Witness } from "../answer.ts";
import { evaluate, type Row } from "./evaluate.ts";
import type { Space } from "./product.ts";
import { fullSight } from "./represent.ts";
import { type ActingAs, isError, type Step, type StepAnswer } from "./session.ts";

/** A hit, shown by a statement; or why it could not be shown. */
export type Shown =
  | { readonly kind: "hit"; readonly side: "more" | "less"; readonly statement: string; readonly setup: string | undefined; readonly witness: Witness }
  | { readonly kind: "refused"; readonly by: "constraint" | "trigger"; readonly message: string; readonly witness: Witness }
  | { readonly kind: "mismatch"; readonly message: string; readonly witness: Witness }
  | { readonly kind: "not-shown"; readonly message: string; readonly witness: Witness };

export interface Showing {
  readonly space: Space;
  readonly as: ActingAs;
  readonly declared: Condition;
  readonly policy: Condition;
}

/** A row that is there, with its place. */
export interface StandingRow {
  readonly ctid: string;
  readonly table: string;
  readonly row: Row;
}

const standingLimit = 200;

export async function standingRows({ session, relation }: Space): Promise<readonly StandingRow[]> {
  const columns = relation.columns.map(({ name }) => `${quoteLiteral(name)}, ${quoteIdent(name)}::text`);
  // A function takes a hundred arguments.
  const groups = Array.from({ length: Math.ceil(columns.length / 40) }, (_, index) => `pg_catalog.jsonb_build_object(${columns.slice(index * 40, index * 40 + 40).join(", ")})`);
  const sql =
    `select pg_catalog.json_agg(x.j)::text from (select pg_catalog.jsonb_build_object('ctid', ctid::text, 'table', tableoid::text, 'row', ${groups.join(" || ")}) as j ` +
    `from ${quoteQualified(relation)} limit ${standingLimit}) as x`;
  const told = await session.ask(fullSight, sql);
  return isError(told) || !("value" in told) || told.value === null ? [] : (JSON.parse(told.value) as StandingRow[]);
}

// INSERT ---------------------------------------------------------------------------------------------------------------

/** Sends rows that the policy would let in, until one is stored that the matrix does not allow. */
export async function showInsert(showing: Showing, hits: readonly Row[], granted: readonly string[]): Promise<Shown> {
  const { space, as, declared } = showing;
  const { relation } = space;
  let best: Shown | undefined;
  for (const { row, witness } of await filledRows(space, hits, granted)) {
    const statement = insertSql(space, row);
    const stored =
      `select pg_catalog.json_build_array(count(*), count(*) filter (where (${declared.text}) is not true))::text ` +
      `from ${quoteQualified(relation)} as ${quoteIdent(declared.alias)} where pg_catalog.age(${quoteIdent(declared.alias)}.xmin) <= 0`;
    const [written, after] = await space.session.run([
      { as, sql: statement, rows: false },
      { as: fullSight, sql: stored, rows: true, goOn: true },
    ]);
    const one = insertShown(written, after, statement, witness);
    if (one.kind === "hit") return one;
    best = likelier(best, one);
    if (isError(written) && !written.code.startsWith("23") && one.kind === "mismatch") break;
  }
  return best ?? { kind: "not-shown", message: "no row could be built", witness: {} };
}

function insertShown(written: StepAnswer | undefined, after: StepAnswer | undefined, statement: string, witness: Witness): Shown {
  if (isError(written)) return refusal(written, witness);
  const [count, outside] = after !== undefined && "value" in after ? (JSON.parse(after.value ?? "[0,0]") as [number, number]) : [0, 0];
  if (count === 0) return { kind: "refused", by: "trigger", message: "a trigger kept the row from being stored", witness };
  if (outside > 0) return { kind: "hit", side: "more", statement, setup: undefined, witness };
  return { kind: "refused", by: "trigger", message: "a trigger changed the row into one that is declared", witness };
}

/** A row that the matrix allows, refused by the policies. */
export async function showRefusedInsert(showing: Showing, hits: readonly Row[], granted: readonly string[]): Promise<Shown> {
  const { space, as } = showing;
  let best: Shown | undefined;
  for (const { row, witness } of await filledRows(space, hits, granted)) {
    const statement = insertSql(space, row);
    const [written] = await space.session.run([{ as, sql: statement, rows: false }]);
    if (isError(written) && written.code === "42501") return { kind: "hit", side: "less", statement, setup: undefined, witness };
    best = likelier(best, isError(written) ? refusal(written, witness) : { kind: "mismatch", message: "the row was stored", witness });
  }
  return best ?? { kind: "not-shown", message: "no row could be built", witness: {} };
}

function refusal({ code, message }: { code: string; message: string }, witness: Witness): Shown {
  if (code.startsWith("23")) return { kind: "refused", by: "constraint", message, witness };
  if (code === "42501") return { kind: "mismatch", message, witness };
  return { kind: "refused", by: "trigger", message: `${message} (${code})`, witness };
}

const order = ["refused", "not-shown", "mismatch"] as const;

function likelier(before: Shown | undefined, now: Shown): Shown {
  if (before === undefined || now.kind === "hit") return now;
  return order.indexOf(before.kind as "refused") >= order.indexOf(now.kind as "refused") ? before : now;
}

// SELECT, UPDATE, DELETE ----------------------------------------------------------------------------------------------

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

/** The row that was put in place, where its table goes by that name. */
export function placed(name: string): string {
  const [ctid, table] = ["ctid", "table"].map((one) => `pg_catalog.current_setting('rowgate.${one}')`);
  return `${name}.ctid = ${ctid}::tid and ${name}.tableoid = ${table}::oid`;
}

/** Puts rows in place on which policy and matrix differ, rows that are there first, and asks as the persona. */
export async function showOld(old: OldSide, hits: readonly Row[], there: readonly StandingRow[]): Promise<Shown> {
  const { space } = old.showing;
  const standing = there.map((one): Try => ({ setup: undefined, place: placeSql(space, one), witness: one.row, row: one.row }));
  const ranked = await rankedHits(space, hits);
  const templates = (await standingRows(space)).slice(0, 2);
  const ways = await Promise.all(
    ranked.map(async (hit) => {
      // Where the relation reads itself, another row in the place of one that is there would be another database.
      const changed = old.alone ? templates.map((one) => changedTry(space, one, hit)) : [];
      return [await wayToInsert(space, hit, false), ...changed, await wayToInsert(space, hit, true)];
    }),
  );
  const tries = Array.from({ length: Math.max(0, ...ways.map((one) => one.length)) }, (_, index) => ways.flatMap((one) => one[index] ?? [])).flat();
  let best: Shown | undefined;
  for (const one of [...standing.slice(0, 3), ...tries.slice(0, 40)]) {
    const shown = await showOne(old, one);
    if (shown.kind === "hit") return shown;
    best = likelier(best, shown);
  }
  return best ?? { kind: "not-shown", message: "no row could be built", witness: {} };
}

/** A way to have a row in place. */
export interface Try {
  readonly setup: string | undefined;
  /** Finds it, or makes it, and remembers where it is. */
  readonly place: string;
  readonly witness: Witness;
  /** What is known of its values. */
  readonly row: Row;
}

const remember = "select pg_catalog.set_config('rowgate.ctid', ctid::text, true) || pg_catalog.set_config('rowgate.table', tableoid::text, true)";

function placeSql({ relation }: Space, { ctid, table }: StandingRow): string {
  return `${remember} from ${quoteQualified(relation)} where ctid = ${quoteLiteral(ctid)} and tableoid = ${table}`;
}

function insertedTry(space: Space, { row, witness }: Filled): Try {
  const setup = insertSql(space, row, true);
  return { setup, place: `with put as (${setup} returning ctid, tableoid) ${remember} from put`, witness, row };
}

/** A row that is there, changed: it meets the constraints already. */
function changedTry(space: Space, { ctid, table, row: before }: StandingRow, witness: Witness): Try {
  const { relation } = space;
  const row = { ...before, ...witness };
  const sets = Object.entries(witness).flatMap(([name, value]) => {
    const column = relation.columns.find((one) => one.name === name);
    return column === undefined || column.generated || column.identity === "always" ? [] : [`${quoteIdent(name)} = ${typedLiteral(column, value)}`];
  });
  const setup = `update ${quoteQualified(relation)} set ${sets.join(", ")} where ctid = ${quoteLiteral(ctid)} and tableoid = ${table}`;
  if (sets.length === 0) return { setup: undefined, place: placeSql(space, { ctid, table, row }), witness, row };
  return { setup, place: `with put as (${setup} returning ctid, tableoid) ${remember} from put`, witness, row };
}

/** A row that is new. @param fresh with new values in every column that is unique, alone or with others */
export async function wayToInsert(space: Space, witness: Row, fresh: boolean): Promise<Try> {
  const [template] = await standingRows(space);
  return insertedTry(space, { row: await fill(space, witness, undefined, template?.row ?? {}, fresh), witness });
}

async function showOne(old: OldSide, one: Try): Promise<Shown> {
  const { setup, place, witness } = one;
  const { space, as, declared, policy } = old.showing;
  const table = quoteQualified(space.relation);
  const countAll = `select count(*)::text from ${table}`;
  const byPlace = old.held.select.length === space.relation.columns.length;
  const before: Step[] = old.command === "select" && !byPlace ? [{ as, sql: countAll, rows: true, goOn: true }] : [];
  const declaredSql = `select pg_catalog.set_config('rowgate.stored', pg_catalog.to_jsonb(${quoteIdent(declared.alias)}.*)::text, true) || ((${declared.text}) is true)::text from ${table} as ${quoteIdent(declared.alias)} where ${placed(quoteIdent(declared.alias))}`;
  const policySql = `select ((${policy.text}) is true)::text from pg_catalog.jsonb_populate_record(null::${table}, pg_catalog.current_setting('rowgate.stored')::jsonb) as ${quoteIdent(policy.alias)}`;
  const statements = statementsOf(old, byPlace, one.row);
  const asked: Step[] = statements.flatMap(({ sql, rows }): Step[] => [
    { as, sql, rows, goOn: true },
    { as: fullSight, sql: `select count(*)::text from ${table} where ${placed(table)}`, rows: true, goOn: true },
  ]);
  const steps: Step[] = [
    ...before,
    { as: fullSight, sql: place, rows: true },
    { as: fullSight, sql: declaredSql, rows: true },
    { as, sql: policySql, rows: true, goOn: true },
    ...withoutOthers(old, table),
    ...asked,
  ];
  const answers = await space.session.run(steps);
  const first = before.length;
  const [put, stored, evaluated] = answers.slice(first, first + 3);
  if (isError(put)) return refusal(put.code === "42501" ? { ...put, code: "P0001" } : put, witness);
  if (put === undefined || !("value" in put) || put.value === null) return { kind: "refused", by: "trigger", message: "the row could not be put in place", witness };
  if (stored === undefined || !("value" in stored)) return { kind: "not-shown", message: "the stored row could not be read", witness };
  const want = stored.value?.endsWith("true") === true;
  const expected = evaluated !== undefined && "value" in evaluated && evaluated.value === "true";
  const total = before.length > 0 && answers[0] !== undefined && "value" in answers[0] ? Number(answers[0].value) : undefined;
  const outcome = reached(answers.slice(steps.length - asked.length), statements, old, total);
  if (outcome.reached && !want && old.side === "more") return { kind: "hit", side: "more", statement: outcome.statement, setup, witness };
  if (!outcome.reached && want && old.side === "less" && outcome.error === undefined)
    return { kind: "hit", side: "less", statement: outcome.statement, setup, witness };
  if (outcome.error !== undefined) return { kind: "not-shown", message: outcome.error, witness };
  if (outcome.reached === expected) return { kind: "not-shown", message: "the stored row differs from the one that was meant", witness };
  return { kind: "mismatch", message: `the policy's expression is ${expected} for the row, and the statement ${outcome.reached ? "reached" : "did not reach"} it`, witness };
}

/** A blind statement meets every row; what it does to the others must not hide what it does to this one. */
function withoutOthers({ blind, command, alone: independent }: OldSide, table: string): readonly Step[] {
  if (!blind || command === "select" || !independent) return [];
  const role = (name: string): Step => ({ as: fullSight, sql: `select pg_catalog.set_config('session_replication_role', '${name}', true)`, rows: true, goOn: true });
  return [role("replica"), { as: fullSight, sql: `delete from ${table} where not (${placed(table)})`, rows: false, goOn: true }, role("origin")];
}

interface Statement {
  readonly sql: string;
  readonly rows: boolean;
}

function statementsOf(old: OldSide, byPlace: boolean, known: Row): readonly Statement[] {
  const { command, blind, held, showing } = old;
  const table = quoteQualified(showing.space.relation);
  const readable = held.select[0] === undefined ? undefined : quoteIdent(held.select[0]);
  const readsColumn = readable === undefined ? "" : ` where (${readable} is null or ${readable} is not null)`;
  const where = blind ? "" : byPlace ? ` where ${placed(table)}` : readsColumn;
  if (command === "select") return [{ sql: `select count(*)::text from ${table}${byPlace ? where : ""}`, rows: true }];
  if (command === "delete") return [{ sql: `delete from ${table}${where}`, rows: false }];
  const sets = assignmentsFor(old, known);
  const statements = command === "update" ? sets.map((set) => `update ${table} set ${set}${where}`) : sets.map((set) => upsertSql(old, known, set));
  return statements.map((sql) => ({ sql, rows: false }));
}

/** What to SET: a value that the row has already, then rows that the new side lets through. */
function assignmentsFor({ held, newRows, showing }: OldSide, known: Row): readonly string[] {
  const { relation } = showing.space;
  const writable = relation.columns.filter(({ name, generated, identity }) => held.update.includes(name) && !generated && identity !== "always");
  const same = writable.find(({ name }) => typeof known[name] === "string") ?? writable.find(({ name }) => Object.hasOwn(known, name)) ?? writable[0];
  const assigned = (column: ProofColumn, value: string | null | undefined): string =>
    `${quoteIdent(column.name)} = ${value === undefined ? "default" : typedLiteral(column, value)}`;
  const moves = [...newRows.slice(0, 6), ...newRows.slice(-4)].map((row) =>
    writable.flatMap((column) => (Object.hasOwn(row, column.name) ? [assigned(column, row[column.name] ?? null)] : [])).join(", "),
  );
  const stays = same === undefined ? "" : assigned(same, known[same.name]);
  return [...new Set([stays, ...moves])].filter((one) => one !== "");
}

function upsertSql({ showing, held, key }: OldSide, known: Row, set: string): string {
  const { relation } = showing.space;
  const stored = `pg_catalog.jsonb_populate_record(null::${quoteQualified(relation)}, pg_catalog.current_setting('rowgate.stored')::jsonb)`;
  const columns = relation.columns.filter(({ name, generated, identity }) => held.insert.includes(name) && !generated && identity !== "always");
  const values = columns.map((column) => (Object.hasOwn(known, column.name) ? typedLiteral(column, known[column.name] ?? null) : `(select ${quoteIdent(column.name)} from ${stored})`));
  return (
    `insert into ${quoteQualified(relation)} (${columns.map(({ name }) => quoteIdent(name)).join(", ")}) values (${values.join(", ")}) ` +
    `on conflict (${key.map(quoteIdent).join(", ")}) do update set ${set}`
  );
}

interface Outcome {
  readonly reached: boolean;
  readonly statement: string;
  readonly error: string | undefined;
}

function reached(answers: readonly StepAnswer[], statements: readonly Statement[], { command }: OldSide, before: number | undefined): Outcome {
  let error: string | undefined;
  for (const [index, { sql }] of statements.entries()) {
    const [did, still] = [answers[index * 2], answers[index * 2 + 1]];
    if (isError(did)) {
      // A foreign key to the row, or a constraint on what it would become, comes after the policies.
      if (did.code.startsWith("23") && command !== "upsert" && sql.includes("rowgate.ctid")) return { reached: true, statement: sql, error: undefined };
      error = `${did.message} (${did.code})`;
      continue;
    }
    if (command === "select") {
      const count = did !== undefined && "value" in did ? Number(did.value) : 0;
      return { reached: count > (before ?? 0), statement: sql, error: undefined };
    }
    if (still !== undefined && "value" in still && still.value === "0") return { reached: true, statement: sql, error: undefined };
  }
  return { reached: false, statement: statements[0]?.sql ?? "", error };
}

// Rows -----------------------------------------------------------------------------------------------------------------

interface Filled {
  readonly row: Row;
  readonly witness: Witness;
}

/** Hits as whole rows that constraints may take, the likeliest first. @param granted `undefined`: all columns can be written */
async function filledRows(space: Space, hits: readonly Row[], granted: readonly string[] | undefined): Promise<readonly Filled[]> {
  const some = hits.length > 400 ? hits.filter((_, index) => index % Math.ceil(hits.length / 400) === 0) : hits;
  const ranked = await rankedHits(space, some);
  const [template] = await standingRows(space);
  const filled = await Promise.all(
    ranked.flatMap((witness) => [false, true].map(async (fresh): Promise<Filled> => ({ row: await fill(space, witness, granted, template?.row ?? {}, fresh), witness }))),
  );
  const seen = new Set<string>();
  return filled.filter(({ row }) => !seen.has(JSON.stringify(row)) && seen.add(JSON.stringify(row)) !== undefined);
}

async function rankedHits(space: Space, hits: readonly Row[]): Promise<readonly Row[]> {
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
      const missing = Object.entries(hit).filter(([name, value]) => value === null && relation.columns.find((one) => one.name === name)?.notNull === true);
      return broken.filter(Boolean).length * 10 + missing.length * 15;
    }),
  );
  let checked: readonly string[] = [];
  if (relation.checks.length > 0 && hits.length > 0) {
    const text = relation.checks.map((one) => `(${one}) is not false`).join(" and ");
    const cases = hits.map((hit) => ({ row: { ...template?.row, ...hit } }));
    checked = await evaluate(session, { as: fullSight, relation, alias: relation.name, texts: [text] }, cases);
  }
  const scored = hits.map((hit, index) => ({ hit, score: (scores[index] ?? 0) + (checked[index] === "F" ? 20 : 0) }));
  const sorted = scored.toSorted((a, b) => a.score - b.score);
  const best = sorted.filter(({ score }) => score === sorted[0]?.score);
  return [...new Set([...spread(best, 8), ...spread(sorted, 6)].map(({ hit }) => hit))];
}

function spread<T>(all: readonly T[], count: number): readonly T[] {
  const step = Math.max(1, Math.floor(all.length / count));
  return all.filter((_, index) => index % step === 0).slice(0, count);
}

async function fill(space: Space, witness: Witness, granted: readonly string[] | undefined, template: Row, fresh: boolean): Promise<Row> {
  const { relation } = space;
  const out: Record<string, string | null> = {};
  const unique = new Set(relation.uniques.filter((one) => fresh || one.length === 1).flat());
  for (const column of relation.columns) {
    const { name } = column;
    if (column.generated || column.identity === "always" || granted?.includes(name) === false) continue;
    const value = Object.hasOwn(witness, name) ? witness[name] : await likely(space, column, template[name] ?? null, unique.has(name));
    if (value !== undefined) out[name] = value;
  }
  return out;
}

/** `undefined`: the column's own default. */
async function likely({ relation, material }: Space, column: ProofColumn, sample: string | null, unique: boolean): Promise<string | null | undefined> {
  if (column.expression !== null || column.identity !== null) return undefined;
  const parents = await material.parents(relation, column.name);
  if (parents !== undefined) {
    if (!unique && sample !== null) return sample;
    if (!column.notNull) return undefined;
    const taken = new Set(await material.standing(relation, column.name));
    return parents.values.find((one) => !taken.has(one)) ?? parents.values.at(-1) ?? null;
  }
  if (unique) return freshValues(column, 9)[7] ?? sample;
  if (sample !== null) return sample;
  if (!column.notNull) return undefined;
  return column.labels?.[0] ?? (column.base === "boolean" ? "true" : (freshValues(column, 1)[0] ?? (isJson(column) ? "{}" : "")));
}

function insertSql({ relation }: Space, row: Row, overriding = false): string {
  const names = Object.keys(row);
  const table = quoteQualified(relation);
  if (names.length === 0) return `insert into ${table} default values`;
  const values = names.map((name) => {
    const column = relation.columns.find((one) => one.name === name);
    return column === undefined ? "default" : typedLiteral(column, row[name] ?? null);
  });
  return `insert into ${table} (${names.map(quoteIdent).join(", ")}) ${overriding ? "overriding system value " : ""}values (${values.join(", ")})`;
}

function typedLiteral({ type }: ProofColumn, value: string | null): string {
  return value === null ? "null" : `${quoteLiteral(value)}::${type}`;
}

/** Changes a row that the persona may change into one that is not declared. */
export async function showMove(
  { space, as, declared }: Showing,
  from: readonly Row[],
  into: readonly Row[],
  { select, update }: { readonly select: readonly string[]; readonly update: readonly string[] },
  blind: boolean,
): Promise<Shown> {
  const { relation, session } = space;
  const table = quoteQualified(relation);
  const byPlace = select.length === relation.columns.length && !blind;
  const templates = await standingRows(space);
  let best: Shown | undefined;
  for (const target of (await rankedHits(space, into)).slice(0, 10)) {
    const frozen = Object.fromEntries(Object.entries(target).filter(([name]) => !update.includes(name)));
    const sets = Object.entries(target).flatMap(([name, value]) => {
      const column = relation.columns.find((one) => one.name === name);
      return column === undefined || !update.includes(name) || column.generated || column.identity === "always" ? [] : [`${quoteIdent(name)} = ${typedLiteral(column, value)}`];
    });
    if (sets.length === 0) continue;
    const statement = `update ${table} set ${sets.join(", ")}${byPlace ? ` where ${placed(table)}` : ""}`;
    const starts = [
      ...templates.slice(0, 12).map((one): Try => changedTry(space, one, frozen)),
      ...from.slice(0, 6).flatMap((one) => templates.slice(0, 1).map((row): Try => changedTry(space, row, { ...one, ...frozen }))),
      ...(await filledRows(space, from.slice(0, 4).map((one) => ({ ...one, ...frozen })), undefined)).map((one) => insertedTry(space, one)),
    ];
    const outcomes = await Promise.all(
      starts.map(async ({ setup, place }): Promise<Shown> => {
        const outside = `select (count(*) filter (where (${declared.text}) is not true))::text from ${table} as ${quoteIdent(declared.alias)} where pg_catalog.age(${quoteIdent(declared.alias)}.xmin) <= 0`;
        const before: Step = { as: fullSight, sql: outside, rows: true, goOn: true };
        const [put, was, did, after] = await session.run([{ as: fullSight, sql: place, rows: true }, before, { as, sql: statement, rows: false }, { as: fullSight, sql: outside, rows: true }]);
        if (isError(put) || put === undefined || ("value" in put && put.value === null)) return { kind: "not-shown", message: "no row to start from", witness: target };
        if (isError(did)) return did.code === "42501" ? { kind: "not-shown", message: did.message, witness: target } : refusal(did, target);
        const touched = did !== undefined && "touched" in did ? did.touched : 0;
        const [a, b] = [was, after].map((one) => (one !== undefined && "value" in one ? Number(one.value) : 0));
        if (touched > 0 && (b ?? 0) > 0 && (setup === undefined || (b ?? 0) > (a ?? 0) || (a ?? 0) === 1)) return { kind: "hit", side: "more", statement, setup, witness: target };
        return { kind: "not-shown", message: touched === 0 ? "the row to start from is out of reach" : "a trigger put the row back", witness: target };
      }),
    );
    const hit = outcomes.find(({ kind }) => kind === "hit");
    if (hit !== undefined) return hit;
    for (const one of outcomes) best = likelier(best, one);
  }
  return best ?? { kind: "not-shown", message: "no row could be changed into it", witness: into[0] ?? {} };
}
