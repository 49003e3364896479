import type { Node } from "libpg-query";
import {
  comparison,
  flipped,
  foldedColumn,
  isExtreme,
  jsonColumn,
  jsonValues,
  leavesOf,
  pairsOf,
  plainColumn,
  resultsOf,
} from "./comparable.ts";
import { withMoment } from "./moment.ts";
import type { Place } from "./place.ts";
import { type Position, Recorder } from "./recorder.ts";
import { columnRef, part, readsRow, row } from "./tree.ts";
import { hasOrder, isEnumerable, isTextual, roundAlike } from "./types.ts";

/** Comparisons of the row's columns: what they are compared with is what must be asked for. */
export abstract class Comparer extends Recorder {
  protected nullTest(arg: Node, place: Place): boolean {
    const conditions = this.conditions(arg, place);
    const decided = leavesOf(arg).map((one) => {
      const name = plainColumn(one, this.relation);
      if (name === undefined) {
        if (readsRow(one)) this.sow(one, [], place);
        return this.decide(one, place, "scalar");
      }
      this.use(name);
      return true;
    });
    return decided.every(Boolean) && conditions;
  }

  protected case(node: Node, place: Place, position: Position): boolean {
    const choice = part(node, "CaseExpr");
    const results = [...resultsOf(node)].map((one) => this.decide(one, place, position));
    return this.caseConditions(choice, place) && results.every(Boolean);
  }

  protected caseConditions(choice: { arg?: Node; args?: Node[] } | undefined, place: Place): boolean {
    const decided = (choice?.args ?? []).map((one) => {
      const when = part(one, "CaseWhen")?.expr;
      if (when === undefined) return true;
      return choice?.arg === undefined
        ? this.decide(when, place, "boolean")
        : this.compare(choice.arg, "=", when, place);
    });
    return decided.every(Boolean);
  }

  /** What a scalar that only selects is selected by. */
  protected conditions(node: Node, place: Place): boolean {
    const arg = part(node, "TypeCast")?.arg;
    if (arg !== undefined) return this.conditions(arg, place);
    const list = part(node, "CoalesceExpr")?.args ?? part(node, "MinMaxExpr")?.args;
    if (list !== undefined) return list.map((one) => this.conditions(one, place)).every(Boolean);
    const operation = part(node, "A_Expr");
    if (
      operation?.kind === "AEXPR_NULLIF" &&
      operation.lexpr !== undefined &&
      operation.rexpr !== undefined
    ) {
      const own = this.compare(operation.lexpr, "=", operation.rexpr, place);
      return this.conditions(operation.lexpr, place) && own;
    }
    const choice = part(node, "CaseExpr");
    if (choice === undefined) return true;
    const inner = resultsOf(node).map((one) => this.conditions(one, place));
    return this.caseConditions(choice, place) && inner.every(Boolean);
  }

  protected compare(
    left: Node,
    operator: string,
    right: Node,
    place: Place,
    form: "value" | "array" = "value",
  ): boolean {
    if (!readsRow(left) && !readsRow(right)) return true;
    if (!readsRow(left)) return this.compare(right, flipped[operator] ?? operator, left, place, form);
    const pairs = pairsOf(left, right);
    if (pairs !== undefined) return pairs.map(([a, b]) => this.compare(a, operator, b, place)).every(Boolean);
    if (readsRow(right)) return this.compareTerms(left, operator, right, place);
    const ago = withMoment(left, operator, right, this.relation);
    if (ago !== undefined) return this.compareColumn(ago.column, ago.operator, ago.moment, place, form);
    let decided = this.conditions(left, place);
    for (const one of leavesOf(left)) {
      if (!readsRow(one)) continue;
      // What is the greatest depends on the order of all.
      const by = isExtreme(left) && operator === "=" ? "<=" : operator;
      decided = this.compareLeaf(one, by, right, place, form) && decided;
    }
    return decided;
  }

  protected compareLeaf(
    one: Node,
    operator: string,
    right: Node,
    place: Place,
    form: "value" | "array",
  ): boolean {
    const name = plainColumn(one, this.relation, this.areTexts(operator));
    if (name !== undefined) return this.compareColumn(name, operator, right, place, form);
    const inJson = jsonColumn(one, this.relation, this.reading.schema);
    if (inJson !== undefined && form === "value" && (operator === "=" || operator === "<>"))
      return this.compareColumn(inJson, operator, jsonValues(right), place, "query");
    const folded = foldedColumn(one, this.relation, this.reading.schema);
    const column = folded === undefined ? undefined : this.column(folded);
    if (column !== undefined && (operator === "=" || operator === "<>")) {
      const inner = this.valuesOf(right, place, form);
      if (inner !== undefined) return this.addSource(column, inner, place, true);
    }
    if (this.quietly(() => this.decide(one, place, "scalar"))) return true;
    this.sow(one, [right], place, operator);
    return this.no(
      part(one, "FuncCall") === undefined ? "term" : "function",
      comparison(one, operator, right),
    );
  }

  protected compareColumn(
    name: string,
    operator: string,
    right: Node,
    place: Place,
    form: "value" | "array" | "query",
  ): boolean {
    const column = this.column(name);
    if (column === undefined) return false;
    const use = this.use(name);
    if (isEnumerable(column)) return true;
    if (operator !== "=" && operator !== "<>") {
      if (!hasOrder(column)) {
        this.sow(columnRef(row, name), [right], place, operator);
        return this.no("order", comparison(columnRef(row, name), operator, right));
      }
      use.ordered = true;
    }
    if (isTextual(column) && this.meetsOtherCollation)
      return this.no("term", comparison(columnRef(row, name), operator, right));
    const inner = this.valuesOf(right, place, form);
    if (inner === undefined) return this.no("values", right);
    return this.addSource(column, inner, place, false);
  }

  /** Texts of integers: compared only for being equal, and by a collation for which different texts are different. */
  protected areTexts(operator: string): boolean {
    return (operator === "=" || operator === "<>") && !this.meetsOtherCollation;
  }

  protected compareTerms(left: Node, operator: string, right: Node, place: Place): boolean {
    const byText = this.areTexts(operator);
    const [a, b] = [left, right].map((one) => plainColumn(one, this.relation, byText));
    const [first, second] = [a === undefined ? a : this.column(a), b === undefined ? b : this.column(b)];
    if (first !== undefined && second !== undefined) {
      if (first.base !== second.base || !roundAlike(first, second))
        return this.no("term", comparison(left, operator, right));
      const group = new Set([...this.use(first.name).group, ...this.use(second.name).group]);
      for (const one of group) this.use(one).group = group;
      if (operator === "=" || operator === "<>" || [first, second].every(isEnumerable)) return true;
      if (!hasOrder(first)) return this.no("order", comparison(left, operator, right));
      for (const one of group) this.use(one).ordered = true;
      return true;
    }
    if (this.quietly(() => [left, right].map((one) => this.decide(one, place, "scalar")).every(Boolean)))
      return true;
    this.sow(left, [], place);
    this.sow(right, [], place);
    return this.no("term", comparison(left, operator, right));
  }
}
