import type { A_Expr, Node } from "libpg-query";
import { parseExpression } from "../../lib/sql-tree.ts";
import { bodyOf } from "./bodies.ts";
import { inlined, type Reading } from "./inline.ts";
import type { Actor } from "./question.ts";
import type { ProofFunction, ProofRelation } from "./schema.ts";
import { boolean, cast, fieldsOf, onlyValue, part, replace, stringOf, typeNameOf, walk } from "./tree.ts";
import { isTemporal } from "./types.ts";
import { isComparison } from "./widen.ts";

/** An expression whose clock can be moved: each time that it reads is a plain part of a comparison. */
export interface Movable {
  readonly tree: Node;
  /** Who evaluates it: the owner of the SECURITY DEFINER functions that were replaced by their bodies. */
  readonly actor: Actor | undefined;
  readonly clockwork: Clockwork;
}

/** With what the clock is compared: at no other moments does an answer change. */
export interface Clockwork {
  readonly moments: Set<string>;
  readonly intervals: Set<string>;
  readonly zones: Set<string>;
  /** Names of columns: of each that is read it must be known that it holds moments. */
  readonly columns: Set<string>;
  /** A date is compared, so that an answer changes at midnight. */
  days: boolean;
}

class Immovable extends Error {}

/** `undefined`: it reads a time that cannot be moved (a body that is no expression, a view, a function of the time). */
export function movable(tree: Node, relation: ProofRelation, reading: Reading): Movable | undefined {
  try {
    const owners: Actor[] = [];
    const unfolded = unfoldedCalls(tree, reading, owners, 0);
    const clockwork = newClockwork();
    const [actor] = owners;
    if (actor !== undefined) {
      const rest = replace(tree, (node) => (timedFunction(node, reading) ? boolean(true) : undefined));
      if (owners.some((one) => !sameActor(one, actor)) || !isNeutral(rest, reading)) return undefined;
    }
    if (!readClockwork(unfolded, clockwork)) return undefined;
    const { readsTime, relations } = reading.reaches.of(atMoment(unfolded, "2000-01-01"));
    const read = [...reading.schema.relations].filter(({ schema, name }) =>
      relations.has(`${schema}.${name}`),
    );
    if (readsTime || !holdMoments(clockwork.columns, [relation, ...read])) return undefined;
    return { tree: unfolded, actor, clockwork };
  } catch {
    return undefined;
  }
}

export function newClockwork(of: readonly Clockwork[] = []): Clockwork {
  const all = <K extends "moments" | "intervals" | "zones" | "columns">(key: K): Set<string> =>
    new Set(of.flatMap((one) => [...one[key]]));
  return {
    moments: all("moments"),
    intervals: all("intervals"),
    zones: all("zones"),
    columns: all("columns"),
    days: of.some(({ days }) => days),
  };
}

/** Text or a number that is cast to a moment is not found among the moments of a table. */
function holdMoments(names: ReadonlySet<string>, relations: readonly ProofRelation[]): boolean {
  return [...names].every((name) => {
    const found = relations.flatMap(({ columns }) => columns.filter((one) => one.name === name));
    return found.length > 0 && found.every(isTemporal);
  });
}

export function sameActor(a: Actor, b: Actor): boolean {
  return a.role === b.role && a.settings.join() === b.settings.join();
}

/** The same answer for every role with the same settings. */
export function isNeutral(tree: Node, { reaches }: Reading): boolean {
  const { relations, readsLogin, volatile } = reaches.of(tree);
  let asksWho = relations.size > 0 || readsLogin || volatile.size > 0;
  walk(tree, (node) => {
    asksWho ||= /USER|ROLE/.test(part(node, "SQLValueFunction")?.op ?? "");
    asksWho ||= /^(?:pg_)?has_|^row_security/.test(stringOf(part(node, "FuncCall")?.funcname?.at(-1)));
  });
  return !asksWho;
}

/** Of the row and the time alone, so that policy and matrix say the same of it. */
export function isOfRowAlone(tree: Node, reading: Reading): boolean {
  let calls = false;
  walk(tree, (node) => {
    const name = stringOf(part(node, "FuncCall")?.funcname?.at(-1));
    calls ||= name === "current_setting" || reading.schema.namesakes(name).length > 0;
  });
  return !calls && isNeutral(tree, reading);
}

/** The function that a call means, where the time is read within it. */
function timedFunction(node: Node, { schema, reaches }: Reading): ProofFunction | true | undefined {
  const call = part(node, "FuncCall");
  if (call === undefined || clockOf(node) !== undefined) return undefined;
  const { args = [], ...alone } = call;
  if (!reaches.of({ FuncCall: alone }).readsTime) return undefined;
  return schema.callee((call.funcname ?? []).map(stringOf), args.length) ?? true;
}

function unfoldedCalls(tree: Node, reading: Reading, owners: Actor[], depth: number): Node {
  return replace(tree, (node) => {
    const fn = timedFunction(node, reading);
    if (fn === undefined) return undefined;
    const body = fn === true || fn.strict || fn.returnsSet || depth > 8 ? undefined : bodyOf(fn);
    if (fn === true || body === undefined) throw new Immovable();
    if (fn.settings.some((one) => !/^search_path=/i.test(one))) throw new Immovable();
    if (fn.definer) owners.push({ role: fn.owner, settings: fn.settings });
    // What an inner caller would be is not what evaluates it here.
    else if (fn.settings.some((one) => !/^search_path=(?:""|'')?$/i.test(one))) throw new Immovable();
    const given = (part(node, "FuncCall")?.args ?? []).map((arg, index) => {
      if (part(arg, "NamedArgExpr") !== undefined) throw new Immovable();
      const own = unfoldedCalls(arg, reading, owners, depth);
      return fieldsOf(own) === undefined ? cast(own, fn.argumentTypes[index] ?? "") : own;
    });
    const select = part(inlined(body, fn, given, reading.schema), "SelectStmt");
    if (select === undefined) throw new Immovable();
    const whole: Node = onlyValue(select) ?? {
      SubLink: { subLinkType: "EXPR_SUBLINK", subselect: { SelectStmt: select } },
    };
    return cast(unfoldedCalls(whole, reading, owners, depth + 1), fn.returns);
  });
}

/** The same expression as it would be evaluated then. */
export function atMoment(tree: Node, moment: string): Node {
  return replace(tree, (node) => {
    const type = clockOf(node);
    if (type === undefined) return undefined;
    const then = `'${moment}'::timestamptz`;
    return parseExpression(isToday(node) ? `(${then})::date::${type}` : `(${then})::${type}`);
  });
}

/** The type of an expression that is the present moment; `undefined`: it is another expression. */
export function clockOf(node: Node): string | undefined {
  const name = stringOf(part(node, "FuncCall")?.funcname?.at(-1));
  if (/^(?:now|(?:transaction|statement|clock)_timestamp)$/.test(name)) return "timestamptz";
  const value = part(node, "SQLValueFunction")?.op ?? "";
  if (value.endsWith("CURRENT_DATE")) return "date";
  if (/CURRENT_TIMESTAMP/.test(value)) return "timestamptz";
  if (/LOCALTIMESTAMP/.test(value)) return "timestamp";
  const text = part(part(node, "TypeCast")?.arg, "A_Const")?.sval?.sval ?? "";
  return /^\s*(?:now|today)\s*$/i.test(text) && temporal.test(typeNameOf(node))
    ? typeNameOf(node)
    : undefined;
}

function isToday(node: Node): boolean {
  return /^\s*today/i.test(part(part(node, "TypeCast")?.arg, "A_Const")?.sval?.sval ?? "");
}

const temporal = /^(?:date|timestamp|timestamptz)$/;

/** Is the clock read in comparisons alone, and plainly? */
function readClockwork(tree: unknown, into: Clockwork): boolean {
  let plain = true;
  walk(tree, (node) => {
    if (!plain) return false;
    const sides = comparedSides(part(node, "A_Expr"));
    if (sides?.some(readsClock) === true) {
      plain = isPlainComparison(sides, into);
      return false;
    }
    if (clockOf(node) !== undefined) plain = false;
    return plain;
  });
  return plain;
}

function comparedSides(operation: A_Expr | undefined): readonly Node[] | undefined {
  const { kind, name, lexpr, rexpr } = operation ?? {};
  if (lexpr === undefined || rexpr === undefined) return undefined;
  if (kind === "AEXPR_OP" && isComparison(name)) return [lexpr, rexpr];
  if (kind === "AEXPR_BETWEEN" || kind === "AEXPR_NOT_BETWEEN")
    return [lexpr, ...(part(rexpr, "List")?.items ?? [])];
  return undefined;
}

/** Of its own, not in a subquery. */
function readsClock(tree: Node): boolean {
  let reads = false;
  walk(tree, (node) => {
    reads ||= clockOf(node) !== undefined;
    return part(node, "SubLink") === undefined && !reads;
  });
  return reads;
}

function isPlainComparison(sides: readonly Node[], into: Clockwork): boolean {
  const [a, b] = sides;
  // `now() - at > interval '30 days'`
  for (const [one, other] of [
    [a, b],
    [b, a],
  ] as const) {
    const { kind, name, lexpr, rexpr } = part(one, "A_Expr") ?? {};
    const minus = kind === "AEXPR_OP" && stringOf(name?.at(-1)) === "-";
    if (sides.length === 2 && minus && lexpr && rexpr && other !== undefined && isSpan(other, into))
      return isMoment(lexpr, into) && isMoment(rexpr, into);
  }
  return sides.every((one) => isMoment(one, into));
}

/** A column, the clock or a constant, so many days before or after; at another place of a subquery the same is asked again. */
function isMoment(node: Node, into: Clockwork): boolean {
  const clock = clockOf(node);
  if (clock !== undefined) {
    into.days ||= clock === "date" || isToday(node);
    return true;
  }
  const fields = fieldsOf(node);
  if (fields !== undefined) {
    into.columns.add(fields.at(-1) ?? "");
    return true;
  }
  const constant = part(node, "A_Const");
  if (constant !== undefined) {
    const text = constant.sval?.sval;
    if (text === undefined) return constant.isnull === true;
    into.moments.add(text);
    return /^\s*\d{4,6}-\d{2}-\d{2}(?:[ T][\d:.]+)?(?:[+-][\d:]+|Z)?\s*$|^\s*-?infinity\s*$/i.test(text);
  }
  const made = part(node, "TypeCast");
  if (made?.arg !== undefined) {
    into.days ||= typeNameOf(node) === "date";
    return (
      temporal.test(typeNameOf(node)) && made.typeName?.typmods === undefined && isMoment(made.arg, into)
    );
  }
  const list = part(node, "CoalesceExpr")?.args ?? part(node, "MinMaxExpr")?.args;
  if (list !== undefined) return list.every((one) => isMoment(one, into));
  const { kind, name, lexpr, rexpr } = part(node, "A_Expr") ?? {};
  if (kind === "AEXPR_OP" && lexpr !== undefined && rexpr !== undefined) {
    const operator = stringOf(name?.at(-1));
    if (operator === "+" && isSpan(lexpr, into)) return isMoment(rexpr, into);
    return /^[+-]$/.test(operator) && isSpan(rexpr, into) && isMoment(lexpr, into);
  }
  const call = part(node, "FuncCall");
  if (stringOf(call?.funcname?.at(-1)) === "timezone") return isZoned(call?.args ?? [], into);
  return isPickedMoment(node, into);
}

function isZoned([zone, moment]: readonly Node[], into: Clockwork): boolean {
  const name = zone && (part(part(zone, "TypeCast")?.arg ?? zone, "A_Const")?.sval?.sval ?? undefined);
  if (name === undefined || moment === undefined) return false;
  into.zones.add(name);
  return isMoment(moment, into);
}

/** `(select max(e.until) from …)` */
function isPickedMoment(node: Node, into: Clockwork): boolean {
  const query = part(node, "SubLink");
  const select = part(query?.subselect, "SelectStmt");
  const value = part(select?.targetList?.[0], "ResTarget")?.val;
  if (query?.subLinkType !== "EXPR_SUBLINK" || value === undefined || select?.larg !== undefined)
    return false;
  const call = part(value, "FuncCall");
  const picked = /^(?:min|max)$/.test(stringOf(call?.funcname?.at(-1))) ? call?.args?.[0] : value;
  const { targetList: _, ...rest } = select ?? {};
  return picked !== undefined && isMoment(picked, into) && readClockwork(rest, into);
}

function isSpan(node: Node, into: Clockwork): boolean {
  const days = part(node, "A_Const")?.ival;
  if (days !== undefined) {
    into.intervals.add(`${days.ival ?? 0} days`);
    into.days = true;
    return true;
  }
  const text = part(part(node, "TypeCast")?.arg, "A_Const")?.sval?.sval;
  if (typeNameOf(node) !== "interval" || text === undefined) return false;
  into.intervals.add(text);
  return true;
}

/** As time goes on it lets through less and less: what it compares with the clock only ever ends. */
export function onlyCloses(tree: Node): boolean {
  return closes(tree, true);
}

function closes(node: Node, positive: boolean): boolean {
  if (!readsClockAnywhere(node)) return true;
  const bool = part(node, "BoolExpr");
  if (bool !== undefined)
    return (bool.args ?? []).every((one) => closes(one, bool.boolop === "NOT_EXPR" ? !positive : positive));
  const { kind, name, lexpr, rexpr } = part(node, "A_Expr") ?? {};
  if (kind === "AEXPR_OP" && lexpr !== undefined && rexpr !== undefined && isComparison(name)) {
    const order = /^([<>])=?$/.exec(stringOf(name?.at(-1)))?.[1];
    const [left, right] = [lexpr, rexpr].map(readsClockAnywhere);
    if (order === undefined || left === right || !isLater(left === true ? lexpr : rexpr)) return false;
    return (order === ">") === (right === positive);
  }
  const query = part(node, "SubLink");
  const select = part(query?.subselect, "SelectStmt");
  if (query?.subLinkType === "EXISTS_SUBLINK" && select !== undefined) {
    const { whereClause, ...rest } = select;
    const counted = [rest.groupClause, rest.havingClause, rest.limitCount, rest.limitOffset, rest.larg].some(
      Boolean,
    );
    return (
      !counted && !readsClockAnywhere(rest) && whereClause !== undefined && closes(whereClause, positive)
    );
  }
  const made = part(node, "TypeCast");
  return made?.arg !== undefined && typeNameOf(node) === "bool" && closes(made.arg, positive);
}

/** The clock, or so long before or after it. */
function isLater(node: Node): boolean {
  if (clockOf(node) !== undefined) return true;
  const made = part(node, "TypeCast");
  if (made?.arg !== undefined) return temporal.test(typeNameOf(node)) && isLater(made.arg);
  const { kind, name, lexpr, rexpr } = part(node, "A_Expr") ?? {};
  return (
    kind === "AEXPR_OP" &&
    /^[+-]$/.test(stringOf(name?.at(-1))) &&
    lexpr !== undefined &&
    rexpr !== undefined &&
    isLater(lexpr) &&
    !readsClockAnywhere(rexpr)
  );
}

function readsClockAnywhere(tree: unknown): boolean {
  let reads = false;
  walk(tree, (node) => {
    reads ||= clockOf(node) !== undefined;
    return !reads;
  });
  return reads;
}
