import { grouped } from "../lib/grouped.ts";
import type { RelationOperation } from "../model/matrix.ts";
import { expectationOf, type Proposal } from "./proposal.ts";

type ByPersona = ReadonlyMap<string, ReadonlyMap<RelationOperation, Proposal>>;

const ordinary = ["select", "insert", "update", "delete"] as const;
/** What an operation that is not listed follows. */
const followed = [
  ["blind_update", "update"],
  ["blind_delete", "delete"],
  ["upsert", "update"],
] as const;

/** What is said of several operations alike is said once; everything allowed is one word. */
export function expectationsOf(
  operations: ReadonlyMap<RelationOperation, Proposal>,
  expires: string,
): unknown {
  const each = new Map<string, unknown>(
    [...operations].map(([operation, one]) => [operation, expectationOf(operation, one, expires)]),
  );
  for (const [follower, leader] of followed)
    if (each.has(follower) && follows(each.get(follower), each.get(leader), follower)) each.delete(follower);
  const shared = sharedValue(each);
  if (shared === undefined) return Object.fromEntries(each);
  const others = [...each].filter(
    ([operation, one]) => !ordinary.some((usual) => usual === operation) || !isSame(one, shared),
  );
  const denied = ordinary.filter((one) => !each.has(one)).map((one) => [one, "deny"] as const);
  if (others.length + denied.length === 0) return shared;
  return { "*": shared, ...Object.fromEntries([...others, ...denied]) };
}

/** The value that two operations or more have in common, where `'*'` may say it. */
function sharedValue(each: ReadonlyMap<string, unknown>): unknown {
  const values = ordinary.filter((one) => each.has(one)).map((one) => each.get(one));
  const counted = values
    .map((one) => ({ one, count: values.filter((other) => isSame(one, other)).length }))
    .filter(
      ({ one }) =>
        typeof one !== "object" || one === null || !("check" in one || "may_become" in one || "names" in one),
    );
  const most = counted.toSorted((a, b) => b.count - a.count)[0];
  const least = typeof most?.one === "string" ? ordinary.length : 2;
  // An INSERT has no row set.
  const isLeft = isRows(most?.one) && each.has("insert") && isSame(each.get("insert"), most?.one);
  return most !== undefined && most.count >= least && !isLeft ? most.one : undefined;
}

function isRows(value: unknown): boolean {
  return typeof value === "object"
    ? value !== null && "rows" in value
    : value !== "allow" && value !== "deny";
}

/** Only what is waived: what is not would have passed without a line of its own. */
function follows(value: unknown, leader: unknown, follower: string): boolean {
  if (typeof value !== "object" || value === null || !("waive" in value)) return false;
  // Where every row may be updated, an upsert that is not listed is no cell.
  if (typeof leader !== "object" || leader === null || (follower === "upsert" && !isRows(leader)))
    return false;
  return isSame(value, { ...leader, check: undefined });
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** What is expected of some personas. */
export interface Said {
  readonly who: readonly string[];
  readonly said: object;
}

/** Of personas that agree in everything, once. */
export function saidByPersona(by: ByPersona, expires: string): readonly Said[] {
  return together(
    [...by].map(([persona, operations]) => [persona, marked(expectationsOf(operations, expires))]),
  );
}

/**
 * What several personas agree in is said of them together, and what else each may do beside it. `undefined`: some of it covers
 * operations that it does not name.
 */
export function saidByOperation(by: ByPersona, expires: string): readonly Said[] | undefined {
  const whole: [string, object][] = [];
  const each: [string, [string, unknown]][] = [];
  for (const [persona, operations] of by) {
    const said = expectationsOf(operations, expires);
    if (typeof said !== "object" || said === null) whole.push([persona, marked(said)]);
    else if ("*" in said) return undefined;
    else each.push(...Object.entries(said).map((one): [string, [string, unknown]] => [persona, one]));
  }
  const alike = grouped(together(each), ({ who }) => JSON.stringify(who));
  return [
    ...[...alike.values()].map((ones) => ({
      who: ones[0]?.who ?? [],
      said: marked(Object.fromEntries(ones.map(({ said }) => said))),
    })),
    ...together(whole),
  ];
}

function together<T extends object>(
  said: readonly (readonly [string, T])[],
): readonly { readonly who: readonly string[]; readonly said: T }[] {
  return [...grouped(said, ([, one]) => JSON.stringify(one)).values()].flatMap((ones) =>
    ones.slice(0, 1).map(([, one]) => ({ who: ones.map(([persona]) => persona), said: one })),
  );
}

/** A line that a person confirms by deleting the mark. */
export function marked(said: unknown): object {
  if (typeof said === "object" && said !== null) return { observed: true, ...said };
  return said === "allow" || said === "deny"
    ? { observed: true, [said]: true }
    : { observed: true, rows: said };
}
