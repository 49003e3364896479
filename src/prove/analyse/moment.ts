import type { Node } from "libpg-query";
import { clockOf } from "./clock.ts";
import { columnOf, comparison, flipped, plainColumn } from "./comparable.ts";
import type { ProofRelation } from "./schema.ts";
import { cast, literal, part, readsRow, stringOf, typeNameOf } from "./tree.ts";

/** A comparison of a column with a moment. */
export interface WithMoment {
  readonly column: string;
  readonly operator: string;
  readonly moment: Node;
}

/**
 * `now() - at < interval '1 hour'` and `at + interval '1 hour' > now()`: the moment at which the answer changes. How long ago it was
 * is counted in days of 24 hours; days that are added are the calendar's, and only hours are as long everywhere.
 */
export function withMoment(
  left: Node,
  operator: string,
  right: Node,
  relation: ProofRelation,
): WithMoment | undefined {
  const { kind, name, lexpr, rexpr } = part(left, "A_Expr") ?? {};
  if (kind !== "AEXPR_OP" || name?.length !== 1 || lexpr === undefined || rexpr === undefined)
    return undefined;
  const sign = stringOf(name[0]);
  const [first, second] = [lexpr, rexpr].map((one) => momentsColumn(one, relation));
  if (sign === "-" && isClock(lexpr) && second !== undefined) {
    const span = seconds(right, true);
    const from = span === undefined ? undefined : moved(lexpr, "-", span);
    return from && { column: second, operator: flipped[operator] ?? operator, moment: from };
  }
  if (sign === "-" && first !== undefined && isClock(rexpr)) {
    const span = seconds(right, true);
    return span === undefined ? undefined : { column: first, operator, moment: moved(rexpr, "+", span) };
  }
  const span = seconds(rexpr, false);
  if (!/^[+-]$/.test(sign) || first === undefined || span === undefined || !isClock(right)) return undefined;
  return { column: first, operator, moment: moved(right, sign === "+" ? "-" : "+", span) };
}

function momentsColumn(node: Node, relation: ProofRelation): string | undefined {
  const name = readsRow(node) ? plainColumn(node, relation) : undefined;
  return name !== undefined && columnOf(relation, name)?.base === "timestamp with time zone"
    ? name
    : undefined;
}

/** The clock, or another moment that stands for it. */
function isClock(node: Node): boolean {
  return clockOf(node) === "timestamptz" || (typeNameOf(node) === "timestamptz" && !readsRow(node));
}

function moved(clock: Node, sign: "+" | "-", span: number): Node {
  return comparison(clock, sign, cast(literal(`${span} seconds`), "interval"));
}

const units: Readonly<Record<string, number>> = {
  day: 86_400,
  hour: 3600,
  minute: 60,
  min: 60,
  second: 1,
  sec: 1,
};

/** How long a constant interval is; months are as long as they are. */
function seconds(node: Node, days: boolean): number | undefined {
  const made = part(node, "TypeCast");
  const text = part(made?.arg, "A_Const")?.sval?.sval;
  if (typeNameOf(node) !== "interval" || made?.typeName?.typmods !== undefined || text === undefined)
    return undefined;
  let sum = 0;
  const rest = text
    .replace(/(\d+):(\d\d):(\d\d(?:\.\d+)?)/, (_, hours: string, minutes: string, last: string) => {
      sum += Number(hours) * 3600 + Number(minutes) * 60 + Number(last);
      return "";
    })
    .replaceAll(/(\d+)\s*(day|hour|minute|min|second|sec)s?\b/gi, (_, count: string, unit: string) => {
      if (/^day$/i.test(unit) && !days && Number(count) !== 0) return "calendar";
      sum += Number(count) * (units[unit.toLowerCase()] ?? 0);
      return "";
    });
  return rest.trim() === "" && sum > 0 ? sum : undefined;
}
