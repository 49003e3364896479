import type { A_Expr, Node } from "libpg-query";
import { connected, flipped, jsonColumn, jsonValues } from "./comparable.ts";
import type { Reading } from "./inline.ts";
import type { Place } from "./place.ts";
import { persona } from "./question.ts";
import { type Atom, type Critical, type Position } from "./recorder.ts";
import type { ProofRelation } from "./schema.ts";
import { Querier } from "./subquery.ts";
import { fieldsOf, part, readsRow, rowColumns, stringOf, typeNameOf, walk, withoutCasts } from "./tree.ts";
import { isCaseInsensitive, isEnumerable } from "./types.ts";

/**
 * Reads an expression for what its value depends on. Its value may depend on a column of the row only by comparisons with
 * values that have nothing of the row; then one row for each outcome of all comparisons represents all rows.
 * @param tree names resolved
 */
export function readCritical(tree: Node, relation: ProofRelation, reading: Reading): Critical {
  return new Reader(relation, reading).read(tree);
}

/** What the expression reads besides its row has a collation for which different texts are equal. */
function meetsOtherCollation(node: Node, { schema, reaches }: Reading): boolean {
  const { relations } = reaches.of(node);
  let named = false;
  walk(node, (one) => void (named ||= part(one, "CollateClause") !== undefined));
  return (
    named ||
    [...schema.relations].some(
      ({ schema: of, name, columns }) =>
        relations.has(`${of}.${name}`) && columns.some(({ deterministic }) => !deterministic),
    )
  );
}

class Reader extends Querier {
  read(tree: Node): Critical {
    const atoms = this.atoms(tree);
    return { atoms, columns: this.columns, seeds: this.seeds };
  }

  protected atoms(node: Node): readonly Atom[] {
    const parts = connected(node);
    if (parts !== undefined) return parts.flatMap((one) => this.atoms(one));
    this.doubts = [];
    this.needs = [];
    this.meetsOtherCollation = meetsOtherCollation(node, this.reading);
    try {
      this.decide(node, { actor: persona, levels: [], depth: 0 }, "boolean");
    } catch {
      this.no("names", node);
    }
    if (!readsRow(node)) return [];
    return [{ tree: node, columns: rowColumns(node), doubts: this.doubts, needs: this.needs }];
  }

  /** Does the value depend on the row only by what is compared? */
  protected decide(node: Node | undefined, place: Place, position: Position): boolean {
    if (node === undefined || !readsRow(node)) return true;
    const fields = fieldsOf(node);
    if (fields !== undefined) return this.ownValue(node, fields);
    const bool = part(node, "BoolExpr");
    if (bool !== undefined) return this.all(bool.args, place, "boolean");
    const inner = part(node, "BooleanTest") ?? part(node, "TypeCast");
    if (inner !== undefined) return this.decide(inner.arg, place, position);
    const test = part(node, "NullTest");
    if (test?.arg !== undefined) return this.nullTest(test.arg, place);
    const list =
      part(node, "CoalesceExpr")?.args ?? part(node, "RowExpr")?.args ?? part(node, "MinMaxExpr")?.args;
    if (list !== undefined) return this.all(list, place, position);
    const elements = part(node, "A_ArrayExpr")?.elements;
    if (elements !== undefined) return this.all(elements, place, "scalar");
    if (part(node, "CaseExpr") !== undefined) return this.case(node, place, position);
    const operation = part(node, "A_Expr");
    if (operation !== undefined) return this.operation(operation, node, place);
    const sub = part(node, "SubLink");
    if (sub !== undefined) return this.subquery(sub, node, place);
    const call = part(node, "FuncCall");
    if (call !== undefined) return this.call(call, node, place, position);
    this.sow(node, [], place);
    return this.no("syntax", node);
  }

  /** All values of an enum or boolean are tried, so that anything may be done with it. */
  protected ownValue(node: Node, [, name]: readonly string[]): boolean {
    if (name === undefined || name === "*") return this.no("whole-row", node);
    const column = this.column(name);
    this.use(name);
    return column !== undefined && isEnumerable(column) ? true : this.no("own-value", node);
  }

  protected operation(operation: A_Expr, node: Node, place: Place): boolean {
    const { kind, lexpr, rexpr, name = [] } = operation;
    const operator = stringOf(name.at(-1)).replace("!=", "<>");
    const builtin = operator in flipped && this.isKnownOperator(operation);
    if (lexpr !== undefined && rexpr !== undefined) {
      const items = part(rexpr, "List")?.items ?? [];
      switch (kind) {
        case "AEXPR_OP":
          if (builtin) return this.compare(lexpr, operator, rexpr, place);
          break;
        case "AEXPR_DISTINCT":
        case "AEXPR_NOT_DISTINCT":
          return this.compare(lexpr, "=", rexpr, place);
        case "AEXPR_NULLIF":
          return this.compare(lexpr, "=", rexpr, place) && this.decide(lexpr, place, "scalar");
        case "AEXPR_IN":
          return items.map((one) => this.compare(lexpr, "=", one, place)).every(Boolean);
        case "AEXPR_BETWEEN":
        case "AEXPR_NOT_BETWEEN":
        case "AEXPR_BETWEEN_SYM":
        case "AEXPR_NOT_BETWEEN_SYM":
          return items.map((one) => this.compare(lexpr, "<=", one, place)).every(Boolean);
        case "AEXPR_OP_ANY":
        case "AEXPR_OP_ALL": {
          const listed = part(rexpr, "A_ArrayExpr")?.elements;
          if (builtin && !readsRow(rexpr)) return this.compare(lexpr, operator, rexpr, place, "array");
          if (builtin && listed !== undefined)
            return listed.map((one) => this.compare(lexpr, operator, one, place)).every(Boolean);
          break;
        }
      }
    }
    return this.otherOperation(operation, node, place);
  }

  /** Its value is known where both sides' values are; else only a guess can help. */
  protected otherOperation(operation: A_Expr, node: Node, place: Place): boolean {
    const { kind, lexpr, rexpr, name = [] } = operation;
    const operator = stringOf(name.at(-1));
    const pattern =
      kind === "AEXPR_LIKE" || kind === "AEXPR_ILIKE" || kind === "AEXPR_SIMILAR" || /^!?~/.test(operator);
    if (lexpr !== undefined && /^!?~~\*?$/.test(operator) && this.isKnownOperator(operation)) {
      // Every text is like '%'.
      const wanted = rexpr && part(withoutCasts(rexpr), "A_Const")?.sval?.sval;
      if (wanted !== undefined && /^%+$/.test(wanted)) return this.nullTest(lexpr, place);
    }
    const [whole, inside] = operator === "@>" ? [lexpr, rexpr] : operator === "<@" ? [rexpr, lexpr] : [];
    const inJson = inside && jsonColumn(inside, this.relation, this.reading.schema);
    if (inJson !== undefined && kind === "AEXPR_OP" && whole !== undefined && !readsRow(whole))
      return this.compareColumn(inJson, "=", jsonValues(whole), place, "query");
    if (this.quietly(() => [lexpr, rexpr].map((one) => this.decide(one, place, "scalar")).every(Boolean)))
      return true;
    const [of, other] = readsRow(lexpr) ? [lexpr, rexpr] : [rexpr, lexpr];
    if (of !== undefined)
      this.sow(of, other === undefined ? [] : [other], place, pattern ? "pattern" : operator);
    if (of !== undefined && other !== undefined && readsRow(other)) this.sow(other, [], place);
    return this.no(
      pattern ? "pattern" : kind === "AEXPR_OP_ANY" || kind === "AEXPR_OP_ALL" ? "array" : "operator",
      node,
    );
  }

  /** `OPERATOR(public.=)` is citext's, or nothing that we know. */
  protected isKnownOperator({ name = [], lexpr, rexpr }: A_Expr): boolean {
    if (name.length === 1 || stringOf(name[0]) === "pg_catalog") return true;
    return [lexpr, rexpr].some((one) => {
      const [only, ...more] = one === undefined ? [] : [...rowColumns(one)];
      const column = only === undefined || more.length > 0 ? undefined : this.column(only);
      return (
        (column !== undefined && isCaseInsensitive(column)) ||
        (one !== undefined && typeNameOf(one) === "citext")
      );
    });
  }
}
