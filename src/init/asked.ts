import type { Node } from "libpg-query";
import type { ProofRelation, Schema } from "../prove/analyse/schema.ts";
import { fieldsOf, part, row, stringOf, walk, withoutCasts } from "../prove/analyse/tree.ts";
import { type Condition, conditionFor, parameterOf, parametersOf, textOf } from "./conditions.ts";

/** A column, and what policies compare it with. */
export interface AskedColumn {
  readonly relation: ProofRelation;
  readonly column: string;
}

/** What policies ask of rows and of who asks. */
export interface AskedOf {
  /** Columns that name who asks: `owner = :sub`. In a subquery: `member`. */
  readonly identities: readonly (AskedColumn & { readonly parameter: string; readonly member: boolean })[];
  /** Columns that are compared with constants: `role = 'admin'`. */
  readonly constants: readonly (AskedColumn & { readonly values: readonly string[] })[];
  /** Claims that are compared with constants: `:claims.app_metadata.role = 'admin'`. */
  readonly claims: readonly { readonly parameter: string; readonly value: string }[];
  /** Every parameter that a policy reads. */
  readonly parameters: ReadonlySet<string>;
}

/** The roles of users: what their policies say is read. */
export function whatIsAsked(
  relations: readonly ProofRelation[],
  roles: readonly string[],
  schema: Schema,
): AskedOf {
  const identities = new Map<string, AskedOf["identities"][number]>();
  const constants = new Map<string, AskedColumn & { values: readonly string[] }>();
  const claims = new Map<string, AskedOf["claims"][number]>();
  const parameters = new Set<string>();
  for (const { tree, relation } of allConditions(relations, roles, schema)) {
    for (const name of parametersOf(tree)) parameters.add(name);
    const columnsOf = resolver(tree, relation, schema);
    for (const [side, other] of comparisons(tree)) {
      const asked = parameterOf(other);
      const value = asked === undefined ? textOf(other) : undefined;
      const claim = parameterOf(side);
      if (claim?.startsWith("claims.") === true && value !== undefined)
        claims.set(`${claim} ${value}`, { parameter: claim, value });
      const found = columnsOf(side);
      if (found === undefined) continue;
      const key = `${found.relation.schema}.${found.relation.name}.${found.column}`;
      if (asked !== undefined && asked !== "role") {
        const member = found.member || identities.get(`${key} ${asked}`)?.member === true;
        identities.set(`${key} ${asked}`, { ...found, parameter: asked, member });
      }
      // A boolean by itself is compared with true; columns of other types are not.
      if (value !== undefined && (value !== "true" || isBoolean(found)))
        constants.set(key, {
          ...found,
          values: [...new Set([...(constants.get(key)?.values ?? []), value])],
        });
    }
  }
  return {
    identities: [...identities.values()],
    constants: [...constants.values()],
    claims: [...claims.values()],
    parameters,
  };
}

function* allConditions(
  relations: readonly ProofRelation[],
  roles: readonly string[],
  schema: Schema,
): Iterable<Pick<Condition, "tree"> & { readonly relation: ProofRelation }> {
  for (const relation of relations)
    for (const command of ["select", "insert", "update", "delete"] as const)
      for (const side of ["old", "new"] as const) {
        const condition = conditionFor(relation, roles, command, side, schema);
        if (condition !== undefined) yield { tree: condition.tree, relation };
      }
}

/** Both sides of `a = b` and each of `a = any (array[b, c])`; `a in (select b …)` compares with what is selected. */
function comparisons(tree: Node): readonly (readonly [Node, Node])[] {
  const found: (readonly [Node, Node])[] = [];
  const pair = (a: Node | undefined, b: Node | undefined): void => {
    if (a !== undefined && b !== undefined) found.push([a, b], [b, a]);
  };
  walk(tree, (node) => {
    const { name, lexpr, rexpr } = part(node, "A_Expr") ?? {};
    if ((name ?? []).map(stringOf).at(-1) === "=" || (name ?? []).map(stringOf).at(-1) === "<>") {
      pair(lexpr, rexpr);
      const many = rexpr && part(withoutCasts(rexpr), "A_ArrayExpr");
      for (const one of many?.elements ?? []) pair(lexpr, one);
    }
    const list = part(rexpr, "List");
    for (const one of list?.items ?? []) pair(lexpr, one);
    const link = part(node, "SubLink");
    if (link?.subLinkType === "ANY_SUBLINK")
      pair(link.testexpr, part(part(link.subselect, "SelectStmt")?.targetList?.[0], "ResTarget")?.val);
    const bare = fieldsOf(node);
    if (bare !== undefined) found.push([node, { A_Const: { boolval: { boolval: true } } }]);
  });
  return found;
}

function isBoolean({ relation, column }: AskedColumn): boolean {
  return relation.columns.find(({ name }) => name === column)?.base === "boolean";
}

type Resolve = (side: Node) => (AskedColumn & { readonly member: boolean }) | undefined;

/** Names are resolved already: the row's columns are `"rowgate:row"`'s, others' those of an item of FROM. */
function resolver(tree: Node, own: ProofRelation, schema: Schema): Resolve {
  const items = new Map<string, ProofRelation>();
  walk(tree, (node) => {
    const table = part(node, "RangeVar");
    const relation = table && schema.relation(table.schemaname, table.relname ?? "");
    if (relation !== undefined) items.set(table?.alias?.aliasname ?? relation.name, relation);
  });
  return (side) => {
    const [item = "", column = "", ...more] = fieldsOf(withoutCasts(side)) ?? [];
    const relation = item === row ? own : items.get(item);
    const known = relation?.columns.find(({ name }) => name === column);
    if (relation === undefined || known === undefined || more.length > 0) return undefined;
    return { relation, column, member: item !== row };
  };
}
