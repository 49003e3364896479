import type { Node } from "libpg-query";
import type { ProofAnswer } from "../model/proof.ts";
import { printedCondition } from "./analyse/policy.ts";
import { tokenPartsOf, type TokenParts } from "./analyse/token-parts.ts";
import { show } from "./analyse/tree.ts";
import type { Row } from "./ask/evaluate.ts";
import { type ActingAs, isError } from "./ask/step.ts";
import { undecided } from "./compared.ts";
import type { Context } from "./context.ts";
import { contrast } from "./contrast.ts";
import { growsWith, holds, type Proved, type Value, type Values, withParts } from "./variants.ts";

type Undecided = Extract<ProofAnswer, { kind: "undecided" }>;

interface FreePart {
  readonly tree: Node;
  /** What no token makes of it that was asked. */
  readonly values: readonly Value[];
}

/**
 * What the token alone decides (`lower(claim) = 'x'`, `not (claims ? 'org')`, a hash) some token may make true, or false. Where no persona's
 * does, nor one that was asked, and the policy would let more through, the proof does not hold for it.
 * @param asked the personas' tokens, and those with which nothing opened
 */
export async function openedByParts(
  context: Context,
  proved: Proved,
  asked: readonly ActingAs[],
): Promise<Undecided | undefined> {
  const { policy } = proved;
  if (policy.tree === undefined) return undefined;
  const { tree, parts } = partsOf(policy.tree, context);
  const free: FreePart[] = [];
  for (const one of parts) {
    const values = await valuesOfNone(context, one, growsWith(tree, new Set([one])) === 1, asked);
    if (values.length > 0) free.push({ tree: one, values });
  }
  const ways = free.flatMap((one) => one.values.map((value) => new Map([[one.tree, value]])));
  const most = new Map(free.map((one) => [one.tree, one.values[0] ?? null]));
  for (const way of free.length > 1 ? [...ways, most] : ways) {
    const opened = await opensWith(context, proved, tree, way);
    if (opened !== undefined) return openedWith(way, opened);
  }
  return undefined;
}

const known = new WeakMap<Node, Map<ReadonlySet<string>, TokenParts>>();

/** The same for each persona. */
function partsOf(tree: Node, { knowledge, heldClaims }: Context): TokenParts {
  const ofTree = known.get(tree) ?? new Map<ReadonlySet<string>, TokenParts>();
  known.set(tree, ofTree);
  const parts = ofTree.get(heldClaims) ?? tokenPartsOf(tree, knowledge, heldClaims);
  ofTree.set(heldClaims, parts);
  return parts;
}

async function valuesOfNone(
  { session }: Context,
  tree: Node,
  grows: boolean,
  asked: readonly ActingAs[],
): Promise<readonly Value[]> {
  const sql = `select ${printedCondition(tree).text}::text`;
  const held = await Promise.all(
    asked.map(async (one) => {
      const answer = await session.ask(one, sql);
      return isError(answer) || !("value" in answer) ? undefined : answer.value;
    }),
  );
  const all: readonly Value[] = grows ? [true] : [true, false, null];
  return all.filter((one) => !held.includes(one === null ? null : String(one)));
}

/**
 * The tokens of the personas of the role, in sessions such as this one: the same names are set, since those that were never set must stay
 * so. What no persona brings (a path, a search_path) is as it is here.
 */
export function tokensOfRole({ as, personas }: Context): readonly ActingAs[] {
  const names = new Set(as.settings.map(([name]) => name));
  const brought = new Set(personas.flatMap(({ settings }) => settings.map(([name]) => name)));
  const others = personas
    .filter(({ role, settings }) => role === as.role && settings.every(([name]) => names.has(name)))
    .map((one): ActingAs => {
      const held = new Map(one.settings);
      const settings = as.settings.map(
        ([name, own]) => [name, held.get(name) ?? (brought.has(name) ? "" : own)] as const,
      );
      return { ...as, settings };
    });
  return [as, ...others];
}

/** A row that is let through, or none that is known; `undefined`: the proof holds. */
async function opensWith(
  context: Context,
  { declared, storable }: Proved,
  tree: Node,
  way: Values,
): Promise<Opened | undefined> {
  const policy = printedCondition(withParts(tree, way));
  if (await holds(context, { policy, declared, storable, both: false, allowed: false })) return undefined;
  const { more } = await contrast(context, policy, declared, false, storable);
  return { row: more[0] };
}

interface Opened {
  readonly row: Row | undefined;
}

function openedWith(way: Values, { row }: Opened): Undecided {
  const what = [...way].map(([tree, value]) => `${show(tree)} is ${value === null ? "null" : String(value)}`);
  return undecided(
    `for a token with which ${what.join(" and ")}, as it is with none of a persona of that role, the policies may let through ${row === undefined ? "more" : JSON.stringify(row)}, and the matrix does not`,
    "a persona with such claims, or a waiver with a reason",
  );
}
