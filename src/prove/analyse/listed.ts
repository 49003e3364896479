import type { Node } from "libpg-query";
import { parseExpression } from "../../lib/sql-tree.ts";
import type { ProofColumn, ProofRelation } from "./schema.ts";
import { constantOf } from "./ties.ts";
import { fieldsOf, part, stringOf, typeNameOf } from "./tree.ts";
import { isIntegral } from "./types.ts";

/** More values than these are as good as any. */
const listLimit = 40;

/** A column whose CHECK constraint, or whose domain's, lists its values holds no others: they are its labels, as those of an enum. */
export function withListedValues(relation: ProofRelation): ProofRelation {
  // The CHECK constraints of a foreign table are its server's business.
  if (relation.kind === "foreign") return relation;
  const columns = relation.columns.map((column): ProofColumn => {
    const isPlain = column.base === "text" || column.base === "character varying" || isIntegral(column);
    if (!isPlain || column.labels !== null || column.redefined || !column.deterministic) return column;
    const lists = [
      ...relation.checks.map((text) => listed(text, column.name)),
      ...column.domainChecks.map((text) => listed(text, "value")),
    ];
    const shortest = lists
      .flatMap((one) => (one === undefined ? [] : [one]))
      .toSorted((a, b) => a.length - b.length)[0];
    const isShort = shortest !== undefined && shortest.length > 0 && shortest.length <= listLimit;
    return isShort ? { ...column, labels: [...new Set(shortest)] } : column;
  });
  return { ...relation, columns };
}

/** The values, but for NULL, that the condition lets the column hold; `undefined`: it lists none. */
function listed(text: string, name: string): readonly string[] | undefined {
  try {
    return valuesIn(parseExpression(text), name);
  } catch {
    return undefined;
  }
}

function valuesIn(node: Node, name: string): readonly string[] | undefined {
  const bool = part(node, "BoolExpr");
  if (bool !== undefined && bool.boolop !== "NOT_EXPR") {
    const all = (bool.args ?? []).map((one) => valuesIn(one, name));
    if (bool.boolop === "AND_EXPR") return all.find((one) => one !== undefined);
    return all.every((one) => one !== undefined) ? all.flat() : undefined;
  }
  const test = part(node, "NullTest");
  if (test !== undefined) return test.nulltesttype === "IS_NULL" && isColumn(test.arg, name) ? [] : undefined;
  const { kind, name: operator, lexpr, rexpr } = part(node, "A_Expr") ?? {};
  if (operator?.length !== 1 || stringOf(operator[0]) !== "=" || !isColumn(lexpr, name)) return undefined;
  const items =
    kind === "AEXPR_OP"
      ? [rexpr]
      : kind === "AEXPR_OP_ANY"
        ? part(uncast(rexpr), "A_ArrayExpr")?.elements
        : undefined;
  const values = items?.map((one) => {
    const constant = part(uncast(one), "A_Const");
    return constant === undefined ? undefined : constantOf(constant);
  });
  return values?.every((one) => typeof one === "string") === true ? values : undefined;
}

function isColumn(node: Node | undefined, name: string): boolean {
  const fields = fieldsOf(uncast(node));
  return fields?.length === 1 && fields[0] === name;
}

/** Without casts that leave a text, or a whole number, as it is. */
function uncast(node: Node | undefined): Node | undefined {
  const made = part(node, "TypeCast");
  const keeps = /^(?:text|varchar|int2|int4|int8)$/.test(node === undefined ? "" : typeNameOf(node));
  return made?.arg !== undefined && keeps && made.typeName?.typmods === undefined ? uncast(made.arg) : node;
}
