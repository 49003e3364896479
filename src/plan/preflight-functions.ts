import type { Catalog, RelationInfo, RoutineInfo } from "../model/catalog.ts";
import type { Issue, SourcePosition } from "../model/errors.ts";
import { callIsOpen, type FunctionSpec, type Matrix } from "../model/matrix.ts";
import { findParameters } from "../model/parameters.ts";
import { signatureOf } from "../model/routine.ts";
import { formatFunction, formatQualified } from "../lib/sql-text.ts";
import { ruleIssues, unseenColumns } from "./column-issues.ts";
import { controlOf, valueNameOf } from "./function.ts";
import { findRelation, missingColumn, missingRelation, nearest, nearestOf } from "./missing.ts";
import { argumentName, constantDefaults, resultRelation, routinesMeant, routinesNamed } from "./routine.ts";

/** What the matrix says of a function and the database has not. */
export function functionIssues(spec: FunctionSpec, catalog: Catalog): readonly Issue[] {
  const meant = routinesMeant(catalog, spec);
  const [routine, ...others] = meant;
  if (routine === undefined) return [missingFunction(spec, catalog), ...controlIssues(spec, catalog)];
  if (others.length > 0) return [ambiguous(spec, meant), ...controlIssues(spec, catalog)];
  if (routine.kind !== "function") return [notCovered(spec, routine)];
  return [
    ...controlIssues(spec, catalog),
    ...spec.calls.flatMap((call) => argumentIssues(call, routine)),
    ...defaultIssues(spec, routine),
    ...rowIssues(spec, routine, catalog),
  ];
}

/** Under one name with types and one without, both mean the same function. */
export function functionsDeclaredTwice({ functions }: Matrix, catalog: Catalog): readonly Issue[] {
  const first = new Map<string, FunctionSpec>();
  return functions.flatMap((spec) => {
    const [routine, ...others] = routinesMeant(catalog, spec);
    if (routine === undefined || others.length > 0) return [];
    const other = first.get(routine.oid);
    if (other === undefined) {
      first.set(routine.oid, spec);
      return [];
    }
    return issue(
      "duplicate-function",
      spec.at,
      `${signatureOf(routine)} is declared twice; first in line ${other.at.line}`,
      "join them",
    );
  });
}

function issue(code: string, at: SourcePosition, message: string, hint: string): Issue {
  return { code: `preflight/${code}`, message, at, hint };
}

function missingFunction(spec: FunctionSpec, catalog: Catalog): Issue {
  const named = routinesNamed(catalog, spec);
  const isRelation = findRelation(catalog, spec) !== undefined;
  const hint =
    named.length > 0
      ? `there is ${named.map(signatureOf).join(", ")}`
      : isRelation
        ? "it is a relation: declare it under `relations:`"
        : (nearestOf(catalog.routines, spec) ??
          "apply the migration that creates it, or take it out of the matrix");
  const message = `missing function: ${formatFunction(spec)} does not exist in the database ${catalog.database}`;
  return issue("missing-function", spec.at, message, hint);
}

function ambiguous(spec: FunctionSpec, meant: readonly RoutineInfo[]): Issue {
  const forms = meant.map((one) => `${one.name}(${one.arguments.map(({ type }) => type).join(", ")})`);
  const message = `${meant.length} functions are called ${formatQualified(spec)}: which one is meant?`;
  return issue("ambiguous-function", spec.at, message, `write ${forms.join(" or ")}`);
}

const notCoveredYet: Record<Exclude<RoutineInfo["kind"], "function">, string> = {
  procedure: "a procedure, which is not covered: PostgREST calls functions only, and CALL may commit",
  aggregate: "an aggregate, which is not covered: it cannot be called alone",
  window: "a window function, which is not covered: it cannot be called alone",
};

function notCovered(spec: FunctionSpec, { kind }: RoutineInfo): Issue {
  const what = kind === "function" ? kind : notCoveredYet[kind];
  return issue("not-a-function", spec.at, `${formatQualified(spec)} is ${what}`, "take it out of the matrix");
}

function controlIssues({ control }: FunctionSpec, catalog: Catalog): readonly Issue[] {
  return control === undefined || findRelation(catalog, control.from) !== undefined
    ? []
    : [missingRelation(control.from, control.at, catalog)];
}

function argumentIssues(call: FunctionSpec["calls"][number], routine: RoutineInfo): readonly Issue[] {
  const names = routine.arguments.map(argumentName);
  const given = Object.keys(call.arguments);
  const unknown = given.filter((name) => !names.includes(name));
  const needed = names.filter(
    (name, index) => routine.arguments[index]?.required === true && !given.includes(name),
  );
  const called = signatureOf(routine);
  return [
    ...unknown.map((name) =>
      issue(
        "missing-argument",
        call.at,
        `missing argument: ${called} has no argument ${name}`,
        nearest(name, names) ??
          (names.length === 0 ? "it takes none" : `its arguments are ${names.join(", ")}`),
      ),
    ),
    ...needed.map((name) =>
      issue(
        "argument-not-given",
        call.at,
        `the call ${call.name} gives no ${name}, which ${called} requires`,
        nearest(name, unknown) === undefined
          ? `write \`${name}: …\``
          : "see the argument that it does not have",
      ),
    ),
  ];
}

/** A row set speaks of an argument that a call leaves out, and its default is no constant. */
function defaultIssues(spec: FunctionSpec, routine: RoutineInfo): readonly Issue[] {
  const known = routine.arguments.map(argumentName);
  const defaults = constantDefaults(routine);
  const found = spec.declarations.flatMap(({ expectation, columns, calls, at }) => {
    if (expectation.kind !== "rows") return [];
    const rowSet = spec.rowSets.find(({ name }) => name === expectation.name);
    const predicates = [expectation.predicate, ...columns.flatMap(({ rows }) => rows?.predicate ?? [])];
    const asked = spec.calls.filter(({ name }) => callIsOpen(calls, name) || calls?.reason === "filter");
    const used = predicates.flatMap((one) => findParameters(one).map(({ name }) => name));
    return [...new Set(used)].flatMap((parameter) => {
      const name = parameter.startsWith("args.") ? parameter.slice(5) : undefined;
      if (name === undefined || name in defaults) return [];
      const call = asked.find((one) => !Object.hasOwn(one.arguments, name));
      if (call === undefined) return [];
      const argument = routine.arguments[known.indexOf(name)];
      const why =
        argument === undefined
          ? "it has no such argument"
          : argument.required
            ? "the call does not give it"
            : `its default \`${argument.default ?? ""}\` is no constant`;
      const message = `\`:${parameter}\` has no value in the call ${call.name} of ${signatureOf(routine)}: ${why}`;
      const hint =
        argument === undefined
          ? (nearest(name, known) ?? `its arguments are ${known.join(", ") || "none"}`)
          : `write \`${name}: …\` in the call`;
      return [issue("argument-without-value", rowSet?.at ?? at, message, hint)];
    });
  });
  return [...new Map(found.map((one) => [JSON.stringify([one.at, one.message]), one])).values()];
}

/** What rows are to be compared with, and by what. */
function rowIssues(spec: FunctionSpec, routine: RoutineInfo, catalog: Catalog): readonly Issue[] {
  const declared = spec.declarations.filter(
    ({ expectation, calls, columns }) =>
      expectation.kind === "rows" ||
      (expectation.kind === "deny" && expectation.reason === "filter") ||
      calls?.reason === "filter" ||
      columns.length > 0,
  );
  const result = resultRelation(routine, valueNameOf(spec));
  const control = controlOf(spec, routine, catalog);
  const columns = [
    ...keyIssues(spec, result, control),
    ...(control === undefined
      ? []
      : [...ruleIssues(spec, result, control), ...unseenColumns(spec, result, control)]),
  ];
  const [first] = declared;
  if (first === undefined || columns.length > 0) return columns;
  const fine = spec.declarations.find((one) => one.columns.length > 0);
  if (fine !== undefined && routine.returns === "value") {
    const message = `${signatureOf(routine)} returns plain values, which have no columns`;
    return [issue("no-columns", fine.at, message, "declare the values by `rows`, with `key: [<column>]`")];
  }
  if (result.columns.length === 0) {
    const message = `${signatureOf(routine)} returns ${routine.result}, so it returns no rows that could be declared`;
    return [issue("no-rows", first.at, message, "declare `allow`, `deny` or calls")];
  }
  if (control === undefined) {
    if (spec.control !== undefined) return [];
    const message = `nothing says where the privileged connection reads the rows that ${formatFunction(spec)} may return`;
    return [issue("no-control", first.at, message, "write `control: { from: <relation> }` beside `calls:`")];
  }
  const shared = result.columns.filter(({ name }) => control.columns.some((column) => column.name === name));
  if (shared.length > 0) return [];
  const message = `${formatFunction(spec)} and ${formatQualified(control)} have no column in common by which rows could be compared`;
  const hint =
    routine.returns === "value" ? "name the value's column: `key: [<column>]`" : "name another relation";
  return [issue("no-common-column", first.at, message, hint)];
}

function keyIssues(
  { key = [], at, control: source }: FunctionSpec,
  result: RelationInfo,
  control: RelationInfo | undefined,
): readonly Issue[] {
  const lacks = (of: RelationInfo): readonly string[] =>
    key.filter((name) => !of.columns.some((column) => column.name === name));
  return [
    ...lacks(result).map((name) => missingColumn(name, at, result)),
    ...(control === undefined
      ? []
      : lacks(control).map((name) => missingColumn(name, source?.at ?? at, control))),
  ];
}
