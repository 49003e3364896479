import type { Node } from "libpg-query";
import { quoteLiteral } from "../../lib/sql-text.ts";
import { bodyOf } from "./bodies.ts";
import { actorOf, inlined } from "./inline.ts";
import {
  type About,
  columnsOf,
  columnText,
  enumerated,
  isOrdering,
  otherItems,
  ownAliases,
  type Partner,
  partnersIn,
  renamedIn,
  viewsIn,
} from "./own-items.ts";
import { type Actor, persona, type Question } from "./question.ts";
import type { ProofColumn } from "./schema.ts";
import {
  columnRef,
  fieldsOf,
  free,
  fromItemName,
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
import { hasOrder, isEnumerable } from "./types.ts";
import { constantOf, flippedOf } from "./ties.ts";
import { isComparison } from "./widen.ts";

export interface Compared {
  readonly column: string;
  /** What it is compared with: a value, or another column of the row that the policy is about (`*`: any of its type). */
  readonly with: Question | string;
  /** By < or >, so that what lies next to it matters. */
  readonly ordered?: boolean;
  /** With a column of another row, which may be one that is there. */
  readonly standing?: boolean;
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
      compared: comparedWithin(
        tree,
        { actor: persona, depth: 0, partners: [], others: new Map() },
        about,
        unclear,
      ),
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
  /** Items of FROM around it. */
  readonly others: ReadonlyMap<string, Node>;
  /** It is a view's. */
  readonly inFrom?: boolean;
}

function comparedWithin(tree: Node, place: Place, about: About, unclear: Set<string>): readonly Compared[] {
  const reader = new OwnReader(tree, place, about, unclear);
  return reader.read();
}

/** Reads one query or expression: where it takes columns of the relation's own rows, and what it does with them. */
class OwnReader {
  readonly #tree: Node;
  readonly #place: Place;
  readonly #about: About;
  readonly #unclear: Set<string>;
  readonly #found: Compared[] = [];
  readonly #aliases: ReadonlySet<string>;
  readonly #others: ReadonlyMap<string, Node>;
  /** What queries within it call otherwise. */
  #renamed: ReadonlyMap<string, string> = new Map();
  readonly #partners: ReadonlyMap<Node, readonly Partner[]>;
  /** Nodes of which it is known what is made of them. */
  readonly #clear: Set<Node>;

  constructor(tree: Node, place: Place, about: About, unclear: Set<string>) {
    this.#tree = tree;
    this.#place = place;
    this.#about = about;
    this.#unclear = unclear;
    this.#aliases = ownAliases(tree, about);
    this.#others = new Map([...place.others, ...otherItems(tree, this.#aliases, about.reading.schema)]);
    this.#renamed = renamedIn([tree, ...viewsIn(tree, about).flat()], (node) => this.#isOwn(node));
    this.#partners = partnersIn(tree, place.partners);
    this.#clear = new Set(place.inFrom === true ? columnsOf(part(tree, "SelectStmt")) : []);
  }

  read(): readonly Compared[] {
    walk(this.#tree, (node) => {
      this.#readComparison(node);
      this.#readJoin(node);
      this.#readNullTest(node);
      this.#readSubquery(node);
      this.#readReturned(node);
      this.#readCall(node);
    });
    if (this.#place.depth <= deepest) this.#readViews();
    walk(this.#tree, (node) => this.#readRest(node));
    return this.#found;
  }

  #isOwn(node: Node | undefined): string | undefined {
    const [alias = "", column = ""] = fieldsOf(node) ?? [];
    return this.#aliases.has(alias) ? this.#column(column)?.name : undefined;
  }

  #column(name: string): ProofColumn | undefined {
    const { columns } = this.#about.relation;
    const known = columns.find((one) => one.name === name);
    return known ?? columns.find((one) => one.name === this.#renamed.get(name));
  }

  /** @param sql what a column is compared with */
  #add(column: string, sql: string, ordered = false): void {
    const question = this.#about.reading.bounds.question(this.#place.actor, sql);
    this.#found.push({ column, with: question, ordered });
  }

  #compare(own: Node | undefined, other: Node | undefined, array: boolean, ordered = false): void {
    const bare = own && withoutCasts(own);
    const column = this.#isOwn(bare);
    if (bare === undefined || other === undefined || column === undefined) return;
    const items = part(other, "List")?.items ?? [other];
    const known = items.filter((item) => this.#compareWith(column, item, array, ordered));
    if (known.length === items.length && !(ordered && !this.#hasOrder(column))) this.#clear.add(bare);
  }

  #hasOrder(name: string): boolean {
    const column = this.#column(name);
    return column !== undefined && hasOrder(column);
  }

  /** Whether it is known which values matter. */
  #compareWith(column: string, item: Node, array: boolean, ordered: boolean): boolean {
    const [of = "", name] = fieldsOf(withoutCasts(item)) ?? [];
    const text = valueText(item, array) ?? columnText(this.#others.get(of), name);
    const beside = this.#isOwn(withoutCasts(item));
    if (of === rowName && name !== undefined) this.#found.push({ column, with: name });
    // Two columns of the other row, which may be this one, or of two rows, of which one is there.
    else if (beside !== undefined) this.#found.push({ column, with: beside, standing: true });
    else if (text !== undefined) this.#add(column, text, ordered);
    else return false;
    return true;
  }

  /** NATURAL and USING compare columns of the same name. */
  #readJoin(node: Node): void {
    const { isNatural, usingClause, larg, rarg } = part(node, "JoinExpr") ?? {};
    const sides = [larg, rarg].map((side) => (side && fromItemName(side)) ?? "");
    if (!sides.some((side) => this.#aliases.has(side))) return;
    if (isNatural === true) this.#unclear.add("NATURAL JOIN");
    for (const name of (usingClause ?? []).map(stringOf))
      for (const side of sides.filter((one) => !this.#aliases.has(one)))
        if (!this.#compareWith(name, columnRef(side, name), false, false)) this.#unclear.add(name);
  }

  #readComparison(node: Node): void {
    const { lexpr, rexpr, kind, name } = part(node, "A_Expr") ?? {};
    if (!isComparison(name) && kind !== "AEXPR_IN") return;
    const ordered = isOrdering(name);
    this.#compare(lexpr, rexpr, kind === "AEXPR_OP_ANY", ordered);
    this.#compare(rexpr, lexpr, kind === "AEXPR_OP_ANY", ordered);
    const operator = stringOf(name?.[0]);
    this.#readCount(lexpr, operator, rexpr);
    this.#readCount(rexpr, flippedOf(operator), lexpr);
  }

  /** Of its own rows one is put in: whether there is any is seen so, and how many there are is not. */
  #readCount(node: Node | undefined, operator: string, other: Node | undefined): void {
    if (node === undefined || !counts(node)) return;
    const query = part(withoutCasts(node), "SubLink")?.subselect;
    const reads = query === undefined ? this.#aliases : ownAliases([query], this.#about);
    const constant = part(other, "A_Const");
    const to = constant && constantOf(constant);
    const isAny = to === "0" || (to === "1" && /^(?:>=|<)$/.test(operator));
    if (reads.size > 0 && !isAny) this.#unclear.add("the number of rows");
  }

  #readNullTest(node: Node): void {
    const tested = part(node, "NullTest")?.arg;
    const column = this.#isOwn(tested);
    if (tested === undefined || column === undefined) return;
    this.#clear.add(tested);
    this.#add(column, "select null::text");
  }

  #readSubquery(node: Node): void {
    // Of a query in FROM, what is made of its columns says.
    for (const query of [part(node, "RangeSubselect")?.subquery, part(node, "CommonTableExpr")?.ctequery])
      for (const one of columnsOf(part(query, "SelectStmt"))) this.#clear.add(one);
    const { testexpr, subselect, subLinkType } = part(node, "SubLink") ?? {};
    const targets = part(subselect, "SelectStmt")?.targetList ?? [];
    for (const [index, one] of (part(testexpr, "RowExpr")?.args ?? [testexpr]).entries())
      this.#compare(part(targets[index], "ResTarget")?.val, one, false);
    const tested = testexpr && withoutCasts(testexpr);
    const column = this.#isOwn(tested);
    if (tested !== undefined && subselect !== undefined && column !== undefined) {
      this.#clear.add(tested);
      const text = valuesText(subselect);
      if (text !== undefined) this.#add(column, text);
    }
    // Whether there is a row is all that is asked.
    if (subLinkType === "EXISTS_SUBLINK")
      for (const one of targets) this.#clear.add(part(one, "ResTarget")?.val ?? one);
  }

  /** What a query returns may be compared with anything, through a function's name as well. */
  #readReturned(node: Node): void {
    const value = part(node, "ResTarget")?.val;
    if (value === undefined) return;
    const column = this.#isOwn(withoutCasts(value));
    if (column !== undefined) this.#found.push({ column, with: "*" });
    for (const other of this.#partners.get(value) ?? []) {
      this.#compare(value, other.node, other.array, other.ordered);
      this.#readCount(value, other.ordered ? ">" : "=", other.node);
    }
  }

  #readCall(node: Node): void {
    const { actor, depth } = this.#place;
    const { schema } = this.#about.reading;
    const call = part(node, "FuncCall");
    const fn = call && schema.callee((call.funcname ?? []).map(stringOf), call.args?.length ?? 0);
    const body = fn === undefined || depth > deepest ? undefined : bodyOf(fn);
    if (fn === undefined || body === undefined) return;
    const given = (call?.args ?? []).map((arg, index) =>
      boundArgument(arg, fn.argumentTypes[index] ?? "", actor, this.#about),
    );
    const inside: Place = {
      actor: actorOf(fn, actor),
      depth: depth + 1,
      partners: this.#partners.get(node) ?? [],
      others: this.#others,
    };
    try {
      this.#within(inlined(body, fn, given, schema), inside);
    } catch {
      // Names that are not understood are none of these.
    }
  }

  #readViews(): void {
    const { actor, depth } = this.#place;
    for (const query of viewsIn(this.#tree, this.#about).flat())
      this.#within(query, { actor, depth: depth + 1, partners: [], others: this.#others, inFrom: true });
  }

  #within(tree: Node, place: Place): void {
    this.#found.push(...comparedWithin(tree, place, this.#about, this.#unclear));
  }

  /** Of what nothing else has said: all values of a boolean or an enum are tried, of others it is not known which matter. */
  #readRest(node: Node): void {
    const [alias = "", field] = fieldsOf(node) ?? [];
    if (this.#clear.has(node) || !this.#aliases.has(alias)) return;
    const column = this.#column(field ?? "");
    if (column === undefined) {
      this.#unclear.add(field === undefined || field === "*" ? "the row as a whole" : field);
      return;
    }
    if (!isEnumerable(column)) this.#unclear.add(column.name);
    for (const value of enumerated(column)) this.#add(column.name, `select ${quoteLiteral(value)}`);
  }
}

function counts(node: Node): boolean {
  let found = false;
  walk(node, (one) => void (found ||= stringOf(part(one, "FuncCall")?.funcname?.at(-1)) === "count"));
  return found;
}

/** Bodies within bodies. */
const deepest = 4;

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
