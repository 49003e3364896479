import type { Node } from "libpg-query";
import type { ProofAnswer } from "../model/proof.ts";
import { printedCondition } from "./analyse/policy.ts";
import { isOfTokenAlone } from "./analyse/token-parts.ts";
import { type TokenLookup, tokenLookupsOf, withCondition } from "./analyse/token-lookups.ts";
import { cast, joined, literal, replace, show } from "./analyse/tree.ts";
import { type ActingAs, isError } from "./ask/step.ts";
import { undecided } from "./compared.ts";
import type { Context } from "./context.ts";
import { holds, type Proved } from "./variants.ts";

/**
 * A claim that picks out rows of another table by what is no comparison of one claim with one column (a text put together of two, two
 * columns at once, a list). What the rows would open that no token picks out which was asked, some token may open.
 * @param asked the personas' tokens, and those with which nothing opened
 */
export async function openedByLookups(
  context: Context,
  { policy, declared, storable }: Proved,
  asked: readonly ActingAs[],
): Promise<Extract<ProofAnswer, { kind: "undecided" }> | undefined> {
  const { tree } = policy;
  if (tree === undefined) return undefined;
  const { knowledge, heldClaims } = context;
  const isOfClaims = (node: Node): boolean => isOfTokenAlone(node, knowledge, heldClaims);
  for (const one of tokenLookupsOf(tree, declared.tree, knowledge, isOfClaims)) {
    const picked = await Promise.all(asked.map((token) => conditionFor(context, one, token)));
    const others: Node = { BoolExpr: { boolop: "NOT_EXPR", args: [joined("OR_EXPR", picked)] } };
    const freed = printedCondition(
      replace(tree, (node) => (node === one.tree ? withCondition(one, others) : undefined)),
    );
    if (await holds(context, { policy: freed, declared, storable, both: false, allowed: false })) continue;
    return undecided(
      `for a token with which ${show(one.condition)} is true of other rows than with a token of a persona of that role, the policies may let through more, and the matrix does not`,
      "a persona with such claims, or a waiver with a reason",
    );
  }
  return undefined;
}

/** Is it true of a row, with the values that the token gives it? */
async function conditionFor({ session }: Context, one: TokenLookup, token: ActingAs): Promise<Node> {
  const values = new Map<Node, Node>();
  for (const claim of one.claims) {
    const { text } = printedCondition(claim);
    const answer = await session.ask(
      token,
      `select pg_catalog.json_build_array(${text}::text, pg_catalog.pg_typeof(${text})::text)::text`,
    );
    // A token with which it raises picks out nothing.
    if (isError(answer) || !("value" in answer) || answer.value === null) return literal(null, "boolean");
    const [value, type] = JSON.parse(answer.value) as [string | null, string];
    values.set(claim, cast(literal(value), type));
  }
  const condition = replace(one.condition, (node) => values.get(node));
  return { BooleanTest: { booltesttype: "IS_TRUE", arg: condition } };
}
