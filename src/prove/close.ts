import type { Node } from "libpg-query";
import { doubt, type Doubt, settledBy } from "./analyse/doubt.ts";
import { printedCondition } from "./analyse/policy.ts";
import type { Atom } from "./analyse/recorder.ts";
import { replace, show } from "./analyse/tree.ts";
import { isEnumerable } from "./analyse/types.ts";
import type { ForeignKeyUse } from "../model/proof.ts";
import type { Assignment, Case } from "./ask/evaluate.ts";
import { type Product, productOf } from "./ask/product.ts";
import { type Closed, columnsOf, type Compared, openAtoms, truthsOf, undecided } from "./compared.ts";
import type { Context } from "./context.ts";
import { asOneFact, type Fact, inParts, mayHaveParts, type ReadsFacts } from "./facts.ts";

/** Step 9: is the set of rows complete? */
export async function closed(
  context: Context,
  sides: readonly [Compared, Compared],
  product: Product,
  truths: readonly (readonly string[])[],
  both: boolean,
): Promise<Closed> {
  const volatile = sides.flatMap(({ tree }) => [...context.knowledge.reach(tree).volatile]);
  if (volatile[0] !== undefined)
    return undecided(volatile[0], "a policy whose answer is the same each time it is asked");
  const incomplete = new Set(product.incomplete);
  const open = await openAtoms(sides, product);
  const keyed = open.filter((atom) => boundByKeys(context, product, atom));
  const left = open
    .filter((atom) => !keyed.includes(atom))
    .map((atom) =>
      atom.doubts.length === 0 && [...atom.columns].some((name) => incomplete.has(name))
        ? ofType(atom)
        : atom,
    );
  const keys = keysOf(context, keyed);
  if (left.length > 0) {
    const whole = await withFreeVariables(context, sides, { left, keys, both, read: asOneFact });
    if (whole.kind === "proved") return whole;
    if (!left.some(({ tree }) => mayHaveParts(tree, context.space.relation))) return whole;
    const parts = await withFreeVariables(context, sides, { left, keys, both, read: inParts });
    return parts.kind === "proved" ? parts : whole;
  }
  if (product.trimmed) return tooMany(product);
  if (truths.some((one) => one.includes("E"))) {
    const raising = product.rows[truths.map((one) => one.indexOf("E")).find((index) => index >= 0) ?? 0];
    return undecided(
      `the expression raises an error for ${JSON.stringify(raising)}`,
      "a policy that compares without casting what a row may hold",
    );
  }
  return { kind: "proved", by: "critical-values", keys };
}

/** No value of the column's type is known that is compared with nothing. */
function ofType(atom: Atom): Atom {
  return { ...atom, doubts: [doubt("type", atom.tree)] };
}

function tooMany({ columns }: Product): Closed {
  const counts = [...columns].map(([name, { values }]) => `${name} ${values.length}`).join(", ");
  return undecided(
    `too many combinations of values to try (${counts})`,
    "fewer columns in one policy, or several policies",
  );
}

/** All values that a foreign key, an enum or a boolean lets the columns hold were tried. */
function boundByKeys({ space }: Context, { columns }: Product, atom: Atom): boolean {
  return [...atom.columns].every((name) => {
    const column = space.relation.columns.find((one) => one.name === name);
    return (
      column !== undefined &&
      (isEnumerable(column) || space.fixed.has(name) || columns.get(name)?.allKeys === true)
    );
  });
}

function keysOf({ space }: Context, atoms: readonly Atom[]): readonly ForeignKeyUse[] {
  const names = new Set(atoms.flatMap(({ columns }) => [...columns]));
  return space.relation.foreignKeys.flatMap(({ columns, to }) =>
    columns.filter((one) => names.has(one)).map((column) => ({ column, to })),
  );
}

/** Six that may be true, false or NULL. */
const assignmentLimit = 3 ** 6;
const caseLimit = 60_000;

/** What is not decided may be true, false or NULL: if no row differs even then, it does not matter. */
async function withFreeVariables(
  context: Context,
  sides: readonly [Compared, Compared],
  { left, keys, both, read }: LeftOpen,
): Promise<Closed> {
  const variables = new Map<string, Variable>();
  const said = new Map<Node, Node>();
  const nameOf = ({ key, values }: Fact, atom: Atom): string => {
    const known = variables.get(key) ?? { name: `b${variables.size}`, atom, values };
    variables.set(key, known);
    return known.name;
  };
  for (const atom of left) {
    const side =
      sides.find(({ critical }) => critical.atoms.some(({ tree }) => tree === atom.tree)) ?? sides[0];
    const { facts, tree } = await read(context, side.as, atom.tree);
    said.set(atom.tree, tree(facts.map((one) => nameOf(one, atom))));
  }
  const all = [...variables.values()];
  if (all.reduce((count, { values }) => count * values.length, 1) > assignmentLimit)
    return blamed(atomsOf(all));
  const abstracted = sides.map((side) => {
    const tree = replace(side.tree, (node) => said.get(node));
    return {
      ...side,
      tree,
      condition: printedCondition(tree),
      atoms: side.critical.atoms.filter(({ tree: own }) => !said.has(own)),
    };
  });
  if (abstracted.some(({ condition }) => condition.tree === undefined)) return blamed(atomsOf(all));
  const product = await productOf(context.space, abstracted, columnsOf(context, abstracted), false);
  const assignments = assignmentsOf(all);
  const cases = product.rows.flatMap((one) =>
    assignments.map((given): Case => ({ row: one, variables: given })),
  );
  if (product.trimmed || cases.length > caseLimit) return tooMany(product);
  const [policy = [], declared = []] = await truthsOf(
    context,
    abstracted,
    cases,
    all.map(({ name }) => name),
  );
  const bad = cases.filter((_, index) => {
    const [p, d] = [policy[index], declared[index]];
    if (p === "E" || d === "E") return true;
    return (p === "T" && d !== "T") || (both && d === "T" && p !== "T");
  });
  if (bad.length === 0) return { kind: "proved", by: "critical-values", keys };
  const matter = all.filter(({ name }) => bad.every(({ variables: given }) => given?.[name] !== false));
  return blamed(atomsOf(matter.length > 0 ? matter : all));
}

interface LeftOpen {
  readonly left: readonly Atom[];
  readonly keys: readonly ForeignKeyUse[];
  /** Rows that the policy keeps back count as well. */
  readonly both: boolean;
  readonly read: ReadsFacts;
}

interface Variable extends Pick<Fact, "values"> {
  readonly name: string;
  readonly atom: Atom;
}

function atomsOf(variables: readonly Variable[]): readonly Atom[] {
  return [...new Set(variables.map(({ atom }) => atom))];
}

function assignmentsOf(variables: readonly Variable[]): readonly Assignment[] {
  let all: Assignment[] = [{}];
  for (const { name, values } of variables)
    all = all.flatMap((one) => values.map((value) => ({ ...one, [name]: value })));
  return all;
}

/** Names the innermost sub-expression that could not be decided. */
function blamed(atoms: readonly Atom[]): Closed {
  const [atom] = atoms;
  const found: Doubt = atom?.doubts[0] ?? doubt("values", atom?.tree);
  const more = atoms.slice(1).map(({ tree }) => show(tree));
  const because = [found.sql, ...more].join("; ");
  return undecided(because, settledBy[found.kind], found.within);
}
