import type { Node } from "libpg-query";
import { claimsBehind, claimsRead, isOfSession, isOfToken, shownClaim } from "./analyse/claims.ts";
import { connected } from "./analyse/comparable.ts";
import { always } from "./analyse/policy.ts";
import { show } from "./analyse/tree.ts";
import type { RestsOn } from "../model/proof.ts";
import type { Context } from "./context.ts";
import { movingOf, opensElsewhere, opensLater } from "./later.ts";
import {
  changed,
  holds,
  type Known,
  type Outside,
  type Proved,
  type Values,
  waysOf,
  withParts,
} from "./variants.ts";

/**
 * What a proof rests on besides the policy: claims that no persona holds and the time, where the proof would not hold with other
 * claims or at another time; and the other relations that are read. What ends in time lets nothing more through, and is not named.
 */
export async function restsOn(context: Context, proved: Proved): Promise<RestsOn> {
  const { knowledge, space } = context;
  const trees = [proved.policy, proved.declared].flatMap(({ tree }) => tree ?? []);
  const reach = trees.map((one) => knowledge.reach(one));
  const relations = new Set(reach.flatMap((one) => [...one.relations]));
  relations.delete(`${space.relation.schema}.${space.relation.name}`);
  const byPath = new Set(reach.flatMap((one) => [...one.byPath]));
  return {
    ...(await decidedOutside(context, proved)),
    relations: [...relations].toSorted(),
    ...(byPath.size > 0 && { byPath: [...byPath].toSorted() }),
  };
}

async function decidedOutside(context: Context, proved: Proved): Promise<Pick<RestsOn, "claims" | "time">> {
  const none = { claims: [], time: [] };
  const { policy, declared } = proved;
  if (policy.tree === undefined || declared.tree === undefined) return none;
  const known: Known = {
    ...proved,
    policy: { ...policy, tree: policy.tree },
    declared: { ...declared, tree: declared.tree },
    allowed: declared.text === always(true).text,
  };
  const ofPolicy = outsideOf(context, policy.tree);
  const all = [...ofPolicy, ...outsideOf(context, declared.tree).filter(({ time }) => time)];
  const here = async (): Promise<Pick<RestsOn, "claims" | "time">> =>
    (await opensElsewhere(context, known)) ? { claims: [], time: [anotherZone] } : none;
  if (all.length === 0) return here();
  const timed = all.filter(({ time }) => time);
  const moving = await movingOf(context, known, timed);
  const free = all.filter((one) => one.claims.length > 0 || !moving.parts.has(one.tree));
  // What ends in time lets nothing more through.
  const both =
    proved.both && (known.allowed || !free.some(({ time, claims }) => time || claims.some(isOfSession)));
  const matter = await deciding(context, { ...known, both }, free);
  const claims = matter.flatMap((one) =>
    one.claims.map((claim) => ({ claim: shownClaim(claim), sql: show(one.tree) })),
  );
  const stops = matter.filter((one) => one.claims.length === 0);
  if (matter.length > 0) return { claims, time: [...new Set(stops.map(({ tree }) => show(tree)))] };
  const moved = timed.filter((one) => !free.includes(one));
  if (moved.length === 0) return here();
  const later = await opensLater({ ...known, both: proved.both && known.allowed }, free, moving);
  return later ? { claims: [], time: [...new Set(moved.map(({ tree }) => show(tree)))] } : here();
}

const anotherZone = "the time zone of a session, which a request may ask for,";

const outsides = new WeakMap<Node, Map<string | null, readonly Outside[]>>();

/** The same for every persona of a role. */
function outsideOf(context: Context, tree: Node): readonly Outside[] {
  const byRole = outsides.get(tree) ?? new Map<string | null, readonly Outside[]>();
  outsides.set(tree, byRole);
  const known = byRole.get(context.as.role) ?? outsideParts(tree, context);
  byRole.set(context.as.role, known);
  return known;
}

/** Parts by which it would be no proof, whatever the others are at the same time. */
async function deciding(
  context: Context,
  proved: Known,
  free: readonly Outside[],
): Promise<readonly Outside[]> {
  const ways = await waysOf(context, proved, free);
  if (ways === undefined) return free;
  const open: Values[] = [];
  for (const values of ways)
    if (
      !(await holds(
        context,
        changed(proved, (tree) => withParts(tree, values)),
      ))
    )
      open.push(values);
  if (open.length === 0) return [];
  const alone: Outside[] = [];
  for (const one of free) {
    const only = new Map(free.map(({ tree }) => [tree, tree === one.tree]));
    if (
      !(await holds(
        context,
        changed(proved, (tree) => withParts(tree, only)),
      ))
    )
      alone.push(one);
  }
  return alone.length > 0 ? alone : free;
}

function outsideParts(node: Node, context: Context): readonly Outside[] {
  const inner = connected(node);
  if (inner !== undefined && inner.length > 0) return inner.flatMap((one) => outsideParts(one, context));
  const { knowledge, heldClaims, as } = context;
  const all = [...new Set([...claimsRead(node, knowledge), ...claimsBehind(node, knowledge, as.role)])];
  const claims = all.filter((one) => !heldClaims.has(one) && !isOfToken(one));
  const token = all.some(isOfToken);
  const time = token || knowledge.reaches.of(node).readsTime;
  return claims.length > 0 || time ? [{ tree: node, claims, time, token }] : [];
}
