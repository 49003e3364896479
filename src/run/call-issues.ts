import type { ClientBase } from "pg";
import { type Predicate, type Value, checkValues } from "../probe/sql/predicates.ts";
import type { Catalog, RelationInfo } from "../model/catalog.ts";
import type { Issue } from "../model/errors.ts";
import { type Call, type FunctionSpec, type Matrix, callIsOpen } from "../model/matrix.ts";
import { signatureOf } from "../model/routine.ts";
import { bindCall, bindCallPredicate } from "../plan/bind-call.ts";
import { controlOf } from "../plan/function.ts";
import { argumentName, routinesMeant } from "../plan/routine.ts";

/** Values that are none of their argument's type would stop a call before the function, and prove nothing: the matrix's mistake. */
export function callIssues(client: ClientBase, matrix: Matrix, catalog: Catalog): Promise<readonly Issue[]> {
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

/** Where full sight reads a function's rows, as far as the database has it. */
export function functionControl(spec: FunctionSpec, catalog: Catalog): RelationInfo | undefined {
  const [routine] = routinesMeant(catalog, spec);
  return routine && controlOf(spec, routine, catalog);
}

/** Each row set of a function with the arguments of each call that it is said of, for the first persona that uses it. */
export function callPredicates(matrix: Matrix, catalog: Catalog): readonly Predicate[] {
  const seen = new Set<string>();
  return matrix.functions.flatMap((spec) => {
    const of = functionControl(spec, catalog);
    return spec.declarations.flatMap(({ expectation, calls, persona: name, at }) => {
      const persona = matrix.personas.find((one) => one.name === name);
      if (expectation.kind !== "rows" || persona === undefined || of === undefined) return [];
      const rowSet = spec.rowSets.find((one) => one.name === expectation.name);
      return spec.calls.flatMap((call): readonly Predicate[] => {
        const key = JSON.stringify([spec.at, expectation.predicate, call.name]);
        const asked = callIsOpen(calls, call.name) || calls?.reason === "filter";
        if (!asked || seen.has(key)) return [];
        seen.add(key);
        const { values } = bindCall(call, persona, matrix);
        const bound = { persona, vars: matrix.vars, values, column: undefined };
        const sql = bindCallPredicate(expectation.predicate, bound);
        return [{ of, sql, at: rowSet?.at ?? at, name: expectation.name ?? "of this expectation" }];
      });
    });
  });
}
