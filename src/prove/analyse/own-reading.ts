import type { Node, SelectStmt } from "libpg-query";
import { parseStatements } from "../../lib/sql-tree.ts";
import { quoteIdent, quoteLiteral, quoteQualified } from "../../lib/sql-text.ts";
import { bodyOf } from "./bodies.ts";
import { actorOf, inlined, type Reading } from "./inline.ts";
import { type Actor, persona, type Question } from "./question.ts";
import { resolveNames } from "./resolve.ts";
import type { ProofColumn, ProofRelation, Schema } from "./schema.ts";
import {
  columnRef,
  fieldsOf,
  free,
  fromItemName,
  literal,
  outerNames,
  part,
  printExpression,
  printSelect,
  readsRow,
  row as rowName,
  stringOf,
  walk,
  withoutCasts,
} from "./tree.ts";
import { isEnumerable } from "./types.ts";
import { isComparison } from "./widen.ts";

/** The relation that policies are about, and that they read by whatever name. */
interface About {
  readonly relation: ProofRelation;
  readonly reading: Reading;
}

export interface Compared {
  readonly column: string;
  /** What it is compared with: a value, or another column of the row that the policy is about (`*`: any of its type). */
  readonly with: Question | string;
  /** By < or >, so that what lies next to it matters. */
  readonly ordered?: boolean;
}

export interface OwnReading {
  readonly compared: readonly Compared[];
  /** Columns that are read in another way than by a comparison: which values matter is not known. */
  readonly unclear: ReadonlySet<string>;
}

/** The same for every persona: a tree belongs to one relation. */
const readings = new WeakMap<Node, OwnReading>();

/** How a condition over a relation's row reads rows of that relation. */
export function ownReading(tree: Node, about: About): OwnReading {
  let made = readings.get(tree);
  if (made === undefined) {
    const unclear = new Set<string>();
    made = {
      compared: comparedWithin(tree, { actor: persona, depth: 0, partners: [] }, about, unclear),
      unclear,
    };
    readings.set(tree, made);
  }
  return made;
}

/** Where a query stands. */
interface Place {
  readonly actor: Actor;
  readonly depth: number;
  /** What the value that it returns is compared with. */
  readonly partners: readonly Partner[];
  /** It is a view's. */
  readonly inFrom?: boolean;
}

interface Partner {
  readonly node: Node;
  /** Its elements, each by itself. */
  readonly array: boolean;
}

function comparedWithin(
  tree: Node,
  { actor, depth, partners: outside, inFrom = false }: Place,
  about: About,
  unclear: Set<string>,
): readonly Compared[] {
  const found: Compared[] = [];
  const {
    relation,
    reading: { schema, bounds },
  } = about;
  const columns = new Map(relation.columns.map((one) => [one.name, one]));
  const aliases = ownAliases(tree, about);
  const others = otherItems(tree, aliases, schema);
  const partners = partnersIn(tree, outside);
  const clear = new Set<Node>(inFrom ? columnsOf(part(tree, "SelectStmt")) : []);
  const isOwn = (node: Node | undefined): string | undefined => {
    const [alias = "", column = ""] = fieldsOf(node) ?? [];
    return aliases.has(alias) && columns.has(column) ? column : undefined;
  };
  const compare = (own: Node | undefined, other: Node | undefined, array: boolean, ordered = false): void => {
    if (own === undefined || other === undefined) return;
    const column = isOwn(withoutCasts(own));
    if (column === undefined) return;
    clear.add(withoutCasts(own));
    for (const item of part(other, "List")?.items ?? [other]) {
      const [of = "", name] = fieldsOf(withoutCasts(item)) ?? [];
      const text = valueText(item, array) ?? columnText(others.get(of), name);
      const beside = isOwn(withoutCasts(item));
      if (of === rowName && name !== undefined) found.push({ column, with: name });
      // Two columns of the other row, which may be this one.
      else if (beside !== undefined) found.push({ column, with: beside });
      else if (text !== undefined) found.push({ column, with: bounds.question(actor, text), ordered });
    }
  };
  walk(tree, (node) => {
    const { lexpr, rexpr, kind, name } = part(node, "A_Expr") ?? {};
    if (isComparison(name) || kind === "AEXPR_IN") {
      const ordered = /[<>]=?$/.test(stringOf(name?.[0])) && stringOf(name?.[0]) !== "<>";
      compare(lexpr, rexpr, kind === "AEXPR_OP_ANY", ordered);
      compare(rexpr, lexpr, kind === "AEXPR_OP_ANY", ordered);
    }
    const tested = part(node, "NullTest")?.arg;
    const nullable = isOwn(tested);
    if (tested !== undefined && nullable !== undefined) {
      clear.add(tested);
      found.push({ column: nullable, with: bounds.question(actor, "select null::text") });
    }
    const { testexpr, subselect, subLinkType } = part(node, "SubLink") ?? {};
    const targets = part(subselect, "SelectStmt")?.targetList ?? [];
    for (const [index, one] of (part(testexpr, "RowExpr")?.args ?? [testexpr]).entries())
      compare(part(targets[index], "ResTarget")?.val, one, false);
    if (testexpr !== undefined && subselect !== undefined) {
      const column = isOwn(withoutCasts(testexpr));
      const text = column === undefined ? undefined : valuesText(subselect);
      if (column !== undefined) clear.add(withoutCasts(testexpr));
      if (column !== undefined && text !== undefined)
        found.push({ column, with: bounds.question(actor, text) });
    }
    // Of a query in FROM, what is made of its columns says.
    for (const query of [part(node, "RangeSubselect")?.subquery, part(node, "CommonTableExpr")?.ctequery])
      for (const one of columnsOf(part(query, "SelectStmt"))) clear.add(one);
    // Whether there is a row is all that is asked.
    if (subLinkType === "EXISTS_SUBLINK")
      for (const one of targets) clear.add(part(one, "ResTarget")?.val ?? one);
    // What a query returns may be compared with anything, through a function's name as well.
    const value = part(node, "ResTarget")?.val;
    const returned = isOwn(value && withoutCasts(value));
    if (returned !== undefined) found.push({ column: returned, with: "*" });
    for (const other of value === undefined ? [] : (partners.get(value) ?? []))
      compare(value, other.node, other.array);
    const call = part(node, "FuncCall");
    const fn = call && schema.callee((call.funcname ?? []).map(stringOf), call.args?.length ?? 0);
    const body = fn === undefined || depth > 4 ? undefined : bodyOf(fn);
    if (fn === undefined || body === undefined) return;
    const given = (call?.args ?? []).map((arg, index) =>
      boundArgument(arg, fn.argumentTypes[index] ?? "", actor, about),
    );
    const place = { actor: actorOf(fn, actor), depth: depth + 1, partners: partners.get(node) ?? [] };
    try {
      found.push(...comparedWithin(inlined(body, fn, given, schema), place, about, unclear));
    } catch {
      // Names that are not understood are none of these.
    }
  });
  for (const one of viewsIn(tree, about))
    for (const query of depth > 4 ? [] : one)
      found.push(
        ...comparedWithin(query, { actor, depth: depth + 1, partners: [], inFrom: true }, about, unclear),
      );
  walk(tree, (node) => {
    const [alias = "", field] = fieldsOf(node) ?? [];
    if (!clear.has(node) && aliases.has(alias) && (field === undefined || field === "*"))
      unclear.add("the row as a whole");
    const column = clear.has(node) ? undefined : isOwn(node);
    if (column === undefined) return;
    const of = columns.get(column);
    if (of === undefined || !isEnumerable(of)) unclear.add(column);
    for (const value of enumerated(of))
      found.push({ column, with: bounds.question(actor, `select ${quoteLiteral(value)}`) });
  });
  return found;
}

/** Tables and views in FROM that are others. */
function otherItems(
  tree: Node,
  own: ReadonlySet<string>,
  schema: Schema,
): ReadonlyMap<string, ProofRelation> {
  const found = new Map<string, ProofRelation>();
  walk(tree, (node) => {
    const { schemaname, relname } = part(node, "RangeVar") ?? {};
    const name = fromItemName(node);
    const other = relname === undefined ? undefined : schema.relation(schemaname, relname);
    if (name !== undefined && other !== undefined && !own.has(name)) found.set(name, other);
  });
  return found;
}

/** What another table holds in a column that ours is compared with. */
function columnText(of: ProofRelation | undefined, name: string | undefined): string | undefined {
  if (of === undefined || !of.columns.some((one) => one.name === name)) return undefined;
  return `select distinct ${quoteIdent(name ?? "")}::text from ${quoteQualified(of)} limit 20`;
}

function enumerated(column: ProofColumn | undefined): readonly string[] {
  return column === undefined || !isEnumerable(column) ? [] : (column.labels ?? ["true", "false"]);
}

/** Names in FROM whose rows are the relation's: itself, what shares rows with it, views, and queries that read it. */
function ownAliases(tree: Node, { reading: { schema }, relation }: About): ReadonlySet<string> {
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
function viewsIn(tree: Node, { reading: { schema }, relation }: About): readonly (readonly Node[])[] {
  const views = new Set<ProofRelation>();
  walk(tree, (node) => {
    const { schemaname, relname } = part(node, "RangeVar") ?? {};
    const named = relname === undefined ? undefined : schema.relation(schemaname, relname);
    if (named?.definition && schema.kin(named).includes(relation)) views.add(named);
  });
  return [...views].map(({ definition }) =>
    parseStatements(definition ?? "").map((one) => resolveNames(one, { schema, path: [] })),
  );
}

/** Columns that a query returns as they are. */
function columnsOf(select: SelectStmt | undefined): readonly Node[] {
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

/** Of calls, of queries and of the values that they return: what each is compared with. */
function partnersIn(tree: Node, outside: readonly Partner[]): ReadonlyMap<Node, readonly Partner[]> {
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
    if (lexpr !== undefined && rexpr !== undefined && (isComparison(name) || kind === "AEXPR_IN")) {
      add(lexpr, [{ node: rexpr, array: kind === "AEXPR_OP_ANY" }]);
      add(rexpr, [{ node: lexpr, array: false }]);
    }
    add(part(node, "NullTest")?.arg, [{ node: literal(null), array: false }]);
    const { testexpr, subselect } = part(node, "SubLink") ?? {};
    const targets = part(subselect, "SelectStmt")?.targetList ?? [];
    const tests = part(testexpr, "RowExpr")?.args ?? (testexpr === undefined ? [] : [testexpr]);
    for (const [index, one] of tests.entries())
      add(part(targets[index], "ResTarget")?.val, [{ node: one, array: false }]);
    const [test, ...more] = tests;
    if (test !== undefined && more.length === 0)
      for (const value of returnedBy(part(subselect, "SelectStmt")))
        add(value, [{ node: test, array: false }]);
  });
  return partners;
}

function boundArgument(arg: Node, type: string, actor: Actor, { reading }: About): Node {
  if (fieldsOf(withoutCasts(arg))?.[0] === rowName) return arg;
  try {
    if (!readsRow(arg) && outerNames(arg).length === 0)
      return reading.bounds.add(actor, printExpression(arg), type).node;
  } catch {
    // As one that depends on the row.
  }
  return columnRef(free, "argument");
}

/** What a query returns that reads nothing of the row, nor of what is around it. */
function valuesText(query: Node): string | undefined {
  const select = part(query, "SelectStmt");
  if (select === undefined || readsRow(query) || outerNames(query).length > 0) return undefined;
  try {
    return `select ("rowgate:value")::text from (${printSelect(select)}) as "rowgate:values"("rowgate:value")`;
  } catch {
    return undefined;
  }
}

function valueText(node: Node, array: boolean): string | undefined {
  let ours = false;
  walk(node, (one) => void (ours ||= fieldsOf(one)?.[0] === free));
  if (ours || readsRow(node) || outerNames(node).length > 0) return undefined;
  try {
    const text = printExpression(node);
    return array && part(node, "ColumnRef") === undefined && part(node, "A_Const") === undefined
      ? `select pg_catalog.unnest(${text})::text`
      : `select (${text})::text`;
  } catch {
    return undefined;
  }
}
