import type { BooleanTest, FuncCall, Node, SelectStmt } from "libpg-query";
import type { Reading } from "./inline.ts";
import { asksSession, isTable, isUnread, type Place, questionOf, wanted } from "./opener-place.ts";
import { persona, type Question } from "./question.ts";
import {
  type Item,
  joinedWays,
  nothing,
  type Operand,
  type Rows,
  type Scope,
  tied,
  type Way,
} from "./ties.ts";
import { isAggregated } from "./widen.ts";
import { exists, outerNames, part, readsRow, show, stringOf, walk } from "./tree.ts";

export const wayLimit = 24;

export function readsTables(node: Node, { reading }: Place): boolean {
  return reading.reaches.of(node).relations.size > 0;
}

/** A condition of which no way is known to meet it, where it is about rows at all. */
export function unmetBy(node: Node, place: Place): readonly Way[] {
  const isAbout =
    readsRow(node) ||
    outerNames(node).some((name) => place.scope.has(name)) ||
    callsIn(node).some((name) => place.reading.schema.aggregates.has(name)) ||
    (readsTables(node, place) && !asksSession(node, place.reading));
  return isAbout ? [withUnmet(nothing, node, place.scope)] : [nothing];
}

/** What a function that cannot be read asks of its tables' rows. */
export function unread(node: Node, place: Place): readonly Way[] {
  return readsTables(node, place)
    ? [{ ...withUnmet(nothing, node, place.scope), guess: true }]
    : unmetBy(node, place);
}

/** A condition that reads neither the row nor any table; `undefined`: it does. */
export function settledBy(node: Node, place: Place): readonly Way[] | undefined {
  const isRead = readsRow(node) || outerNames(node).length > 0 || readsTables(node, place);
  // How many rows there are is no matter of the persona's.
  const question = isRead || isAggregated(node, place.reading) ? undefined : questionOf(node, place);
  return question && [{ ...nothing, settled: [question] }];
}

/** Calls whose value is, or holds, that of their argument. */
export const passesOn: RegExp =
  /^(?:|lower|upper|btrim|array_agg|unnest|max|min|sum|bool_or|bool_and|every)$/;

/** The value of a call that asks of no row. */
export function wayOfCall(node: Node, place: Place): Way {
  return (isUnread(node, place) ? unread(node, place)[0] : undefined) ?? nothing;
}

/** Of a query that is too deep to be read. */
export function unreadRows(select: SelectStmt, { scope }: Place): readonly Rows[] {
  return [{ way: withUnmet(nothing, exists(select), scope), columns: new Map() }];
}

/** Other rows may be before these, or count as well. */
export function notAlone(select: SelectStmt, scope: Scope): readonly Way[] {
  return select.limitOffset === undefined && !isExtreme(select.targetList)
    ? [nothing]
    : [withUnmet(nothing, exists(select), scope)];
}

/** Rows of UNION are those of either side; of INTERSECT and EXCEPT it is not known whether the other side has them. */
export function combinedRows(
  select: SelectStmt,
  all: readonly (readonly Rows[])[],
  place: Place,
): readonly Rows[] {
  if (select.op === "SETOP_UNION") return all.flat();
  const [left = []] = all;
  return left.map(({ way, columns }) => ({ way: withUnmet(way, exists(select), place.scope), columns }));
}

/** Of IS NOT TRUE and the like also that the argument is NULL. */
export function orNull(
  test: BooleanTest,
  holds: boolean,
  waysIf: (isTrue: boolean) => readonly Way[],
  place: Place,
): readonly Way[] {
  const type = test.booltesttype ?? "";
  const ways = waysIf(/IS_(?:NOT_FALSE|TRUE)/.test(type));
  const node: Node = { BooleanTest: test };
  return /IS_NOT_/.test(type) === holds
    ? fewest([...ways, ...unmetBy(wanted(node, holds), place)], place)
    : ways;
}

/** Two rows, or one and the persona: which need not be equal to be more, or less. */
export function needNotBeEqual(...sides: readonly (Operand | undefined)[]): boolean {
  return sides.every((one) => one?.kind === "slot" || one?.kind === "persona");
}

/** A row's value and the persona's are not equal in any row of others. */
export function isOfOthers(...sides: readonly (Operand | undefined)[]): boolean {
  return ["slot", "persona"].every((kind) => sides.some((one) => one?.kind === kind));
}

export function withUnmet(way: Way, node: Node, scope: Scope): Way {
  return { ...way, unmet: [...way.unmet, { node, scope }] };
}

export function named(node: Node, ways: readonly Way[]): readonly Way[] {
  return ways.map((one) => (one.items.length > 0 ? { ...one, sql: show(node) } : one));
}

export function together(all: readonly (readonly Way[])[], place: Place): readonly Way[] {
  return all.reduce(
    (ways, more) =>
      fewest(
        ways.flatMap((one) => more.map((other) => joinedWays(one, other))),
        place,
      ),
    [nothing],
  );
}

/** Of too many ways those that others' rows could open. */
export function fewest(ways: readonly Way[], place: Place): readonly Way[] {
  return ways.length <= wayLimit ? ways : othersFirst(ways, place, (one) => one).slice(0, wayLimit);
}

function othersFirst<T>(all: readonly T[], { reading }: Place, wayOf: (one: T) => Way): readonly T[] {
  const ofPersona = new Set(all.filter((one) => isOfPersona(wayOf(one), reading)));
  return [...all.filter((one) => !ofPersona.has(one)), ...all.filter((one) => ofPersona.has(one))];
}

/** Only rows that name the persona, or what it holds, open it; where it is asked for its role, others' do. */
function isOfPersona(way: Way, reading: Reading): boolean {
  return questionsOfWho(way, reading, false).some(
    (one) => one === undefined || !/role|_user|claims/i.test(one.sql),
  );
}

/** With what of the persona rows are compared; `undefined`: it cannot be asked apart from them. */
export function questionsOfWho(
  { equal: pairs, unmet }: Way,
  reading: Reading,
  /** What only the row itself holds of the persona is any row's to hold. */
  ofRowToo = true,
): readonly (Question | undefined)[] {
  const compared = tied(pairs).flatMap(({ slots, columns, persona: asked }) =>
    slots.length > 0 || (ofRowToo && columns.length > 0) ? asked : [],
  );
  return [...compared, ...unmet.flatMap(({ node }) => sessionParts(node, reading))];
}

/** The largest parts that ask who the persona is, and read no row. */
function sessionParts(node: Node, reading: Reading): readonly (Question | undefined)[] {
  const found: (Question | undefined)[] = [];
  walk(node, (one) => {
    // What a node holds is no node, and no expression.
    const [tag = ""] = Object.keys(one);
    if (!/^[A-Z]/.test(tag) || tag === "List") return true;
    if (!asksSession(one, reading)) return false;
    const isQuery = part(one, "SubLink") !== undefined;
    if (!isQuery && (readsRow(one) || outerNames(one).length > 0)) return true;
    found.push(isQuery ? undefined : questionOf(one, { reading, actor: persona }));
    return false;
  });
  return found;
}

/** Of several ways those by which others' rows would do come first; which one of them, the place says. */
export function chosen(all: readonly Rows[], place: Place): Rows | undefined {
  if (all.length <= 1) return all[0];
  const { alternatives } = place;
  alternatives.most = Math.max(alternatives.most, all.length);
  const sorted = othersFirst(all, place, ({ way }) => way);
  return sorted[alternatives.choice] ?? sorted[0];
}

/** Is what is compared made of a column by a function (`upper(s.name)`), so that an equal value need not meet it? */
export function isMade(node: Node, { reading: { schema } }: Place): boolean {
  return callsIn(node).some((name) => schema.namesakes(name).length === 0);
}

/** Functions that are called with something that is read, but for those within subqueries. */
function callsIn(node: Node): readonly string[] {
  const names: string[] = [];
  walk(node, (one) => {
    const call = part(one, "FuncCall");
    if (call !== undefined && (call.agg_star === true || readsRow(one) || outerNames(one).length > 0))
      names.push(stringOf(call.funcname?.at(-1)));
    return part(one, "SubLink") === undefined;
  });
  return names;
}

export function onlyColumn({ columns }: Rows): Operand | undefined {
  return columns.size === 1 ? [...columns.values()][0] : undefined;
}

/** One row's value need not be the least, the greatest or the sum of all. */
function isExtreme(targets: readonly Node[] | undefined): boolean {
  let found = false;
  walk(targets, (one) => {
    found ||= /^(?:min|max|sum)$/.test(stringOf(part(one, "FuncCall")?.funcname?.at(-1)));
  });
  return found;
}

/** A generated column holds what is made of others. */
function isGenerated({ relation }: Item, column: string): boolean {
  return relation.columns.some(({ name, generated }) => generated && name === column);
}

export function slotOf(item: Item, column: string): Operand {
  return { kind: "slot", slot: { item, column } };
}

/** What a column of a FROM item holds; `undefined`: that is not known. */
export function operandIn(item: Item | Rows, name: string): Operand | undefined {
  if ("relation" in item) return isGenerated(item, name) ? undefined : slotOf(item, name);
  return item.columns.has(name) ? item.columns.get(name) : onlyColumn(item);
}

/** What `*` stands for. */
export function allColumns(
  scope: Scope,
  of: string | undefined,
): readonly {
  readonly name: string;
  readonly value: { readonly operand: Operand; readonly way: Way } | undefined;
}[] {
  return [...scope].flatMap(([alias, item]) => {
    if ((of !== undefined && of !== alias) || alias.startsWith(queryName(""))) return [];
    const names =
      "relation" in item ? item.relation.columns.map(({ name }) => name) : [...item.columns.keys()];
    return names.map((name) => {
      const operand = operandIn(item, name);
      return { name, value: operand && { operand, way: nothing } };
    });
  });
}

/** No FROM item can have that name. */
export function queryName(name: string | undefined): string {
  return `with ${name ?? ""}`;
}

export const isTrue: Operand = { kind: "constant", value: "true" };

/** For each table that the function reads a row with an argument in each column of its type; without arguments it is not known what would do. */
export function guessed(call: FuncCall, operands: readonly Operand[], place: Place): readonly Way[] {
  const { reaches, schema } = place.reading;
  const columns = operands.flatMap((one) => (one.kind === "column" ? [one] : []));
  if (columns.length === 0) return unread({ FuncCall: call }, place);
  const names = reaches.of({ FuncCall: call }).relations;
  const ways = [...schema.relations].flatMap((relation) => {
    if (!names.has(`${relation.schema}.${relation.name}`) || !isTable(relation)) return [];
    const item: Item = { relation };
    const all = relation.columns.flatMap((one) =>
      one.base === "boolean" ? [[slotOf(item, one.name), isTrue] as const] : [],
    );
    return relation.columns
      .filter(({ base }) => base !== "boolean")
      .slice(0, 4)
      .flatMap(({ name }) =>
        columns.map(
          (column): Way => ({
            ...nothing,
            items: [item],
            equal: [[slotOf(item, name), column], ...all],
            guess: true,
          }),
        ),
      );
  });
  return ways.length === 0 ? [nothing] : ways.slice(0, 8);
}

/** A column that may not be NULL. */
export function isNeverNull(operand: Operand | undefined): boolean {
  if (operand?.kind !== "slot") return false;
  const { item, column } = operand.slot;
  return item.relation.columns.some((one) => one.name === column && one.notNull && !one.nullInChildren);
}

/** `nullif(s.usr, '0000…')`: the value, and what is NULL in its place. */
export function unlessSentinel(node: Node): readonly [value: Node | undefined, sentinel: Node | undefined] {
  const { kind, lexpr, rexpr } = part(node, "A_Expr") ?? {};
  return kind === "AEXPR_NULLIF" ? [lexpr, rexpr] : [node, undefined];
}
