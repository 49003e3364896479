import type { Argument, Catalog, Routine } from "./catalog.ts";
import { refuse, type Refused } from "./errors.ts";
import { arrayLiteral, columnOf, type Condition } from "./filter.ts";
import { bind, fromCatalog, ident, join, nothing, qualified, sql, type Sql } from "./fragment.ts";
import { negotiate, type Shape } from "./headers.ts";
import {
  asJson,
  countOf,
  type Plan,
  type ReadRules,
  refuseRepresentations,
  responseSettings,
  rowCount,
  rowsOf,
  totalOf,
} from "./read.ts";
import type { Request } from "./request.ts";
import { payloadRows } from "./write.ts";

/**
 * GET, HEAD and POST of `/rpc/<function>`.
 * @throws {Refused}
 */
export function planCall(request: Request, catalog: Catalog, rules: ReadRules): Plan {
  const { action } = request;
  const byPost = request.method === "POST";
  const names = byPost ? (request.payload?.columns ?? []) : request.query.parameters.map(([name]) => name);
  const routine = findRoutine(catalog, { schema: request.schema, name: action.name, names, byPost });
  const relation = routine.rowType === null ? undefined : catalog.relation(routine.schema, routine.rowType);
  refuseRepresentations(request, relation);
  if (routine.returnsMedia) throw refuse.notSpoken("functions that return a media type");
  const shape = negotiate(request.headers.accept, rules.hasMediaHandlers);
  const readOnly = !byPost || !routine.isVolatile;
  return {
    main: mainSql(request, routine, shape, rules),
    readOnly,
    settings: routine.settings,
    shape,
    target: routine,
    request,
  };
}

function mainSql(request: Request, routine: Routine, shape: Shape, { maxRows }: ReadRules): Sql {
  const alias = ident(routine.rowType ?? routine.name);
  const source = sql`pgrst_source as ${alias}`;
  const rows = routine.returnsSet ? rowCount : sql`1`;
  const body = request.method === "HEAD" ? sql`''` : resultAsJson(routine, shape);
  return sql`with pgrst_source as (${callSql(request, routine)})${countOf(
    source,
    alias,
    request,
    maxRows,
  )} select ${totalOf(request, maxRows, rows)}, ${rows}, ${body}, ${responseSettings} from (${rowsOf(
    source,
    alias,
    request,
    maxRows,
  )}) _postgrest_t`;
}

function callSql(request: Request, routine: Routine): Sql {
  const name = qualified(routine.schema, routine.name);
  const { source, list } = argumentsOf(request, routine);
  if (!routine.returnsRow)
    return sql`select pgrst_call.pgrst_scalar from ${source}(select ${name}(${list}) pgrst_scalar) pgrst_call`;
  return sql`select ${returned(request)} from ${source}${name}(${list}) pgrst_call`;
}

interface Arguments {
  /** What precedes the call in `from`: the payload, where the arguments come from it. */
  readonly source: Sql;
  readonly list: Sql;
}

function argumentsOf(request: Request, routine: Routine): Arguments {
  const [only] = routine.arguments;
  const json = request.payload?.json ?? "";
  if (only !== undefined && takesBody(routine))
    return { source: nothing, list: sql`${bind(json)}::${fromCatalog(only.type)}` };
  return request.method === "POST" ? fromPayload(json, request, routine) : fromQuery(request, routine);
}

function fromPayload(json: string, { payload }: Request, routine: Routine): Arguments {
  const given = routine.arguments.filter(({ name }) => payload?.columns.includes(name));
  if (given.length === 0) return { source: nothing, list: nothing };
  const fields = given.map(({ name, longest }) => ({ name, type: longest, default: null }));
  const rows = payloadRows(json, fields, { limitOne: true, defaults: false });
  return {
    source: sql`${rows}, lateral `,
    list: namedArguments(given, ({ name }) => sql`pgrst_body.${ident(name)}`),
  };
}

function fromQuery({ query }: Request, routine: Routine): Arguments {
  const values = (name: string): string[] =>
    query.parameters.flatMap(([key, value]) => (key === name ? [value] : []));
  const given = routine.arguments.filter(({ name }) => values(name).length > 0);
  const list = namedArguments(given, ({ name, longest, variadic }) => {
    const sent = values(name);
    const value = variadic ? sql`${bind(arrayLiteral(sent))}::text[]` : sql`${bind(sent.at(-1) ?? "")}`;
    return sql`${value}::${fromCatalog(longest)}`;
  });
  return { source: nothing, list };
}

function namedArguments(given: readonly Argument[], value: (argument: Argument) => Sql): Sql {
  const named = given.map(
    (argument) =>
      sql`${argument.variadic ? sql`variadic ` : nothing}${ident(argument.name)} := ${value(argument)}`,
  );
  return join(named, ", ");
}

/** Columns of the result that the request names; what an order alone names is not among them, as in PostgREST. */
function returned({ query }: Request): Sql {
  const table = sql`pgrst_call`;
  const columns = query.select.map(({ column }) => column);
  if (columns.length === 0 || columns.includes("*")) return columnOf(table, "*");
  const filtered = [...query.filters.map(({ column }) => column), ...query.conditions.flatMap(columnsIn)];
  const all = [...new Set([...columns, ...filtered])].toSorted();
  return join(
    all.map((column) => columnOf(table, column)),
    ", ",
  );
}

function columnsIn(condition: Condition): string[] {
  return condition.kind === "filter" ? [condition.filter.column] : condition.of.flatMap(columnsIn);
}

function resultAsJson(routine: Routine, shape: Shape): Sql {
  if (routine.returnsRow) return asJson(routine.returnsSet ? shape : "object");
  const values = sql`json_agg(_postgrest_t.pgrst_scalar)`;
  if (routine.returnsSet && shape === "array") return sql`coalesce(${values}, '[]')::text`;
  return routine.returnsSet ? asJson("object") : sql`coalesce(${values}->0, 'null')::text`;
}

export interface Call {
  readonly schema: string;
  readonly name: string;
  /** Names of the arguments given. */
  readonly names: readonly string[];
  readonly byPost: boolean;
}

/**
 * The function that a call means. Overloads are distinguished by the names of their arguments; by POST, a single argument
 * without a name takes the whole body.
 * @throws {Refused} PGRST202, PGRST203
 */
export function findRoutine(catalog: Catalog, call: Call): Routine {
  const overloads = catalog.routines(call.schema, call.name);
  const matching = overloads.filter((routine) => takes(routine, call.names));
  const found =
    matching.length > 0 ? matching : overloads.filter((routine) => call.byPost && takesBody(routine));
  const [routine, ...others] = found;
  if (routine === undefined) throw notFound(call);
  if (others.length > 0) throw refuse.ambiguousRoutine(found.map(signature).toSorted().join(", "));
  return routine;
}

function takes({ arguments: known }: Routine, given: readonly string[]): boolean {
  const required = known.filter((argument) => argument.required);
  return (
    given.every((name) => known.some((argument) => argument.name === name)) &&
    required.every((argument) => given.includes(argument.name))
  );
}

/** One argument without a name, of a type that a JSON body can be. */
function takesBody({ arguments: [only, ...others] }: Routine): boolean {
  return only?.name === "" && others.length === 0 && (only.type === "json" || only.type === "jsonb");
}

function notFound({ schema, name, names, byPost }: Call): Refused {
  const given = names.toSorted();
  const list = given.join(", ");
  const called = given.length === 0 ? " without parameters" : `(${list})`;
  const searched =
    given.length === 0 ? " without parameters" : ` with parameter${given.length > 1 ? "s" : ""} ${list}`;
  const alternative = byPost ? " or with a single unnamed json/jsonb parameter" : "";
  return refuse.routine(
    `Could not find the function ${schema}.${name}${called} in the schema cache`,
    `Searched for the function ${schema}.${name}${searched}${alternative}, but no matches were found in the schema cache.`,
  );
}

function signature({ schema, name, arguments: known }: Routine): string {
  return `${schema}.${name}(${known.map((argument) => `${argument.name} => ${argument.type}`).join(", ")})`;
}
