import type { FunctionSpec, RelationSpec } from "./matrix.ts";
import type { QualifiedName } from "../lib/sql-text.ts";

/** A side effect outside the transaction, caused by writing to a relation or by calling a routine. */
export interface SideEffect extends QualifiedName {
  readonly isRoutine: boolean;
  /** What causes it: `function public.notify`, `policy own`. */
  readonly place: string;
  /** What it is: `an HTTP call`. */
  readonly reaches: string;
}

/** What the matrix says of what is probed. */
export type Probed = Pick<RelationSpec, "schema" | "name" | "survives"> | FunctionSpec;

/** What a write to the relation, or a call of the function, would reach for good. */
export function survivorsOf(spec: Probed, all: readonly SideEffect[]): readonly SideEffect[] {
  const isRoutine = "calls" in spec;
  return all.filter(
    (one) => one.isRoutine === isRoutine && one.schema === spec.schema && one.name === spec.name,
  );
}
