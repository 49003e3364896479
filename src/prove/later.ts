import type { Node } from "libpg-query";
import { quoteIdent, quoteLiteral, quoteQualified } from "../lib/sql-text.ts";
import {
  atMoment,
  type Clockwork,
  isNeutral,
  movable,
  type Movable,
  newClockwork,
  onlyCloses,
  sameActor,
} from "./analyse/clock.ts";
import { boolean, fieldsOf, part, replace, show, typeNameOf, walk } from "./analyse/tree.ts";
import { isTemporal } from "./analyse/types.ts";
import { isError, privileged } from "./ask/step.ts";
import { truthsOf } from "./compared.ts";
import { actingFor, type Context, personaAnswers } from "./context.ts";
import { contrast } from "./contrast.ts";
import {
  changed,
  holds,
  type Known,
  type Outside,
  readsOwn,
  type Value,
  waysOf,
  withParts,
} from "./variants.ts";

/** Conditions with clocks that can be moved, and who evaluates the policy then. */
export interface Moving {
  readonly context: Context;
  readonly parts: ReadonlyMap<Node, Movable>;
}

/** Of SECURITY DEFINER functions only where one owner can evaluate the whole policy. */
export async function movingOf(context: Context, proved: Known, timed: readonly Outside[]): Promise<Moving> {
  const { knowledge, session, space } = context;
  const parts = new Map(
    timed.flatMap(({ tree, token }) => {
      const one = token ? undefined : movable(tree, space.relation, knowledge);
      return one === undefined ? [] : [[tree, one] as const];
    }),
  );
  const inPolicy = new Set<Node>();
  walk(proved.policy.tree, (node) => void inPolicy.add(node));
  const owned = [...parts].flatMap(([tree, { actor }]) =>
    actor !== undefined && inPolicy.has(tree) ? [{ tree, actor }] : [],
  );
  const [first] = owned;
  let as = context;
  if (first !== undefined) {
    const rest = replace(proved.policy.tree, (node) =>
      owned.some(({ tree }) => tree === node) ? boolean(true) : undefined,
    );
    if (isNeutral(rest, knowledge) && owned.every(({ actor }) => sameActor(actor, first.actor))) {
      const owner = actingFor(context.as, first.actor);
      as = { ...context, as: owner, answer: personaAnswers(session, owner) };
    } else for (const { tree } of owned) parts.delete(tree);
  }
  return (await isSame(as, context, proved, parts)) ? { context: as, parts } : { context, parts: new Map() };
}

/** Bodies in the place of calls must say at this moment what the calls say. */
async function isSame(
  owner: Context,
  context: Context,
  proved: Known,
  parts: Moving["parts"],
): Promise<boolean> {
  if ([...parts].every(([tree, one]) => show(tree) === show(one.tree))) return true;
  const now = changed(proved, (tree) => withParts(tree, new Map(), parts));
  const { rows } = await contrast(owner, now.policy, now.declared, false, proved.storable);
  const sides = [
    { as: context.as, condition: proved.policy, raises: context.raises },
    { as: owner.as, condition: now.policy, raises: context.raises },
    { as: privileged, condition: proved.declared },
    { as: privileged, condition: now.declared },
  ];
  const [policy = [], policyNow = [], declared = [], declaredNow = []] = await truthsOf(
    context,
    sides,
    rows.map((row) => ({ row })),
  );
  return rows.every(
    (_, index) => policy[index] === policyNow[index] && declared[index] === declaredNow[index],
  );
}

const variantLimit = 200;
/** Where a relation reads itself, its rows are put in one by one for each of these. */
const selfLimit = 8;

export async function opensLater(
  proved: Known,
  free: readonly Outside[],
  { context, parts }: Moving,
): Promise<boolean> {
  const ways = await waysOf(context, proved, free);
  const now = (ways?.length === 0 ? [new Map<Node, Value>()] : (ways ?? [])).map((values) =>
    changed(proved, (tree) => withParts(tree, values, parts)),
  );
  const [any] = now;
  if (any?.policy.tree === undefined || any.declared.tree === undefined) return true;
  const steady = !context.knowledge.reach(any.declared.tree).readsTime;
  if (steady && !proved.both && onlyCloses(any.policy.tree)) return false;
  const trees = [any.policy.tree, any.declared.tree];
  const moments = await momentsAhead(
    context,
    trees,
    newClockwork([...parts.values()].map(({ clockwork }) => clockwork)),
  );
  const limit = trees.some((one) => readsOwn(context, one)) ? selfLimit : variantLimit;
  if (moments === undefined || moments.length * now.length > limit) return true;
  const held = await Promise.all(
    moments.flatMap((moment) =>
      now.map((one) =>
        holds(
          context,
          changed(one, (tree) => atMoment(tree, moment)),
        ),
      ),
    ),
  );
  return held.includes(false);
}

/** The first and the last in which a day begins. */
const farZones = ["Pacific/Kiritimati", "Etc/GMT+12"] as const;

/** One for each other distance from Greenwich that a zone of today has: hours and minutes may be printed by it. */
const allZones: readonly string[] = [
  ...farZones,
  ...Array.from({ length: 25 }, (_, index) => `Etc/GMT${index < 12 ? `+${11 - index}` : `-${index - 11}`}`),
  ..."America/St_Johns Pacific/Marquesas Asia/Tehran Asia/Kabul Asia/Kolkata Asia/Kathmandu Asia/Yangon Australia/Eucla Australia/Darwin Australia/Lord_Howe Pacific/Chatham".split(
    " ",
  ),
];

/** Would it be no proof in a session of another time zone? Dates are compared with moments by it. */
export async function opensElsewhere(context: Context, proved: Known): Promise<boolean> {
  const { knowledge, space } = context;
  const { relations, readsTime, namesMoments, printsMoments } = knowledge.reach(proved.policy.tree);
  const read = [...knowledge.schema.relations].filter(({ schema, name }) =>
    relations.has(`${schema}.${name}`),
  );
  const moments = new Set(
    [space.relation, ...read].flatMap(({ columns }) => columns.filter(isTemporal).map(({ name }) => name)),
  );
  const isMoment = (node: Node): boolean => moments.has(fieldsOf(node)?.at(-1) ?? "");
  let dated = readsTime || namesMoments || printsMoments;
  let printed = printsMoments;
  walk(proved.policy.tree, (node) => {
    // Whether a column is NULL is the same in each zone.
    if (fieldsOf(part(node, "NullTest")?.arg) !== undefined) return false;
    dated ||= isMoment(node);
    const text = /^(?:text|varchar|bpchar|name)$/.test(typeNameOf(node))
      ? part(node, "TypeCast")?.arg
      : undefined;
    printed ||=
      text !== undefined && (isMoment(text) || /^(?:timestamptz?|timetz|date)$/.test(typeNameOf(text)));
    return true;
  });
  if (!dated) return false;
  const held = await Promise.all(
    (printed ? allZones : farZones).map((zone) => {
      const within = ({ role, settings }: Context["as"]): Context["as"] => ({
        role,
        settings: [...settings, ["timezone", zone]],
      });
      const as = within(context.as);
      const answer = personaAnswers(context.session, as);
      return holds({ ...context, as, answer, full: within(context.full) }, proved);
    }),
  );
  return held.includes(false);
}

/** More moments than these are not asked one by one. */
const momentLimit = 60;

/**
 * Moments to come, one for each stretch of time in which all comparisons with the clock have the same answers, the tables as they are;
 * `undefined`: too many, or some that are not known.
 */
async function momentsAhead(
  { session, knowledge }: Context,
  trees: readonly Node[],
  { moments, intervals, zones, days }: Clockwork,
): Promise<readonly string[] | undefined> {
  const read = new Set(trees.flatMap((one) => [...knowledge.reach(one).relations]));
  const columns = [...knowledge.schema.relations]
    .filter(({ schema, name }) => read.has(`${schema}.${name}`))
    .flatMap((relation) =>
      relation.columns
        .filter(isTemporal)
        .map(({ name }) => ({ of: quoteQualified(relation), column: quoteIdent(name) })),
    );
  const stamps = columns.flatMap(({ of, column }) => [
    `select ${column}::timestamptz from ${of}`,
    ...[...zones].map((zone) => `select ${column}::timestamp at time zone ${quoteLiteral(zone)} from ${of}`),
  ]);
  const constants = [...moments].flatMap((one) => [
    `select ${quoteLiteral(one)}::timestamptz`,
    ...[...zones].map((zone) => `select ${quoteLiteral(one)}::timestamp at time zone ${quoteLiteral(zone)}`),
  ]);
  const known = ["select pg_catalog.now() + interval '1 day'", ...stamps, ...constants].join(" union ");
  const spans = [...intervals].flatMap((one) => [one, `-(${one})`]);
  const steps = ["interval '0'", ...spans.map((one) => spanSql(one))].map((one) => `(${one})`).join(", ");
  // A month later is not the same number of days later.
  const sure = [...intervals].some((one) => /mon|year|dec|cent|mil/i.test(one)) ? 3 : 0;
  const near = ["0", "1 microsecond", ...(days ? ["1 day"] : []), ...(sure > 0 ? ["-3 days", "3 days"] : [])];
  const sql =
    `select coalesce(pg_catalog.json_agg(v::text), '[]')::text from (select distinct v from (${known}) as k(t), ` +
    `(values ${steps}) as a(d), (values ${steps}) as b(d), pg_catalog.unnest(array[${near.map(quoteLiteral).join(", ")}]::interval[]) as n(d), ` +
    `lateral (select t + a.d + b.d + n.d${days ? " union select pg_catalog.date_trunc('day', t + a.d + b.d + n.d)" : ""}) as x(v) ` +
    `where pg_catalog.isfinite(t) and v > pg_catalog.now() union select pg_catalog.now() + interval '100 years' order by 1 limit ${momentLimit + 1}) as f(v)`;
  const answer = await session.ask(privileged, sql);
  if (isError(answer) || !("value" in answer) || answer.value === null) return undefined;
  const found = JSON.parse(answer.value) as readonly string[];
  return found.length > momentLimit ? undefined : found;
}

function spanSql(span: string): string {
  return span.startsWith("-(")
    ? `-interval ${quoteLiteral(span.slice(2, -1))}`
    : `interval ${quoteLiteral(span)}`;
}
