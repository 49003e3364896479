import type { Catalog, RelationInfo, RoutineInfo } from "../model/catalog.ts";
import type { PlannedRelation } from "../model/cell.ts";
import type { FunctionSpec } from "../model/matrix.ts";
import { findRelation } from "./missing.ts";
import { resultRelation, routinesMeant } from "./routine.ts";

/** A function with all that its cells need. */
export interface PlannedFunction {
  readonly spec: FunctionSpec;
  readonly routine: RoutineInfo;
  /** What it returns, as a relation. Without rows to declare its control is itself, and is never read. */
  readonly relation: PlannedRelation;
  /** A value that comes back is a column of this name. */
  readonly valueName: string;
}

/** The matrix has passed preflight: what it names exists. */
export function planFunction(spec: FunctionSpec, catalog: Catalog): PlannedFunction {
  const [routine] = routinesMeant(catalog, spec);
  if (routine === undefined) throw new Error(`preflight let ${spec.schema}.${spec.name} pass`);
  const valueName = valueNameOf(spec);
  const info = resultRelation(routine, valueName);
  const control = controlOf(spec, routine, catalog) ?? info;
  const key = keyOf(spec, info, control);
  const facts = catalog.sessionFacts.filter((one) => one.routine === routine.oid);
  const relation = { info, key, baseline: control, base: undefined, at: spec.at, samples: [], facts };
  return { spec, routine, valueName, relation };
}

/** `key: [id]` names the one column that a function of plain values has. */
export function valueNameOf({ key, name }: FunctionSpec): string {
  return key?.length === 1 ? (key[0] ?? name) : name;
}

/** Where the privileged connection reads the rows: what the matrix names, or the table whose rows the function returns. */
export function controlOf(
  spec: FunctionSpec,
  routine: RoutineInfo,
  catalog: Catalog,
): RelationInfo | undefined {
  const from = spec.control?.from ?? routine.rowOf;
  return from === null ? undefined : findRelation(catalog, from);
}

function keyOf(spec: FunctionSpec, info: RelationInfo, control: RelationInfo): readonly string[] {
  const key = spec.key ?? (control === info ? [] : control.primaryKey);
  const known = new Set(info.columns.map(({ name }) => name));
  return key.every((name) => known.has(name)) ? key : [];
}
