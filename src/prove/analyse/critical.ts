import type { A_Expr, FuncCall, Node, SelectStmt, SubLink, WithClause } from "libpg-query";
import { bodyOf } from "./bodies.ts";
import { doubt, type Doubt, type DoubtKind } from "./doubt.ts";
import { type Actor, persona, type Question } from "./question.ts";
import { actorOf, inlined, plainReference, type Reading } from "./relax.ts";
import type { ProofColumn, ProofRelation } from "./schema.ts";
import { type Seed, seedOf } from "./seeds.ts";
import {
  columnRef,
  conjuncts,
  fieldsOf,
  free,
  fromItemName,
  outerNames,
  part,
  printSelect,
  readsRow,
  row,
  rowColumns,
  selectOf,
  stringOf,
  typeNameOf,
} from "./tree.ts";
import { castKeepsIdentity, hasIdentity, hasOrder, isCaseInsensitive, isEnumerable, isTextual } from "./types.ts";

/** More values than this are not compared one by one. */
export const valueLimit = 100_000;

/** What a column is compared with: all of it is asked of the database. */
export interface Source {
  readonly question: Question;
  /** The same, leaving out what is no value of the column's type. */
  readonly lenient: Question;
  /** Compared without regard to case. */
  readonly folded: boolean;
}

export interface ColumnUse {
  readonly sources: Source[];
  /** Compared by < and >, so that what lies between two values matters. */
  ordered: boolean;
  /** Columns that it is compared with, itself included. */
  group: ReadonlySet<string>;
  /** A function that cannot be looked into takes it: keys of other tables are worth a try. */
  keyed: boolean;
}

/** A part of an expression that AND, OR and the like put together, and that reads the row. */
export interface Atom {
  readonly tree: Node;
  readonly columns: ReadonlySet<string>;
  /** Empty: it depends on the row only by comparisons with values that can be asked for. */
  readonly doubts: readonly Doubt[];
  readonly needs: readonly Source[];
}

export interface Critical {
  readonly atoms: readonly Atom[];
  readonly columns: ReadonlyMap<string, ColumnUse>;
  readonly seeds: readonly Seed[];
}

/** What surrounds an expression: FROM items and conditions of the queries that it stands in. */
interface Level {
  readonly items: readonly { readonly name: string | undefined; readonly node: Node }[];
  readonly where: readonly Node[];
  readonly clause: WithClause | undefined;
}

interface Place {
  readonly actor: Actor;
  readonly levels: readonly Level[];
  readonly depth: number;
}

type Position = "boolean" | "scalar";
/** The left side of `x IN (select …)`, compared with what the query selects. */
interface Test {
  readonly node: Node;
  readonly operator: string;
}

const flipped: Readonly<Record<string, string>> = { "<": ">", ">": "<", "<=": ">=", ">=": "<=", "=": "=", "<>": "<>" };

/**
 * Reads an expression for what its value depends on. Its value may depend on a column of the row only by comparisons with
 * values that have nothing of the row; then one row for each outcome of all comparisons stands for all rows.
 * @param tree names resolved
 */
export function readCritical(tree: Node, relation: ProofRelation, reading: Reading): Critical {
  return new Reader(relation, reading).read(tree);
}

class Reader {
  readonly #relation: ProofRelation;
  readonly #reading: Reading;
  readonly #columns = new Map<string, ColumnUse>();
  readonly #seeds: Seed[] = [];
  #doubts: Doubt[] = [];
  #needs: Source[] = [];

  constructor(relation: ProofRelation, reading: Reading) {
    this.#relation = relation;
    this.#reading = reading;
  }

  read(tree: Node): Critical {
    const atoms = this.#atoms(tree);
    return { atoms, columns: this.#columns, seeds: this.#seeds };
  }

  #atoms(node: Node): readonly Atom[] {
    const parts = connected(node);
    if (parts !== undefined) return parts.flatMap((one) => this.#atoms(one));
    this.#doubts = [];
    this.#needs = [];
    try {
      this.#decide(node, { actor: persona, levels: [], depth: 0 }, "boolean");
    } catch {
      this.#no("names", node);
    }
    if (!readsRow(node)) return [];
    return [{ tree: node, columns: rowColumns(node), doubts: this.#doubts, needs: this.#needs }];
  }

  #no(kind: DoubtKind, node: Node | undefined): false {
    this.#doubts.push(doubt(kind, node));
    return false;
  }

  #column(name: string): ProofColumn | undefined {
    return this.#relation.columns.find((one) => one.name === name);
  }

  #use(name: string): ColumnUse {
    let use = this.#columns.get(name);
    if (use === undefined) {
      use = { sources: [], ordered: false, group: new Set([name]), keyed: false };
      this.#columns.set(name, use);
    }
    return use;
  }

  /** Does the value depend on the row only by what is compared? */
  #decide(node: Node | undefined, place: Place, position: Position): boolean {
    if (node === undefined || !readsRow(node)) return true;
    const fields = fieldsOf(node);
    if (fields !== undefined) return this.#ownValue(node, fields);
    const bool = part(node, "BoolExpr");
    if (bool !== undefined) return this.#all(bool.args, place, "boolean");
    const inner = part(node, "BooleanTest") ?? part(node, "TypeCast");
    if (inner !== undefined) return this.#decide(inner.arg, place, position);
    const test = part(node, "NullTest");
    if (test?.arg !== undefined) return this.#nullTest(test.arg, place);
    const list = part(node, "CoalesceExpr")?.args ?? part(node, "RowExpr")?.args ?? part(node, "MinMaxExpr")?.args;
    if (list !== undefined) return this.#all(list, place, position);
    const elements = part(node, "A_ArrayExpr")?.elements;
    if (elements !== undefined) return this.#all(elements, place, "scalar");
    if (part(node, "CaseExpr") !== undefined) return this.#case(node, place, position);
    const operation = part(node, "A_Expr");
    if (operation !== undefined) return this.#operation(operation, node, place);
    const sub = part(node, "SubLink");
    if (sub !== undefined) return this.#subquery(sub, node, place);
    const call = part(node, "FuncCall");
    if (call !== undefined) return this.#call(call, node, place, position);
    this.#sow(node, [], place);
    return this.#no("syntax", node);
  }

  #all(list: readonly Node[] | undefined, place: Place, position: Position): boolean {
    return (list ?? []).map((one) => this.#decide(one, place, position)).every(Boolean);
  }

  /** All values of an enum or boolean are tried, so that anything may be done with it. */
  #ownValue(node: Node, [, name]: readonly string[]): boolean {
    if (name === undefined || name === "*") return this.#no("whole-row", node);
    const column = this.#column(name);
    this.#use(name);
    return column !== undefined && isEnumerable(column) ? true : this.#no("own-value", node);
  }

  #nullTest(arg: Node, place: Place): boolean {
    const conditions = this.#conditions(arg, place);
    const decided = leavesOf(arg).map((one) => {
      const name = this.#plainColumn(one);
      if (name === undefined) {
        if (readsRow(one)) this.#sow(one, [], place);
        return this.#decide(one, place, "scalar");
      }
      this.#use(name);
      return true;
    });
    return decided.every(Boolean) && conditions;
  }

  #case(node: Node, place: Place, position: Position): boolean {
    const choice = part(node, "CaseExpr");
    const results = [...resultsOf(node)].map((one) => this.#decide(one, place, position));
    return this.#caseConditions(choice, place) && results.every(Boolean);
  }

  #caseConditions(choice: { arg?: Node; args?: Node[] } | undefined, place: Place): boolean {
    const decided = (choice?.args ?? []).map((one) => {
      const when = part(one, "CaseWhen")?.expr;
      if (when === undefined) return true;
      return choice?.arg === undefined ? this.#decide(when, place, "boolean") : this.#compare(choice.arg, "=", when, place);
    });
    return decided.every(Boolean);
  }

  /** The row's column behind casts that keep its identity. */
  #plainColumn(node: Node): string | undefined {
    const casts: string[] = [];
    let inner = node;
    for (let made = part(inner, "TypeCast"); made?.arg !== undefined; made = part(inner, "TypeCast")) {
      // With a length it cuts off.
      if ((made.typeName?.typmods?.length ?? 0) > 0 || (made.typeName?.arrayBounds?.length ?? 0) > 0) return undefined;
      casts.push(typeNameOf(inner));
      inner = made.arg;
    }
    const name = this.#rowColumn(inner);
    const column = name === undefined ? undefined : this.#column(name);
    if (column === undefined) return undefined;
    if (isEnumerable(column)) return name;
    return hasIdentity(column) && casts.every((to) => castKeepsIdentity(column, to)) ? name : undefined;
  }

  #rowColumn(node: Node): string | undefined {
    const fields = fieldsOf(node);
    return fields?.[0] === row && fields.length === 2 && fields[1] !== "*" ? fields[1] : undefined;
  }

  /** The text column of `lower(c)`, `upper(c)` or `c::citext`. */
  #foldedColumn(node: Node): string | undefined {
    let inner = node;
    let folds = false;
    for (;;) {
      const call = part(inner, "FuncCall");
      const made = part(inner, "TypeCast");
      const name = stringOf(call?.funcname?.at(-1));
      if (call?.args?.length === 1 && call.funcname?.length === 1 && /^(?:lower|upper)$/.test(name) && this.#reading.schema.namesakes(name).length === 0)
        folds = true;
      else if (made === undefined || (made.typeName?.typmods?.length ?? 0) > 0 || !/^(?:text|varchar|citext)$/.test(typeNameOf(inner))) break;
      if (made !== undefined && typeNameOf(inner) === "citext") folds = true;
      const next = made?.arg ?? call?.args?.[0];
      if (next === undefined) return undefined;
      inner = next;
    }
    const name = folds ? this.#rowColumn(inner) : undefined;
    const column = name === undefined ? undefined : this.#column(name);
    return column !== undefined && isTextual(column) && hasIdentity(column) ? name : undefined;
  }

  /** What a scalar that only selects is selected by. */
  #conditions(node: Node, place: Place): boolean {
    const arg = part(node, "TypeCast")?.arg;
    if (arg !== undefined) return this.#conditions(arg, place);
    const list = part(node, "CoalesceExpr")?.args ?? part(node, "MinMaxExpr")?.args;
    if (list !== undefined) return list.map((one) => this.#conditions(one, place)).every(Boolean);
    const operation = part(node, "A_Expr");
    if (operation?.kind === "AEXPR_NULLIF" && operation.lexpr !== undefined && operation.rexpr !== undefined) {
      const own = this.#compare(operation.lexpr, "=", operation.rexpr, place);
      return this.#conditions(operation.lexpr, place) && own;
    }
    const choice = part(node, "CaseExpr");
    if (choice === undefined) return true;
    const inner = resultsOf(node).map((one) => this.#conditions(one, place));
    return this.#caseConditions(choice, place) && inner.every(Boolean);
  }

  #operation(operation: A_Expr, node: Node, place: Place): boolean {
    const { kind, lexpr, rexpr, name = [] } = operation;
    const operator = stringOf(name.at(-1)).replace("!=", "<>");
    const builtin = operator in flipped && this.#isKnownOperator(operation);
    if (lexpr !== undefined && rexpr !== undefined) {
      const items = part(rexpr, "List")?.items ?? [];
      switch (kind) {
        case "AEXPR_OP":
          if (builtin) return this.#compare(lexpr, operator, rexpr, place);
          break;
        case "AEXPR_DISTINCT":
        case "AEXPR_NOT_DISTINCT":
          return this.#compare(lexpr, "=", rexpr, place);
        case "AEXPR_NULLIF":
          return this.#compare(lexpr, "=", rexpr, place) && this.#decide(lexpr, place, "scalar");
        case "AEXPR_IN":
          return items.map((one) => this.#compare(lexpr, "=", one, place)).every(Boolean);
        case "AEXPR_BETWEEN":
        case "AEXPR_NOT_BETWEEN":
        case "AEXPR_BETWEEN_SYM":
        case "AEXPR_NOT_BETWEEN_SYM":
          return items.map((one) => this.#compare(lexpr, "<=", one, place)).every(Boolean);
        case "AEXPR_OP_ANY":
        case "AEXPR_OP_ALL": {
          const listed = part(rexpr, "A_ArrayExpr")?.elements;
          if (builtin && !readsRow(rexpr)) return this.#compare(lexpr, operator, rexpr, place, "array");
          if (builtin && listed !== undefined) return listed.map((one) => this.#compare(lexpr, operator, one, place)).every(Boolean);
          break;
        }
      }
    }
    return this.#otherOperation(operation, node, place);
  }

  /** Its value is known where both sides' values are; else only a guess can help. */
  #otherOperation({ kind, lexpr, rexpr, name = [] }: A_Expr, node: Node, place: Place): boolean {
    const operator = stringOf(name.at(-1));
    const pattern = kind === "AEXPR_LIKE" || kind === "AEXPR_ILIKE" || kind === "AEXPR_SIMILAR" || /^!?~/.test(operator);
    if (this.#quietly(() => [lexpr, rexpr].map((one) => this.#decide(one, place, "scalar")).every(Boolean))) return true;
    const [of, other] = readsRow(lexpr) ? [lexpr, rexpr] : [rexpr, lexpr];
    if (of !== undefined) this.#sow(of, other === undefined ? [] : [other], place, pattern ? "pattern" : operator);
    if (of !== undefined && other !== undefined && readsRow(other)) this.#sow(other, [], place);
    return this.#no(pattern ? "pattern" : kind === "AEXPR_OP_ANY" || kind === "AEXPR_OP_ALL" ? "array" : "operator", node);
  }

  /** `OPERATOR(public.=)` is citext's, or nothing that we know. */
  #isKnownOperator({ name = [], lexpr, rexpr }: A_Expr): boolean {
    if (name.length === 1 || stringOf(name[0]) === "pg_catalog") return true;
    return [lexpr, rexpr].some((one) => {
      const [only, ...more] = one === undefined ? [] : [...rowColumns(one)];
      const column = only === undefined || more.length > 0 ? undefined : this.#column(only);
      return (column !== undefined && isCaseInsensitive(column)) || (one !== undefined && typeNameOf(one) === "citext");
    });
  }

  #quietly(work: () => boolean): boolean {
    const [doubts, needs] = [this.#doubts, this.#needs];
    this.#doubts = [];
    this.#needs = [];
    const decided = work();
    this.#doubts = doubts;
    this.#needs = decided ? [...needs, ...this.#needs] : needs;
    return decided;
  }

  #compare(left: Node, operator: string, right: Node, place: Place, form: "value" | "array" = "value"): boolean {
    if (!readsRow(left) && !readsRow(right)) return true;
    if (!readsRow(left)) return this.#compare(right, flipped[operator] ?? operator, left, place, form);
    const pairs = pairsOf(left, right);
    if (pairs !== undefined) return pairs.map(([a, b]) => this.#compare(a, operator, b, place)).every(Boolean);
    if (readsRow(right)) return this.#compareTerms(left, operator, right, place);
    let decided = this.#conditions(left, place);
    for (const one of leavesOf(left)) {
      if (!readsRow(one)) continue;
      // What is the greatest depends on the order of all.
      const by = isExtreme(left) && operator === "=" ? "<=" : operator;
      decided = this.#compareLeaf(one, by, right, place, form) && decided;
    }
    return decided;
  }

  #compareLeaf(one: Node, operator: string, right: Node, place: Place, form: "value" | "array"): boolean {
    const name = this.#plainColumn(one);
    if (name !== undefined) return this.#compareColumn(name, operator, right, place, form);
    const folded = this.#foldedColumn(one);
    const column = folded === undefined ? undefined : this.#column(folded);
    if (column !== undefined && (operator === "=" || operator === "<>")) {
      const inner = this.#valuesOf(right, place, form);
      if (inner !== undefined) return this.#addSource(column, inner, place, true);
    }
    if (this.#quietly(() => this.#decide(one, place, "scalar"))) return true;
    this.#sow(one, [right], place, operator);
    return this.#no(part(one, "FuncCall") === undefined ? "term" : "function", comparison(one, operator, right));
  }

  #compareColumn(name: string, operator: string, right: Node, place: Place, form: "value" | "array" | "query"): boolean {
    const column = this.#column(name);
    if (column === undefined) return false;
    const use = this.#use(name);
    if (isEnumerable(column)) return true;
    if (operator !== "=" && operator !== "<>") {
      if (!hasOrder(column)) {
        this.#sow(columnRef(row, name), [right], place, operator);
        return this.#no("order", comparison(columnRef(row, name), operator, right));
      }
      use.ordered = true;
    }
    const inner = this.#valuesOf(right, place, form);
    if (inner === undefined) return this.#no("values", right);
    return this.#addSource(column, inner, place, false);
  }

  #addSource(column: ProofColumn, inner: string, { actor }: Place, folded: boolean): boolean {
    const { bounds } = this.#reading;
    const limit = `limit ${valueLimit + 1}`;
    const type = column.type;
    // Text that is no value of the type equals none.
    const valid = `case when pg_input_is_valid(v::text, '${type.replaceAll("'", "''")}') then v::text::${type}::text end`;
    const source: Source = {
      question: bounds.question(actor, `select distinct v::${type}::text from (${inner}) as q(v) ${limit}`),
      lenient: bounds.question(actor, `select distinct ${valid} from (${inner}) as q(v) ${limit}`),
      folded,
    };
    this.#use(column.name).sources.push(source);
    this.#needs.push(source);
    return true;
  }

  #compareTerms(left: Node, operator: string, right: Node, place: Place): boolean {
    const [a, b] = [this.#plainColumn(left), this.#plainColumn(right)];
    const [first, second] = [a === undefined ? a : this.#column(a), b === undefined ? b : this.#column(b)];
    if (first !== undefined && second !== undefined) {
      if (first.base !== second.base) return this.#no("term", comparison(left, operator, right));
      const group = new Set([...this.#use(first.name).group, ...this.#use(second.name).group]);
      for (const one of group) this.#use(one).group = group;
      if (operator === "=" || operator === "<>" || isEnumerable(first)) return true;
      if (!hasOrder(first)) return this.#no("order", comparison(left, operator, right));
      for (const one of group) this.#use(one).ordered = true;
      return true;
    }
    if (this.#quietly(() => [left, right].map((one) => this.#decide(one, place, "scalar")).every(Boolean))) return true;
    this.#sow(left, [], place);
    this.#sow(right, [], place);
    return this.#no("term", comparison(left, operator, right));
  }

  /** A query of all values that an expression without the row's columns can have where it stands; `undefined`: none can be written. */
  #valuesOf(node: Node, { levels }: Place, form: "value" | "array" | "query"): string | undefined {
    if (form === "query") {
      const select = part(node, "SelectStmt");
      return select && outerNames(select).length === 0 ? printed(select) : undefined;
    }
    const items: Node[] = [];
    const names = new Set<string>();
    let clause: WithClause | undefined;
    const where: Node[] = [];
    const wanted = [...outerNames(node)];
    for (const name of wanted) {
      if (names.has(name)) continue;
      names.add(name);
      const level = levels.toReversed().find((one) => one.items.some((item) => item.name === name));
      const item = level?.items.find((one) => one.name === name)?.node;
      if (level === undefined || item === undefined || readsRow(item)) return undefined;
      // A lateral item brings along what it reads.
      wanted.push(...outerNames(item));
      items.unshift(item);
      clause = level.clause ?? clause;
      where.push(...level.where);
    }
    if (clause !== undefined && readsRow(clause)) return undefined;
    const kept = where.filter((one) => !readsRow(one) && outerNames(one).every((name) => names.has(name)));
    const select: SelectStmt = {
      ...selectOf(node),
      ...(items.length > 0 && { fromClause: items }),
      ...(kept.length > 0 && { whereClause: kept.length === 1 && kept[0] !== undefined ? kept[0] : { BoolExpr: { boolop: "AND_EXPR", args: [...new Set(kept)] } } }),
      ...(clause !== undefined && { withClause: clause }),
    };
    const text = printed(select);
    return form === "array" && text !== undefined ? `select unnest(v) from (${text}) as a(v)` : text;
  }

  #subquery({ subLinkType, subselect, testexpr, operName }: SubLink, node: Node, place: Place): boolean {
    const select = part(subselect, "SelectStmt");
    if (select === undefined) return this.#no("syntax", node);
    if (subLinkType === "EXISTS_SUBLINK" || subLinkType === "EXPR_SUBLINK" || subLinkType === "ARRAY_SUBLINK") return this.#select(select, place);
    if ((subLinkType !== "ANY_SUBLINK" && subLinkType !== "ALL_SUBLINK") || testexpr === undefined) return this.#no("syntax", node);
    const operator = operName === undefined ? "=" : stringOf(operName.at(-1)).replace("!=", "<>");
    if (!(operator in flipped)) return this.#no("operator", node);
    const name = this.#plainColumn(testexpr);
    if (name !== undefined && subselect !== undefined && !readsRow(select) && outerNames(select).length === 0)
      return this.#compareColumn(name, operator, subselect, place, "query");
    return this.#select(select, place, { node: testexpr, operator });
  }

  #select(select: SelectStmt, place: Place, test?: Test): boolean {
    const outer = place.levels.at(-1)?.clause;
    const clause = select.withClause ?? outer;
    let decided = true;
    for (const one of select.withClause?.ctes ?? []) {
      const query = part(part(one, "CommonTableExpr")?.ctequery, "SelectStmt");
      const level: Level = { items: [], where: [], clause: undefined };
      if (query !== undefined && readsRow(query)) decided = this.#select(query, { ...place, levels: [...place.levels, level] }) && decided;
    }
    if (select.larg !== undefined && select.rarg !== undefined) {
      const sides = [select.larg, select.rarg].map((one) => this.#select(one, withClauseOf(place, clause), test));
      return sides.every(Boolean) && decided;
    }
    if (select.valuesLists !== undefined && readsRow(select.valuesLists)) return this.#no("syntax", { SelectStmt: select });
    const from = this.#from(select, place, clause);
    const inside = { ...place, levels: [...place.levels, from.level] };
    const joins = from.quals.map((one) => this.#decide(one, { ...place, levels: [...place.levels, { ...from.level, where: [] }] }, "boolean"));
    const where = this.#decide(select.whereClause, inside, "boolean");
    const targets = (select.targetList ?? []).map((one, index) => this.#target(one, index, inside, test));
    const rest = [
      select.havingClause,
      ...(select.groupClause ?? []),
      ...(select.distinctClause ?? []),
      ...(select.sortClause ?? []).map((one) => part(one, "SortBy")?.node),
      select.limitCount,
      select.limitOffset,
    ].map((one) => this.#decide(one, inside, "scalar"));
    const windows = (select.windowClause ?? []).map((one) => !readsRow(one) || this.#no("syntax", one));
    return decided && from.decided && where && [...joins, ...targets, ...rest, ...windows].every(Boolean);
  }

  #target(target: Node, index: number, place: Place, test: Test | undefined): boolean {
    const value = part(target, "ResTarget")?.val;
    if (value === undefined) return true;
    const args = test && part(test.node, "RowExpr")?.args;
    const left = test && (args === undefined ? test.node : args[index]);
    const tested = left === undefined || this.#compare(left, test?.operator ?? "=", value, place);
    return this.#decide(value, place, "scalar") && tested;
  }

  #from(select: SelectStmt, place: Place, clause: WithClause | undefined): { level: Level; quals: readonly Node[]; decided: boolean } {
    const items: { name: string | undefined; node: Node }[] = [];
    const quals: Node[] = [];
    let outer = false;
    let decided = true;
    const add = (node: Node): void => {
      const join = part(node, "JoinExpr");
      if (join?.larg !== undefined && join.rarg !== undefined) {
        add(join.larg);
        add(join.rarg);
        if (join.quals !== undefined) quals.push(join.quals);
        outer ||= join.jointype !== "JOIN_INNER";
        return;
      }
      const query = part(part(node, "RangeSubselect")?.subquery, "SelectStmt");
      if (readsRow(node)) {
        const level: Level = { items: [...items], where: [], clause };
        if (query === undefined) {
          this.#sow(node, [], place);
          decided = this.#no("function", node);
        } else decided = this.#select(query, { ...place, levels: [...place.levels, level] }) && decided;
      }
      items.push({ name: fromItemName(node), node });
    };
    (select.fromClause ?? []).forEach(add);
    return { level: { items, where: outer ? [] : conjuncts(select.whereClause), clause }, quals, decided };
  }

  #call(call: FuncCall, node: Node, place: Place, position: Position): boolean {
    const args = call.args ?? [];
    const around = [call.agg_filter, ...(call.agg_order ?? [])].filter((one) => one !== undefined);
    if (call.over !== undefined && readsRow(call.over)) return this.#no("syntax", node);
    if (!this.#all(around, place, "boolean")) return false;
    if (this.#quietly(() => this.#all(args, place, "scalar"))) return true;
    const whole = args.some((one) => rowColumns(one).has("*"));
    const fn = this.#reading.schema.callee((call.funcname ?? []).map(stringOf), args.length, whole ? this.#relation : undefined);
    for (const one of args) this.#sow(one, [], place);
    if (fn === undefined || place.depth > 8) {
      this.#sow(node, [], place);
      return this.#no("function", node);
    }
    const given: Node[] = [];
    for (const [index, arg] of args.entries()) {
      const one = this.#argument(arg, fn.argumentTypes[index] ?? "", place);
      if (one === undefined) {
        this.#sow(node, [], place);
        for (const name of rowColumns(node)) if (name !== "*") this.#use(name).keyed = true;
        return this.#no("function", node);
      }
      given.push(one);
    }
    for (const one of given) for (const name of rowColumns(one)) if (name !== "*") this.#use(name).keyed = true;
    const body = bodyOf(fn);
    if (body === undefined) return this.#no("function", node);
    const select = part(inlined(body, fn, given, this.#reading.schema), "SelectStmt");
    const inside: Place = { actor: actorOf(fn, place.actor), levels: [], depth: place.depth + 1 };
    const before = this.#doubts.length;
    const decided = select !== undefined && this.#body(select, inside, position);
    this.#doubts = this.#doubts.map((one, index) => (index < before ? one : { ...one, within: [fn.name, ...one.within] }));
    return decided;
  }

  #body(select: SelectStmt, inside: Place, position: Position): boolean {
    const value = part(select.targetList?.[0], "ResTarget")?.val;
    if (select.fromClause !== undefined || select.larg !== undefined || select.targetList?.length !== 1) return this.#select(select, inside);
    const decided = this.#decide(value, inside, position);
    return this.#decide(select.whereClause, inside, "boolean") && decided;
  }

  #argument(arg: Node, type: string, place: Place): Node | undefined {
    if (part(arg, "NamedArgExpr") !== undefined) return undefined;
    if (readsRow(arg)) {
      // In a hypothetical row generated columns hold nothing.
      if (rowColumns(arg).has("*") && this.#relation.columns.some(({ generated }) => generated)) return undefined;
      if (plainReference(arg)) return arg;
      return this.#quietly(() => this.#decide(arg, place, "scalar")) ? columnRef(free, "decided") : undefined;
    }
    if (outerNames(arg).length > 0) return columnRef(free, "inner");
    const text = printed(selectOf(arg));
    return text === undefined ? undefined : this.#reading.bounds.add(place.actor, `(${text})`, type).node;
  }

  /** Guesses for witnesses only, never for proofs. */
  #sow(node: Node, beside: readonly Node[], place: Place, operator?: string): void {
    for (const name of rowColumns(node)) if (name !== "*") this.#use(name);
    const questions = beside.flatMap((one): readonly Question[] => {
      const inner = readsRow(one) ? undefined : this.#valuesOf(one, place, "value");
      return inner === undefined ? [] : [this.#reading.bounds.question(place.actor, `select distinct v::text from (${inner}) as q(v) limit 300`)];
    });
    this.#seeds.push(seedOf(node, questions, operator));
  }
}

function withClauseOf(place: Place, clause: WithClause | undefined): Place {
  return clause === undefined ? place : { ...place, levels: [...place.levels, { items: [], where: [], clause }] };
}

function printed(select: SelectStmt): string | undefined {
  try {
    return printSelect(select);
  } catch {
    return undefined;
  }
}

function comparison(lexpr: Node, operator: string, rexpr: Node): Node {
  return { A_Expr: { kind: "AEXPR_OP", name: [{ String: { sval: operator } }], lexpr, rexpr } };
}

function pairsOf(left: Node, right: Node): readonly (readonly [Node, Node])[] | undefined {
  const [a, b] = [part(left, "RowExpr")?.args, part(right, "RowExpr")?.args];
  if (a === undefined || b === undefined || a.length !== b.length) return undefined;
  return a.flatMap((one, index) => {
    const other = b[index];
    return other === undefined ? [] : [[one, other] as const];
  });
}

/** AND, OR, NOT, IS TRUE, COALESCE and CASE: truth values put together. */
function connected(node: Node): readonly Node[] | undefined {
  const arg = part(node, "BooleanTest")?.arg;
  if (arg !== undefined) return [arg];
  const choice = part(node, "CaseExpr");
  if (choice !== undefined && choice.arg === undefined)
    return [...(choice.args ?? []).flatMap((one) => part(one, "CaseWhen")?.expr ?? []), ...resultsOf(node)];
  return part(node, "BoolExpr")?.args ?? part(node, "CoalesceExpr")?.args;
}

function resultsOf(node: Node): readonly Node[] {
  const choice = part(node, "CaseExpr");
  const results = (choice?.args ?? []).map((one) => part(one, "CaseWhen")?.result);
  return [...results, choice?.defresult].filter((one) => one !== undefined);
}

/** What a scalar's value is one of. */
function leavesOf(node: Node): readonly Node[] {
  const made = part(node, "TypeCast");
  if (made?.arg !== undefined) {
    const inner = leavesOf(made.arg);
    return inner.length === 1 && inner[0] === made.arg ? [node] : inner.map((arg) => ({ TypeCast: { ...made, arg } }));
  }
  const list = part(node, "CoalesceExpr")?.args ?? part(node, "MinMaxExpr")?.args;
  if (list !== undefined) return list.flatMap(leavesOf);
  const operation = part(node, "A_Expr");
  if (operation?.kind === "AEXPR_NULLIF" && operation.lexpr !== undefined) return leavesOf(operation.lexpr);
  return part(node, "CaseExpr") === undefined ? [node] : resultsOf(node).flatMap(leavesOf);
}

function isExtreme(node: Node): boolean {
  const inner = part(node, "TypeCast")?.arg;
  if (inner !== undefined) return isExtreme(inner);
  const list = part(node, "CoalesceExpr")?.args ?? resultsOf(node);
  return part(node, "MinMaxExpr") !== undefined || list.some(isExtreme);
}
