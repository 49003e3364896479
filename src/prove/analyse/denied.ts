import type { Node, SubLink } from "libpg-query";
import { asksSession, type Place, wanted } from "./opener-place.ts";
import { joinedWays, nothing, type Unmet, type Way } from "./ties.ts";
import { outerNames, part, readsRow } from "./tree.ts";
import { withUnmet } from "./way-parts.ts";

// What a condition says is not there: `not exists (…)`.

/** What is not there opens it; where it has nothing to do with the row, rows that are there close it for all rows. */
export function notThere(link: SubLink, place: Place, ways: () => readonly Way[]): readonly Way[] {
  if (place.depth > 0) place.denied?.push(...ways());
  const node: Node = { SubLink: link };
  const ofRow = readsRow(node) || outerNames(node).length > 0;
  return ofRow || asksSession(node, place.reading)
    ? [nothing]
    : [withUnmet(nothing, wanted(node, false), place.scope)];
}

export function absenceOf({ items, unmet }: Way): Unmet | undefined {
  const [first, ...more] = unmet;
  const isOne = items.length === 0 && more.length === 0;
  return isOne && first !== undefined && isAbsence(first.node) ? first : undefined;
}

export function isAbsence(node: Node): boolean {
  const { boolop, args = [] } = part(node, "BoolExpr") ?? {};
  return boolop === "NOT_EXPR" && args[0] !== undefined && part(args[0], "SubLink") !== undefined;
}

/** What such a part lets through by itself, with all other parts as they are. */
export function absencesIn(ways: readonly Way[]): readonly Way[] {
  return ways.flatMap(({ through }) =>
    through.flatMap((one) =>
      one.absence === undefined ? [] : [{ ...nothing, unmet: [one.absence], through: [one] }],
    ),
  );
}

/** A query's own place, where ways are gathered by which it would lose its rows. */
export function collecting(place: Place): {
  readonly inside: Place;
  readonly denied: Way[];
  /** What it asks of its rows holds of these ways, too: those rows are there. */
  readonly collect: (way: Way | undefined) => void;
} {
  const denied: Way[] = [];
  const inside = place.denied === undefined ? place : { ...place, denied };
  const collect = ({ equal }: Way = nothing): void => {
    place.denied?.push(...denied.map((one) => joinedWays({ ...nothing, equal }, one)));
  };
  return { inside, denied, collect };
}
