import { pairsOf, ranks, type Written } from "./step.ts";
import type { Value, Values } from "./values.ts";
import type { Actor, Subject } from "./world.ts";

/** Pairs of constants, and of a constant and another relation's value; columns that one text names. */
const pairsAtMost = 40;
const groupsAtMost = 4;

interface Several {
  readonly changed: Written;
  readonly rank: number;
}

/** Values for several columns at once: as a policy may ask for two or more, and as rows of another relation hold what they are compared with. */
export function severalOf(
  values: Values,
  actor: Actor,
  subject: Subject,
  columns: readonly string[],
): readonly Several[] {
  const { compared } = values;
  const pools = columns.map((name) => ({
    name,
    pool: telling(values.of(actor, subject, name)),
    guarded: compared.ofGuarded(actor, subject, name).map((text): Value => ({ text, class: "row" })),
  }));
  const pairs = pools
    .flatMap((a, place) => pools.slice(place + 1).map((b) => [a, b] as const))
    .filter(([a, b]) => compared.areTogether(a.name, b.name));
  const mixed = pairs.flatMap(([a, b]) => [
    ...pairsOf([{ ...a, pool: a.guarded }, b]),
    ...pairsOf([a, { ...b, pool: b.guarded }]),
  ]);
  const groups = pools.map((a) =>
    pools
      .filter((b) => b.pool.length > 0 && (a === b || compared.areTogether(a.name, b.name)))
      .map(
        ({ name, pool }) =>
          [name, (pool.find(({ text }) => text === "true") ?? pool[0])?.text ?? null] as const,
      ),
  );
  const whole = new Map(groups.filter(({ length }) => length > 2).map((one) => [JSON.stringify(one), one]));
  return [
    ...togetherOf(values, actor, subject, columns).map((changed) => ({ changed, rank: ranks.together })),
    ...[...whole.values()]
      .slice(0, groupsAtMost)
      .map((one) => ({ changed: Object.fromEntries(one), rank: ranks.together })),
    ...[...pairs.flatMap(pairsOf).slice(0, pairsAtMost), ...mixed.slice(0, pairsAtMost)].map((changed) => ({
      changed,
      rank: ranks.pairs,
    })),
  ];
}

/** Constants first, and a few values that are far from them. */
function telling(all: readonly Value[]): readonly Value[] {
  return [
    ...all.filter((one) => one.class === "constant").slice(0, 4),
    ...all.filter((one) => one.class === "other").slice(0, 2),
  ];
}

/** As single rows of another relation hold it. A column that decides may be one of several by which a row points to another. */
export function togetherOf(
  { compared }: Values,
  actor: Actor,
  subject: Subject,
  deciding: readonly string[],
): readonly Written[] {
  const points = subject.more.foreignKeys
    .filter(({ columns }) => columns.some((one) => deciding.includes(one)))
    .flatMap(({ columns }) => columns);
  return compared.togetherOfGuarded(actor, subject, [...new Set([...deciding, ...points])]);
}
