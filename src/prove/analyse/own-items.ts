import type { Node, SelectStmt } from "libpg-query";
import type { Reading } from "./inline.ts";
import { resolveNames } from "./resolve.ts";
import { type ProofColumn, type ProofRelation, type Schema, viewStatements } from "./schema.ts";
import {
  columnRef,
  fromItemName,
  literal,
  outerNames,
  part,
  printSelect,
  readsRow,
  selectOf,
  stringOf,
  walk,
  withoutCasts,
} from "./tree.ts";
import { isEnumerable } from "./types.ts";
import { isComparison } from "./widen.ts";

/** The relation that policies are about, and that they read by whatever name. */
export interface About {
  readonly relation: ProofRelation;
  readonly reading: Reading;
}

export interface Partner {
  readonly node: Node;
  /** Its elements, each by itself. */
  readonly array: boolean;
  /** By < or >. */
  readonly ordered: boolean;
}

export function isOrdering(name: readonly Node[] | undefined): boolean {
  return /^[<>]=?$/.test(stringOf(name?.[0]));
}

/** Items of FROM that are others: tables and views, and queries that read nothing of what is around them. */
export function otherItems(tree: Node, own: ReadonlySet<string>, schema: Schema): ReadonlyMap<string, Node> {
  const found = new Map<string, Node>();
  walk(tree, (node) => {
    const { schemaname, relname } = part(node, "RangeVar") ?? {};
    const name = fromItemName(node);
    const isTable = relname !== undefined && schema.relation(schemaname, relname) !== undefined;
    const query = part(node, "RangeSubselect")?.subquery;
    const isQuery = query !== undefined && !readsRow(query) && outerNames(query).length === 0;
    if (name !== undefined && !own.has(name) && (isTable || isQuery)) found.set(name, node);
  });
  return found;
}

/** What another item holds in a column that ours is compared with. */
export function columnText(item: Node | undefined, name: string | undefined): string | undefined {
  if (item === undefined || name === undefined) return undefined;
  const val: Node = {
    TypeCast: {
      arg: columnRef(fromItemName(item) ?? "", name),
      typeName: { names: [{ String: { sval: "text" } }], typemod: -1 },
    },
  };
  try {
    return `${printSelect({ ...selectOf(val), distinctClause: [{} as Node], fromClause: [item] })} limit 20`;
  } catch {
    return undefined;
  }
}

/** Columns of the relation that queries within it call otherwise. */
export function renamedIn(
  trees: readonly Node[],
  isOwn: (node: Node) => string | undefined,
): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  walk(trees, (node) => {
    const { name, val } = part(node, "ResTarget") ?? {};
    const column = val && isOwn(withoutCasts(val));
    if (name !== undefined && column !== undefined) found.set(name, column);
  });
  return found;
}

export function enumerated(column: ProofColumn): readonly string[] {
  return isEnumerable(column) ? (column.labels ?? ["true", "false"]) : [];
}

/** Names in FROM whose rows are the relation's: itself, what shares rows with it, views, and queries that read it. */
export function ownAliases(
  tree: Node | readonly Node[],
  { reading: { schema }, relation }: About,
): ReadonlySet<string> {
  const kin = new Set(schema.kin(relation));
  const aliases = new Set<string>();
  const withNames = new Set<string>();
  const readsOwn = (query: unknown): boolean => {
    let reads = false;
    walk(query, (node) => {
      const { schemaname, relname } = part(node, "RangeVar") ?? {};
      if (relname === undefined) return;
      const named =
        schemaname === undefined && withNames.has(relname) ? relation : schema.relation(schemaname, relname);
      reads ||= named !== undefined && (kin.has(named) || schema.kin(named).includes(relation));
    });
    return reads;
  };
  walk(tree, (node) => {
    const common = part(node, "CommonTableExpr");
    if (common?.ctename !== undefined && readsOwn(common.ctequery)) withNames.add(common.ctename);
  });
  walk(tree, (node) => {
    const name = fromItemName(node);
    const item = part(node, "RangeVar") === undefined ? part(node, "RangeSubselect") : node;
    if (name !== undefined && item !== undefined && readsOwn([item])) aliases.add(name);
  });
  return aliases;
}

/** The queries of views in FROM that read the relation. */
export function viewsIn(tree: Node, { reading: { schema }, relation }: About): readonly (readonly Node[])[] {
  const views = new Set<ProofRelation>();
  walk(tree, (node) => {
    const { schemaname, relname } = part(node, "RangeVar") ?? {};
    const named = relname === undefined ? undefined : schema.relation(schemaname, relname);
    if (named?.definition && schema.kin(named).includes(relation)) views.add(named);
  });
  return [...views].map((view) => viewStatements(view).map((one) => resolveNames(one, { schema, path: [] })));
}

/** Columns that a query returns as they are. */
export function columnsOf(select: SelectStmt | undefined): readonly Node[] {
  if (select === undefined) return [];
  if (select.larg !== undefined) return [...columnsOf(select.larg), ...columnsOf(select.rarg)];
  return (select.targetList ?? []).flatMap((one) => part(one, "ResTarget")?.val ?? []);
}

/** What a query's first column may be: of a UNION, by each of its parts. */
function returnedBy(select: SelectStmt | undefined): readonly Node[] {
  if (select === undefined) return [];
  if (select.larg !== undefined) return [...returnedBy(select.larg), ...returnedBy(select.rarg)];
  const value = part(select.targetList?.[0], "ResTarget")?.val;
  return value === undefined ? [] : [value];
}

function equalTo(node: Node): Partner {
  return { node, array: false, ordered: false };
}

/** Of calls, of queries and of the values that they return: what each is compared with. */
export function partnersIn(tree: Node, outside: readonly Partner[]): ReadonlyMap<Node, readonly Partner[]> {
  const partners = new Map<Node, readonly Partner[]>();
  const add = (one: Node | undefined, others: readonly Partner[]): void => {
    if (one === undefined) return;
    const bare = withoutCasts(one);
    for (const each of part(bare, "CoalesceExpr")?.args ?? []) add(each, others);
    partners.set(bare, [...(partners.get(bare) ?? []), ...others]);
    const select = part(part(bare, "SubLink")?.subselect, "SelectStmt") ?? part(bare, "SelectStmt");
    for (const value of returnedBy(select)) add(value, others);
  };
  add(tree, outside);
  walk(tree, (node) => {
    const { lexpr, rexpr, name, kind } = part(node, "A_Expr") ?? {};
    const ordered = isOrdering(name);
    if (lexpr !== undefined && rexpr !== undefined && (isComparison(name) || kind === "AEXPR_IN")) {
      add(lexpr, [{ node: rexpr, array: kind === "AEXPR_OP_ANY", ordered }]);
      add(rexpr, [{ node: lexpr, array: false, ordered }]);
    }
    add(part(node, "NullTest")?.arg, [equalTo(literal(null))]);
    const { testexpr, subselect } = part(node, "SubLink") ?? {};
    const targets = part(subselect, "SelectStmt")?.targetList ?? [];
    const tests = part(testexpr, "RowExpr")?.args ?? (testexpr === undefined ? [] : [testexpr]);
    for (const [index, one] of tests.entries()) add(part(targets[index], "ResTarget")?.val, [equalTo(one)]);
    const [test, ...more] = tests;
    if (test !== undefined && more.length === 0)
      for (const value of returnedBy(part(subselect, "SelectStmt"))) add(value, [equalTo(test)]);
  });
  return partners;
}
