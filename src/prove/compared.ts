import type { Node } from "libpg-query";
import type { Condition } from "./analyse/policy.ts";
import type { Atom, Critical } from "./analyse/recorder.ts";
import { rowColumns } from "./analyse/tree.ts";
import type { ProofAnswer as Answer, ForeignKeyUse } from "../model/proof.ts";
import { type Case, evaluate } from "./ask/evaluate.ts";
import type { Product } from "./ask/product.ts";
import { answeredAtoms, type Answering } from "./ask/represent.ts";
import type { ActingAs } from "./ask/step.ts";
import type { Context } from "./context.ts";

export type Closed =
  | {
      readonly kind: "proved";
      readonly by: "relaxation" | "critical-values";
      readonly keys: readonly ForeignKeyUse[];
    }
  | Extract<Answer, { kind: "undecided" }>;

/** An expression, with all that is needed to evaluate and to understand it. */
export interface Compared {
  readonly condition: Condition;
  readonly tree: Node;
  readonly critical: Critical;
  readonly as: ActingAs;
  /** SQLSTATEs with which it refuses a row. */
  readonly raises?: readonly string[] | undefined;
  readonly answer: Answering;
  readonly readsSelf: (atom: Atom) => boolean;
}

export function undecided(
  because: string,
  toDecide: string,
  within: readonly string[] = [],
): Extract<Answer, { kind: "undecided" }> {
  return { kind: "undecided", because, within, toDecide };
}

export function columnsOf(
  { space }: Pick<Context, "space">,
  sides: readonly { readonly tree: Node; readonly critical: Critical }[],
): readonly string[] {
  const names = new Set<string>();
  for (const { tree, critical } of sides) {
    const read = rowColumns(tree);
    for (const one of read) names.add(one);
    // A function takes the whole row: what it reads of it was found in its body.
    if (read.has("*")) for (const one of critical.columns.keys()) names.add(one);
  }
  return space.relation.columns
    .filter((one) => names.has(one.name) && !one.generated)
    .map(({ name }) => name);
}

export function truthsOf(
  { session, space }: Context,
  sides: readonly Pick<Compared, "as" | "condition" | "raises">[],
  cases: readonly Case[],
  variables: readonly string[] = [],
): Promise<readonly (readonly string[])[]> {
  const { relation } = space;
  return Promise.all(
    sides.map(({ as, condition: { alias, text }, raises = [] }) =>
      evaluate(session, { as, relation, alias, texts: [text], variables, raises }, cases),
    ),
  );
}

/** Atoms that are not decided, or of whose columns some kind of value may be missing. */
export async function openAtoms(
  sides: readonly Compared[],
  { incomplete }: Product,
): Promise<readonly Atom[]> {
  const missing = new Set(incomplete);
  const decided = await Promise.all(
    sides.map(({ critical, answer }) => answeredAtoms(critical.atoms, answer)),
  );
  return sides.flatMap(({ critical }, index) =>
    critical.atoms.filter(
      (atom) => decided[index]?.has(atom) !== true || [...atom.columns].some((name) => missing.has(name)),
    ),
  );
}
