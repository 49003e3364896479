import { type ClientBase, DatabaseError } from "pg";
import { readWaysAround } from "../catalog/bypass-paths.ts";
import { type GatewaySettings, readGatewaySettings } from "../catalog/gateway-settings.ts";
import { readCatalog } from "../catalog/catalog.ts";
import { readDeciding } from "../catalog/authorization-columns.ts";
import { readSettings } from "../catalog/settings.ts";
import { schemasInReach } from "../catalog/reach.ts";
import { readImmutable } from "../catalog/immutable.ts";
import { readSurvivors } from "../catalog/side-effects.ts";
import { effectIssues } from "../probe/sql/effects.ts";
import { checkPredicates, type Predicate } from "../probe/sql/predicates.ts";
import { type SurveyRow, rowsWhere, sampleRows, sharedKey } from "../probe/sql/survey.ts";
import { untriedArguments } from "../lint/arguments.ts";
import { cascadeFindings } from "../lint/cascades.ts";
import { findFindings } from "../lint/findings.ts";
import { untriedMoves } from "../lint/forbidden-updates.ts";
import { sessionFindings } from "../lint/sessions.ts";
import { survivorFindings } from "../lint/side-effects.ts";
import type { Catalog, RelationInfo } from "../model/catalog.ts";
import type { Finding } from "../model/finding.ts";
import type { Issue } from "../model/errors.ts";
import { byPosition, IssuesError, RowgateError } from "../model/errors.ts";
import type { Matrix, Persona } from "../model/matrix.ts";
import type { SettingsInForce } from "../model/settings.ts";
import type { SideEffect } from "../model/side-effect.ts";
import { bindParameters, personaParameter } from "../model/parameters.ts";
import { formatQualified } from "../lib/sql-text.ts";
import { settle } from "../plan/expectation.ts";
import { findRelation } from "../plan/missing.ts";
import { preflight } from "../plan/preflight.ts";
import { functionIssues } from "../plan/preflight-functions.ts";
import { type PlannedFunction, planFunction } from "../plan/function.ts";
import { loginIssues } from "../plan/preflight-logins.ts";
import { planRelation } from "../plan/relation.ts";
import { callIssues, callPredicates, functionControl } from "./call-issues.ts";
import type { Work } from "./workers.ts";
import type { GatewayFacts } from "./request.ts";

export interface Preparation {
  readonly catalog: Catalog;
  readonly work: readonly Work[];
  readonly functions: readonly PlannedFunction[];
  readonly findings: readonly Finding[];
  readonly settings: SettingsInForce;
  /** What a rollback does not undo, in the schemas of the run. */
  readonly survivors: readonly SideEffect[];
}

/** Reads what is in force, and refuses a matrix that names what is not there. @throws IssuesError `preflight/…`, all at once */
export async function prepare(client: ClientBase, matrix: Matrix, rest?: GatewayFacts): Promise<Preparation> {
  const exposed = rest?.schemas ?? [];
  const told = rest && (await readGatewaySettings(client, rest));
  const named = [...matrix.relations, ...matrix.functions].flatMap(({ schema, control }) => [
    schema,
    ...(control === undefined ? [] : [control.from.schema]),
  ]);
  const declared = [...new Set([...named, ...matrix.exposes, ...exposed])];
  // Whose sessions come through no gateway, for whom no list of exposed schemas is a limit.
  const direct = new Set(
    matrix.personas.flatMap(({ role, login }) => (rest === undefined || login !== undefined ? role : [])),
  );
  const schemas = [...declared, ...(await schemasInReach(client, declared, [...direct]))];
  const anon = told === undefined ? [] : [told.anonRole];
  const roles = [
    ...new Set([...matrix.personas.flatMap(({ role, login }) => [role, login ?? role]), ...anon]),
  ];
  const catalog = await readCatalog(client, schemas, roles, {
    settings: matrix.personas.flatMap((persona) => Object.keys(persona.settings)),
    logIn: matrix.personas.some(({ login }) => login !== undefined),
  });
  const settings = await readSettings(
    client,
    [...roles, ...(rest?.login === undefined ? [] : [rest.login])],
    rest?.login,
  );
  const values = await callIssues(client, matrix, catalog);
  const predicates = [
    ...relationPredicates(matrix, catalog),
    ...callPredicates(soundCalls(matrix, catalog, values), catalog),
  ];
  const survivors = await readSurvivors(client, schemas);
  const issues = [
    ...preflight(matrix, catalog),
    ...loginIssues(matrix, catalog, settings),
    ...values,
    ...(await checkPredicates(client, predicates)),
    ...(await effectIssues(client, predicates, survivors)),
    ...(await keyIssues(client, matrix, catalog)),
  ];
  if (issues.length > 0)
    throw new IssuesError(
      "preflight/failed",
      `The matrix ${matrix.name} does not fit the database ${catalog.database}.`,
      issues.toSorted(byPosition),
    );
  const around = await readWaysAround(client, matrix.personas, schemas);
  const deciding = await readDeciding(client, schemas);
  const immutable = (await readImmutable(client)).filter(({ readsSetting }) => readsSetting);
  const functions = matrix.functions.map((spec) => planFunction(spec, catalog));
  const work = await survey(client, matrix, catalog).catch((cause: unknown) => {
    throw catalog.login.superuser || catalog.login.bypassRls ? cause : noFullSight(catalog, cause);
  });
  return {
    catalog,
    settings,
    survivors,
    work,
    functions,
    findings: [
      ...findFindings(matrix, catalog, {
        immutable: immutable.map(({ name }) => name),
        declared: new Set(functions.map(({ routine }) => routine.oid)),
        direct,
        anonRole: told?.anonRole,
      }),
      ...(await unlistedSchemas(client, matrix, exposed, told)),
      ...unheededPreRequest(rest, told),
      ...cascadeFindings(matrix, catalog, (spec, persona, operation) => {
        return (settle(spec, persona, operation)?.expectation.kind ?? "deny") === "deny";
      }),
      ...untriedArguments(functions),
      ...untriedMoves(
        matrix,
        catalog,
        deciding,
        (spec, persona) => settle(spec, persona, "update")?.declaration,
      ),
      ...sessionFindings(matrix, catalog, settings, rest !== undefined),
      ...around.map((way): Finding => ({ kind: "login-bypass-path", ...way })),
      ...survivorFindings(matrix, survivors),
    ],
  };
}

/** Exposed, and not by the matrix: nobody has looked there for what nobody declares. */
async function unlistedSchemas(
  client: ClientBase,
  { exposes, personas }: Matrix,
  exposed: readonly string[],
  told: GatewaySettings | undefined,
): Promise<readonly Finding[]> {
  if (told === undefined) return [];
  const also = new Set([...exposed, ...told.schemas]);
  const asking = personas.flatMap(({ role, login }) => (login === undefined ? role : []));
  const inReach = await schemasInReach(client, exposes, [...asking, told.anonRole]);
  return inReach
    .filter((name) => also.has(name))
    .map((schema) => ({ kind: "undeclared-exposed-schema", schema }));
}

/** It may do anything to a request: what probes saw without it says nothing of those that pass through it. */
function unheededPreRequest(
  rest: GatewayFacts | undefined,
  told: GatewaySettings | undefined,
): readonly Finding[] {
  const called = told?.preRequest;
  const heeded = rest?.preRequest && `${rest.preRequest.schema}.${rest.preRequest.name}`;
  return called === undefined || called === heeded ? [] : [{ kind: "missing-pre-request", function: called }];
}

function noFullSight({ login }: Catalog, cause: unknown): unknown {
  // 42501: a policy would have filtered in silence, or the table may not be read at all.
  if (!(cause instanceof DatabaseError) || cause.code !== "42501") return cause;
  const said = cause.message;
  return new RowgateError({
    code: "preflight/no-privileged-connection",
    message: `The login ${login.name} has neither BYPASSRLS nor SUPERUSER, so it has no full sight: ${said}`,
    hint: "log in as a role with BYPASSRLS (on Supabase: postgres): without it nobody can tell a row that was withheld from one that is not there",
    cause,
  });
}

async function survey(client: ClientBase, matrix: Matrix, catalog: Catalog): Promise<readonly Work[]> {
  const work: Work[] = [];
  for (let from = 0; from < matrix.relations.length; from += 50) {
    const specs = matrix.relations.slice(from, from + 50);
    const planned = specs.map((spec) => planRelation(spec, catalog, []));
    const samples = await sampleRows(
      client,
      planned.map(({ info, baseline: control, key }) => ({ info: control === info ? info : control, key })),
    );
    work.push(
      ...specs.map((spec, index) => ({ spec, relation: planRelation(spec, catalog, samples[index] ?? []) })),
    );
  }
  return work;
}

/** A key that several rows share would let one row stand for another. Only the catalogue's own keys need no look. */
async function keyIssues(client: ClientBase, matrix: Matrix, catalog: Catalog): Promise<readonly Issue[]> {
  const issues: Issue[] = [];
  const controls = [
    ...matrix.relations.map((spec) => ({ spec, of: findRelation(catalog, spec.control?.from ?? spec) })),
    ...matrix.functions.map((spec) => ({ spec, of: functionControl(spec, catalog) })),
  ];
  for (const { spec, of } of controls) {
    if (spec.key === undefined || of === undefined || isKey(spec.key, of)) continue;
    // What is missing has been told.
    if (!spec.key.every((name) => of.columns.some((column) => column.name === name))) continue;
    const shared = await sharedKey(client, of, spec.key).catch((cause: unknown) => {
      throw catalog.login.superuser || catalog.login.bypassRls ? cause : noFullSight(catalog, cause);
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

function isKey(key: readonly string[], { primaryKey, uniqueKeys }: RelationInfo): boolean {
  return [primaryKey, ...uniqueKeys].some(
    (columns) => columns.length > 0 && columns.every((name) => key.includes(name)),
  );
}

/** Each row set once, for the first persona that uses it. */
function relationPredicates(matrix: Matrix, catalog: Catalog): readonly Predicate[] {
  const seen = new Set<string>();
  return matrix.relations.flatMap((spec) => {
    const of = findRelation(catalog, spec.control?.from ?? spec);
    return spec.declarations.flatMap(({ expectation, persona: name, at }) => {
      const persona = matrix.personas.find((one) => one.name === name);
      if (expectation.kind !== "rows" || persona === undefined || of === undefined) return [];
      const key = JSON.stringify([spec.schema, spec.name, expectation.predicate]);
      if (seen.has(key)) return [];
      seen.add(key);
      const rowSet = spec.rowSets.find((one) => one.name === expectation.name);
      const sql = bindParameters(expectation.predicate, (parameter) =>
        personaParameter(persona, matrix.vars, parameter),
      );
      return [{ of, sql, at: rowSet?.at ?? at, name: expectation.name ?? "of this expectation" }];
    });
  });
}

/** The matrix without the functions about which something has been told: their arguments would be told of again. */
function soundCalls(matrix: Matrix, catalog: Catalog, values: readonly Issue[]): Matrix {
  const functions = matrix.functions.filter(
    (spec) =>
      functionIssues(spec, catalog).length === 0 &&
      !spec.calls.some((call) => values.some(({ at }) => at === call.at)),
  );
  return { ...matrix, functions };
}

/** Rows that personas are declared to see, asked for only where an INSERT is denied by a policy and not by a grant. */
export async function visibleRows(
  client: ClientBase,
  matrix: Matrix,
  { spec, relation }: Work,
  personas: readonly Persona[],
): Promise<ReadonlyMap<string, readonly SurveyRow[]>> {
  const asking = personas.flatMap((persona) => {
    const held = relation.info.privileges[persona.role];
    const writes = (held?.insert.length ?? 0) + (held?.update.length ?? 0) > 0;
    const seen = settle(spec, persona.name, "select")?.expectation;
    if (!writes || seen?.kind !== "rows" || relation.baseline !== relation.info) return [];
    const where = bindParameters(seen.predicate, (name) => personaParameter(persona, matrix.vars, name));
    return [{ name: persona.name, where }];
  });
  const rows = await rowsWhere(
    client,
    relation.info,
    asking.map(({ where }) => where),
  );
  return new Map(asking.map(({ name }, index) => [name, rows[index] ?? []]));
}
