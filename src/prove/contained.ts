import { type Conjunction, TooManyWays } from "./analyse/conjunction.ts";
import { conjunctionsOf } from "./analyse/conjunctive.ts";
import { isContained, type ValueOf, type Values } from "./analyse/contained.ts";
import type { Condition } from "./analyse/policy.ts";
import type { ProofRelation } from "./analyse/schema.ts";
import type { Closed } from "./analyse/terms.ts";
import { type ActingAs, isError } from "./ask/step.ts";
import type { Context } from "./context.ts";

/**
 * Does the policy let through nothing but what is declared, whatever rows the other tables hold? It is found by what both say alone; no row
 * is asked for. `false`: it is not known.
 */
export async function holdsForAnyTables(context: Context, sides: Sides): Promise<boolean> {
  const said = await saidBy(context, sides);
  return said !== undefined && isContained(said.premises, said.goals, said.values);
}

export interface Sides {
  readonly policy: Condition;
  readonly declared: Condition;
}

/** The policy as what must be there for it, the matrix as what suffices, and what parts that read no row are for each. */
export interface Said {
  readonly premises: readonly Conjunction[];
  readonly goals: readonly Conjunction[];
  readonly values: Values;
}

/** `undefined`: they say too much. */
export async function saidBy(context: Context, { policy, declared }: Sides): Promise<Said | undefined> {
  const premises = known(context, policy, true);
  const goals = known(context, declared, false);
  if (premises === undefined || goals === undefined) return undefined;
  const [premise, goal] = await Promise.all([
    valuesOf(context, context.as, premises),
    valuesOf(context, context.full, goals),
  ]);
  return { premises, goals, values: { premise, goal } };
}

type Taken = readonly Conjunction[] | "too many";

const taken = new WeakMap<ProofRelation, Map<string, Taken>>();

/** The same for every persona. @param weak at least what holds; else at most */
function known(
  { knowledge, space: { relation } }: Context,
  { alias, text, tree }: Condition,
  weak: boolean,
): readonly Conjunction[] | undefined {
  if (tree === undefined) return undefined;
  const all = taken.get(relation) ?? new Map<string, Taken>();
  taken.set(relation, all);
  const key = JSON.stringify([weak, alias, text]);
  const found = all.get(key) ?? read(() => conjunctionsOf(tree, relation, knowledge, weak));
  all.set(key, found);
  return found === "too many" ? undefined : found;
}

function read(make: () => readonly Conjunction[]): Taken {
  try {
    return make();
  } catch (error) {
    if (error instanceof TooManyWays) return "too many";
    throw error;
  }
}

async function valuesOf({ session }: Context, as: ActingAs, all: readonly Conjunction[]): Promise<ValueOf> {
  const closed = new Set(all.flatMap(({ literals }) => literals.flatMap(closedIn)));
  const values = new Map<Closed, ReturnType<ValueOf>>();
  await Promise.all(
    [...closed].map(async (one) => {
      const [value, type] = await Promise.all([
        // Of a set there may be several: then it is an error.
        session.ask(as, `select (select ${one.sql})::text`),
        session.ask(as, `select pg_catalog.pg_typeof((select ${one.sql}))::text`),
      ]);
      if (isError(value) || isError(type) || !("value" in value) || !("value" in type)) return;
      values.set(one, { value: value.value, type: type.value ?? "unknown" });
    }),
  );
  return (one) => values.get(one);
}

function closedIn(literal: Conjunction["literals"][number]): readonly Closed[] {
  if (literal.kind === "written") return literal.closed;
  if (literal.kind === "settled") return [literal.closed];
  const sides = literal.kind === "null" ? [literal.of] : literal.sides;
  return sides.flatMap((one) => (one.kind === "closed" ? [one.closed] : []));
}
