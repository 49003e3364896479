import type { FuncCall, Node } from "libpg-query";
import type { Reading } from "./inline.ts";
import { asksSession, isTable, type Place } from "./opener-place.ts";
import { type Item, joinedWays, nothing, type Operand, type Rows, type Scope, type Way } from "./ties.ts";
import { outerNames, part, readsRow, show, stringOf, walk } from "./tree.ts";

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
  if (ways.length <= wayLimit) return ways;
  const bound = (one: Way): number => Number(isOfPersona(one, place.reading));
  return ways.toSorted((a, b) => bound(a) - bound(b)).slice(0, wayLimit);
}

/** Only rows that name the persona, or what it holds, open it. */
export function isOfPersona({ equal: pairs, unmet }: Way, reading: Reading): boolean {
  return (
    pairs.some(
      (pair) => pair.some(isPersona) && pair.some(({ kind }) => kind === "slot" || kind === "column"),
    ) || unmet.some(({ node }) => asksSession(node, reading))
  );
}

function isPersona({ kind }: Operand): boolean {
  return kind === "persona";
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
export function isExtreme(targets: readonly Node[] | undefined): boolean {
  let found = false;
  walk(targets, (one) => {
    found ||= /^(?:min|max|sum)$/.test(stringOf(part(one, "FuncCall")?.funcname?.at(-1)));
  });
  return found;
}

/** A generated column holds what is made of others. */
export function isGenerated({ relation }: Item, column: string): boolean {
  return relation.columns.some(({ name, generated }) => generated && name === column);
}

export function slotOf(item: Item, column: string): Operand {
  return { kind: "slot", slot: { item, column } };
}

/** No FROM item can have that name. */
export function queryName(name: string | undefined): string {
  return `with ${name ?? ""}`;
}

export const isTrue: Operand = { kind: "constant", value: "true" };

/** For each table that the function reads a row with an argument in each column of its type. */
export function guessed(call: FuncCall, operands: readonly Operand[], place: Place): readonly Way[] {
  const { reaches, schema } = place.reading;
  const columns = operands.flatMap((one) => (one.kind === "column" ? [one] : []));
  if (columns.length === 0) return [nothing];
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
