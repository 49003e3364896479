import type { Node } from "libpg-query";
import { show } from "./tree.ts";

/** Why a sub-expression could not be decided for all rows. */
export type DoubtKind =
  | "whole-row"
  | "own-value"
  | "operator"
  | "pattern"
  | "order"
  | "array"
  | "function"
  | "term"
  | "type"
  | "values"
  | "syntax"
  | "names";

export interface Doubt {
  readonly kind: DoubtKind;
  /** The innermost sub-expression, as SQL. */
  readonly sql: string;
  /** The functions that contain it, outermost first. */
  readonly within: readonly string[];
}

export function doubt(kind: DoubtKind, node: Node | undefined): Doubt {
  return { kind, sql: node === undefined ? "" : show(node), within: [] };
}

/** What would decide it. */
export const settledBy: Readonly<Record<DoubtKind, string>> = {
  "whole-row": "pass the columns that matter instead of the row",
  "own-value": "compare the column with values, or declare a candidate row that the policy lets in",
  operator:
    "declare a candidate row that the policy lets in, rewrite it as comparisons, or add a waiver with a reason",
  pattern: "declare a candidate row that the policy lets in, compare with =, or add a waiver with a reason",
  order: "compare with = or IN, or declare a candidate row that the policy lets in",
  array: "declare a candidate row that the policy lets in, or keep the members in a table with a foreign key",
  function: "a foreign key on the column, a body that is one SQL expression, or a waiver with a reason",
  term: "compare the column itself, or declare a candidate row that the policy lets in",
  type: "a type without a domain, whose = is Postgres's own, or a candidate row that the policy lets in",
  values: "read access for the persona to what the policy compares with, or fewer values",
  syntax: "write it with comparisons, IN, EXISTS and AND/OR",
  names: "qualify the column's name",
};
