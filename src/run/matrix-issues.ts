import { isCode } from "../model/answers.ts";
import { type ClientBase, DatabaseError } from "pg";
import { effectIssues } from "../probe/sql/effects.ts";
import { checkPredicates, checkValues, type Predicate, type Value } from "../probe/sql/predicates.ts";
import { alike, sharedKey } from "../probe/sql/survey.ts";
import { formatQualified } from "../lib/sql-text.ts";
import type { Catalog, RelationInfo } from "../model/catalog.ts";
import { type Issue, RowgateError } from "../model/errors.ts";
import { type Call, callIsOpen, type FunctionSpec, type Matrix } from "../model/matrix.ts";
import { bindParameters, personaParameter } from "../model/parameters.ts";
import { signatureOf } from "../model/routine.ts";
import { bindCall, bindCallPredicate } from "../plan/bind-call.ts";
import { controlOf, planFunction } from "../plan/function.ts";
import { findRelation } from "../plan/missing.ts";
import { preflight } from "../plan/preflight.ts";
import { functionIssues } from "../plan/preflight-functions.ts";
import { loginIssues } from "../plan/preflight-logins.ts";
import { argumentName, constantDefaults, routinesMeant } from "../plan/routine.ts";
import type { Loaded } from "./1-load.ts";

/** Everything in a matrix that does not fit its database: names that do not exist, SQL that Postgres cannot read, keys that are not unique. */
export async function matrixIssues(
  client: ClientBase,
  { matrix, patternIssues, catalog, settings, sideEffects }: Loaded,
): Promise<readonly Issue[]> {
  const values = await callIssues(client, matrix, catalog);
  const predicates = [
    ...relationPredicates(matrix, catalog),
    ...callPredicates(soundCalls(matrix, catalog, values), catalog),
  ];
  return [
    ...patternIssues,
    ...preflight(matrix, catalog),
    ...loginIssues(matrix, catalog, settings),
    ...values,
    ...(await checkPredicates(client, predicates)),
    ...(await effectIssues(client, predicates, sideEffects)),
    ...(await keyIssues(client, matrix, catalog)),
    ...(await alikeIssues(client, matrix, catalog)),
  ];
}

/** Values that are none of their argument's type would stop a call before the function, and prove nothing: the matrix's mistake. */
function callIssues(client: ClientBase, matrix: Matrix, catalog: Catalog): Promise<readonly Issue[]> {
  const values = matrix.functions.flatMap((spec) =>
    spec.calls.flatMap((call) => valuesOf(spec, call, matrix, catalog)),
  );
  return checkValues(client, values);
}

/** Of everybody who has values of his own, each once. */
function valuesOf(spec: FunctionSpec, call: Call, matrix: Matrix, catalog: Catalog): readonly Value[] {
  const [routine, ...others] = routinesMeant(catalog, spec);
  if (routine === undefined || others.length > 0) return [];
  const found = matrix.personas.flatMap((persona) => {
    const { values } = bindCall(call, persona, matrix);
    return routine.arguments.flatMap((argument, index) => {
      const name = argumentName(argument, index);
      const text = values[name];
      if (text === undefined || text === null || argument.cast === null) return [];
      const what = `the call ${call.name} of ${signatureOf(routine)}: ${name}`;
      return [{ text, cast: argument.cast, type: argument.type, what, at: call.at }];
    });
  });
  return [...new Map(found.map((value) => [JSON.stringify([value.text, value.what]), value])).values()];
}

/** Where the privileged connection reads a function's rows, as far as the database has it. */
function functionControl(spec: FunctionSpec, catalog: Catalog): RelationInfo | undefined {
  const [routine] = routinesMeant(catalog, spec);
  return routine && controlOf(spec, routine, catalog);
}

/** Each row set of a function with the arguments of each call that it is said of, for the first persona that uses it. */
function callPredicates(matrix: Matrix, catalog: Catalog): readonly Predicate[] {
  const seen = new Set<string>();
  return matrix.functions.flatMap((spec) => {
    const of = functionControl(spec, catalog);
    const [routine] = routinesMeant(catalog, spec);
    const defaults = routine === undefined ? {} : constantDefaults(routine);
    return spec.declarations.flatMap(({ expectation, anyArgument, calls, persona: name, at }) => {
      const persona = matrix.personas.find((one) => one.name === name);
      if (persona === undefined || of === undefined) return [];
      const any = anyArgument?.kind === "rows" ? [anyArgument] : [];
      const bounds = any.flatMap((one): readonly Predicate[] => {
        const key = JSON.stringify([spec.at, one.predicate]);
        if (seen.has(key)) return [];
        seen.add(key);
        const own = bindParameters(one.predicate, (parameter) =>
          personaParameter(persona, matrix.vars, parameter),
        );
        return [{ of, sql: own, at, name: one.name ?? "of `any_argument`" }];
      });
      if (expectation.kind !== "rows") return bounds;
      const rowSet = spec.rowSets.find((one) => one.name === expectation.name);
      const declared = spec.calls.flatMap((call): readonly Predicate[] => {
        const key = JSON.stringify([spec.at, expectation.predicate, call.name]);
        const asked = callIsOpen(calls, call.name) || calls?.reason === "filter";
        if (!asked || seen.has(key)) return [];
        seen.add(key);
        const { values } = bindCall(call, persona, matrix);
        const bound = { persona, vars: matrix.vars, values, column: undefined, defaults };
        const sql = bindCallPredicate(expectation.predicate, bound);
        return [{ of, sql, at: rowSet?.at ?? at, name: expectation.name ?? "of this expectation" }];
      });
      return [...bounds, ...declared];
    });
  });
}

/** Each row set once, for the first persona that uses it. */
function relationPredicates(matrix: Matrix, catalog: Catalog): readonly Predicate[] {
  const seen = new Set<string>();
  return matrix.relations.flatMap((spec) => {
    const [shown, written] = [spec.control?.from ?? spec, spec].map((one) => findRelation(catalog, one));
    return spec.declarations.flatMap(({ expectation, check, mayBecome, persona: name, at }) => {
      const persona = matrix.personas.find((one) => one.name === name);
      if (persona === undefined) return [];
      const said = [
        ...(expectation.kind === "rows" ? [{ ...expectation, of: shown }] : []),
        ...(mayBecome?.rows ? [{ ...mayBecome.rows, of: shown }] : []),
        ...(check === undefined ? [] : [{ ...check, of: written }]),
      ];
      return said.flatMap(({ name: set, predicate, of }): readonly Predicate[] => {
        if (of === undefined) return [];
        const key = JSON.stringify([of.schema, of.name, predicate]);
        if (seen.has(key)) return [];
        seen.add(key);
        const rowSet = spec.rowSets.find((one) => one.name === set);
        const sql = bindParameters(predicate, (parameter) =>
          personaParameter(persona, matrix.vars, parameter),
        );
        return [{ of, sql, at: rowSet?.at ?? at, name: set ?? "of this expectation" }];
      });
    });
  });
}

/** The matrix without the functions that have an issue already: their arguments would repeat it. */
function soundCalls(matrix: Matrix, catalog: Catalog, values: readonly Issue[]): Matrix {
  const functions = matrix.functions.filter(
    (spec) =>
      functionIssues(spec, catalog).length === 0 &&
      !spec.calls.some((call) => values.some(({ at }) => at === call.at)),
  );
  return { ...matrix, functions };
}

/** A key that several rows share would confuse one row with another. Only the catalogue's own keys need no look. */
async function keyIssues(client: ClientBase, matrix: Matrix, catalog: Catalog): Promise<readonly Issue[]> {
  const issues: Issue[] = [];
  const controls = [
    ...matrix.relations.map((spec) => ({ spec, of: findRelation(catalog, spec.control?.from ?? spec) })),
    ...matrix.functions.map((spec) => ({ spec, of: functionControl(spec, catalog) })),
  ];
  for (const { spec, of } of controls) {
    if (spec.key === undefined || of === undefined || isKey(spec.key, of)) continue;
    // A missing column is another issue.
    if (!spec.key.every((name) => of.columns.some((column) => column.name === name))) continue;
    const shared = await sharedKey(client, of, spec.key).catch((cause: unknown) => {
      throw explainUnprivileged(catalog, cause);
    });
    if (shared === undefined) continue;
    issues.push({
      code: "preflight/key-not-unique",
      message: `the key ${spec.key.join(", ")} of ${formatQualified(spec)} does not tell rows apart: ${shared} rows share one`,
      at: spec.at,
      hint: "name columns that are unique together",
    });
  }
  return issues;
}

/**
 * Without a key, rows are compared by the columns that both sides have: where these make a declared row look like one that is not
 * declared, the one could come back in the place of the other.
 */
async function alikeIssues(client: ClientBase, matrix: Matrix, catalog: Catalog): Promise<readonly Issue[]> {
  const issues: Issue[] = [];
  for (const { spec, columns, predicates } of unkeyed(matrix, catalog)) {
    for (const { of, sql, at, name } of predicates) {
      // What is no SQL is another issue.
      const rows = await alike(client, of, columns, sql).catch(() => 0);
      if (rows === 0) continue;
      issues.push({
        code: "preflight/rows-alike",
        message: `${formatQualified(spec)} has no key, and by ${columns.join(", ")}, which it has in common with ${formatQualified(of)}, ${rows} rows of it look alike, of which the row set ${name} holds some and others not`,
        at,
        hint: "name a `key:` of columns that are unique together and that it returns",
      });
      break;
    }
  }
  return issues;
}

interface Unkeyed {
  readonly spec: FunctionSpec;
  readonly columns: readonly string[];
  readonly predicates: readonly Predicate[];
}

/** Functions whose rows are compared by less than all that tells the rows of their control apart. */
function unkeyed(matrix: Matrix, catalog: Catalog): readonly Unkeyed[] {
  return soundCalls(matrix, catalog, []).functions.flatMap((spec): readonly Unkeyed[] => {
    const { relation } = planFunction(spec, catalog);
    const { info, baseline, key } = relation;
    if (key.length > 0 || baseline === info) return [];
    const known = new Set(info.columns.map(({ name }) => name));
    const columns = baseline.columns.map(({ name }) => name).filter((name) => known.has(name));
    if (columns.length === 0 || columns.length === baseline.columns.length) return [];
    const alone = { ...matrix, relations: [], functions: [spec] };
    return [{ spec, columns, predicates: callPredicates(alone, catalog) }];
  });
}

function isKey(key: readonly string[], { primaryKey, uniqueKeys }: RelationInfo): boolean {
  return [primaryKey, ...uniqueKeys].some(
    (columns) => columns.length > 0 && columns.every((name) => key.includes(name)),
  );
}

/** Explains a question that failed because the login is itself held to policies, or may not read the table at all (42501). */
export function explainUnprivileged(catalog: Catalog, cause: unknown): unknown {
  const { login } = catalog;
  if (login.superuser || login.bypassRls) return cause;
  if (!(cause instanceof DatabaseError) || !isCode(cause.code, "insufficientPrivilege")) return cause;
  return new RowgateError({
    code: "preflight/no-privileged-connection",
    message: `The login ${login.name} has neither BYPASSRLS nor SUPERUSER, so policies may hide rows from it: ${cause.message}`,
    hint: "log in as a role with BYPASSRLS (on Supabase: postgres): without it a row that a policy hides looks like one that does not exist",
    cause,
  });
}
