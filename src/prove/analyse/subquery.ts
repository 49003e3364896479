import type { FuncCall, Node, SelectStmt, SubLink, WithClause } from "libpg-query";
import { bodyOf } from "./bodies.ts";
import { flipped, plainColumn } from "./comparable.ts";
import { Comparer } from "./compare.ts";
import { actorOf, inlined, plainReference } from "./inline.ts";
import { type Level, type Place, printed, withClauseOf } from "./place.ts";
import { pulledUp } from "./pulled-up.ts";
import type { Position } from "./recorder.ts";
import {
  columnRef,
  conjuncts,
  free,
  fromItemName,
  onlyValue,
  outerNames,
  part,
  readsRow,
  rowColumns,
  selectOf,
  stringOf,
} from "./tree.ts";

/** The left sideof `x IN (select …)`, compared with what the query selects. */
interface Test {
  readonly node: Node;
  readonly operator: string;
}

/** Subqueries, and the bodies of functions: comparisons within them count as the expression's own. */
export abstract class Querier extends Comparer {
  protected subquery(
    { subLinkType, subselect, testexpr, operName }: SubLink,
    node: Node,
    place: Place,
  ): boolean {
    const select = part(subselect, "SelectStmt");
    if (select === undefined) return this.no("syntax", node);
    if (subLinkType === "EXISTS_SUBLINK" || subLinkType === "EXPR_SUBLINK" || subLinkType === "ARRAY_SUBLINK")
      return this.select(select, place);
    if ((subLinkType !== "ANY_SUBLINK" && subLinkType !== "ALL_SUBLINK") || testexpr === undefined)
      return this.no("syntax", node);
    const operator = operName === undefined ? "=" : stringOf(operName.at(-1)).replace("!=", "<>");
    if (!(operator in flipped)) return this.no("operator", node);
    const name = plainColumn(testexpr, this.relation, this.areTexts(operator));
    if (name !== undefined && subselect !== undefined && !readsRow(select) && outerNames(select).length === 0)
      return this.compareColumn(name, operator, subselect, place, "query");
    return this.select(select, place, { node: testexpr, operator });
  }

  protected select(whole: SelectStmt, place: Place, test?: Test): boolean {
    const select = test === undefined ? pulledUp(whole, this.reading.schema) : whole;
    const outer = place.levels.at(-1)?.clause;
    const clause = select.withClause ?? outer;
    let decided = true;
    for (const one of select.withClause?.ctes ?? []) {
      const query = part(part(one, "CommonTableExpr")?.ctequery, "SelectStmt");
      const level: Level = { items: [], where: [], clause: undefined };
      if (query !== undefined && readsRow(query))
        decided = this.select(query, { ...place, levels: [...place.levels, level] }) && decided;
    }
    if (select.larg !== undefined && select.rarg !== undefined) {
      const sides = [select.larg, select.rarg].map((one) =>
        this.select(one, withClauseOf(place, clause), test),
      );
      return sides.every(Boolean) && decided;
    }
    // `auth.uid() in (values (owner), (editor))`: each is compared.
    if (test === undefined && select.valuesLists !== undefined && readsRow(select.valuesLists))
      return this.no("syntax", { SelectStmt: select });
    const listed = (select.valuesLists ?? []).flatMap((one) => part(one, "List")?.items ?? []);
    const width = part(select.valuesLists?.[0], "List")?.items?.length ?? 1;
    decided =
      listed.map((one, index) => this.tested(one, index % width, place, test)).every(Boolean) && decided;
    const from = this.from(select, place, clause);
    const inside = { ...place, levels: [...place.levels, from.level] };
    const joins = from.quals.map((one) =>
      this.decide(one, { ...place, levels: [...place.levels, { ...from.level, where: [] }] }, "boolean"),
    );
    const where = this.decide(select.whereClause, inside, "boolean");
    const targets = (select.targetList ?? []).map((one, index) => this.target(one, index, inside, test));
    const rest = [
      select.havingClause,
      ...(select.groupClause ?? []),
      ...(select.distinctClause ?? []),
      ...(select.sortClause ?? []).map((one) => part(one, "SortBy")?.node),
      select.limitCount,
      select.limitOffset,
    ].map((one) => this.decide(one, inside, "scalar"));
    const windows = (select.windowClause ?? []).map((one) => !readsRow(one) || this.no("syntax", one));
    return decided && from.decided && where && [...joins, ...targets, ...rest, ...windows].every(Boolean);
  }

  protected target(target: Node, index: number, place: Place, test: Test | undefined): boolean {
    const value = part(target, "ResTarget")?.val;
    if (value === undefined) return true;
    const tested = this.tested(value, index, place, test);
    return this.decide(value, place, "scalar") && tested;
  }

  protected tested(value: Node, index: number, place: Place, test: Test | undefined): boolean {
    const args = test && part(test.node, "RowExpr")?.args;
    const left = test && (args === undefined ? test.node : args[index]);
    return left === undefined || this.compare(left, test?.operator ?? "=", value, place);
  }

  protected from(
    select: SelectStmt,
    place: Place,
    clause: WithClause | undefined,
  ): { level: Level; quals: readonly Node[]; decided: boolean } {
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
          this.sow(node, [], place);
          decided = this.no("function", node);
        } else decided = this.select(query, { ...place, levels: [...place.levels, level] }) && decided;
      }
      items.push({ name: fromItemName(node), node });
    };
    (select.fromClause ?? []).forEach(add);
    return { level: { items, where: outer ? [] : conjuncts(select.whereClause), clause }, quals, decided };
  }

  protected call(call: FuncCall, node: Node, place: Place, position: Position): boolean {
    const args = call.args ?? [];
    const around = [call.agg_filter, ...(call.agg_order ?? [])].filter((one) => one !== undefined);
    if (call.over !== undefined && readsRow(call.over)) return this.no("syntax", node);
    if (!this.all(around, place, "boolean")) return false;
    if (this.quietly(() => this.all(args, place, "scalar"))) return true;
    const whole = args.some((one) => rowColumns(one).has("*"));
    const fn = this.reading.schema.callee(
      (call.funcname ?? []).map(stringOf),
      args.length,
      whole ? this.relation : undefined,
    );
    for (const one of args) this.sow(one, [], place);
    if (fn === undefined || place.depth > 8) {
      this.sow(node, [], place);
      return this.no("function", node);
    }
    const given: Node[] = [];
    for (const [index, arg] of args.entries()) {
      const one = this.argument(arg, fn.argumentTypes[index] ?? "", place);
      if (one === undefined) {
        this.sow(node, [], place);
        for (const name of rowColumns(node)) if (name !== "*") this.use(name).keyed = true;
        return this.no("function", node);
      }
      given.push(one);
    }
    for (const one of given)
      for (const name of rowColumns(one)) if (name !== "*") this.use(name).keyed = true;
    const body = bodyOf(fn);
    if (body === undefined) return this.no("function", node);
    const select = part(inlined(body, fn, given, this.reading.schema), "SelectStmt");
    const inside: Place = { actor: actorOf(fn, place.actor), levels: [], depth: place.depth + 1 };
    // In a hypothetical row generated columns hold nothing.
    if (whole && select !== undefined && this.readsGenerated(select)) return this.no("whole-row", node);
    const before = this.doubts.length;
    const decided = select !== undefined && this.body(select, inside, position);
    this.doubts = this.doubts.map((one, index) =>
      index < before ? one : { ...one, within: [fn.name, ...one.within] },
    );
    return decided;
  }

  protected readsGenerated(select: SelectStmt): boolean {
    const read = rowColumns(select);
    const generated = this.relation.columns.filter((one) => one.generated);
    return generated.length > 0 && (read.has("*") || generated.some(({ name }) => read.has(name)));
  }

  protected body(select: SelectStmt, inside: Place, position: Position): boolean {
    const { whereClause: _, ...unfiltered } = select;
    const value = onlyValue(unfiltered);
    if (value === undefined) return this.select(select, inside);
    const decided = this.decide(value, inside, position);
    return this.decide(select.whereClause, inside, "boolean") && decided;
  }

  protected argument(arg: Node, type: string, place: Place): Node | undefined {
    if (part(arg, "NamedArgExpr") !== undefined) return undefined;
    if (readsRow(arg)) {
      if (plainReference(arg)) return arg;
      return this.quietly(() => this.decide(arg, place, "scalar")) ? columnRef(free, "decided") : undefined;
    }
    if (outerNames(arg).length > 0) return columnRef(free, "inner");
    const text = printed(selectOf(arg));
    return text === undefined ? undefined : this.reading.bounds.add(place.actor, `(${text})`, type).node;
  }
}
