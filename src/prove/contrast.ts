import type { Node } from "libpg-query";
import type { Atom, Critical } from "./analyse/critical.ts";
import { doubt, type Doubt, settledBy } from "./analyse/doubt.ts";
import { type Condition, printedCondition } from "./analyse/policy.ts";
import { quoteIdent, quoteQualified } from "../lib/sql-text.ts";
import { columnRef, free, replace, row, rowColumns, show } from "./analyse/tree.ts";
import { isEnumerable } from "./analyse/types.ts";
import { truth } from "./analyse/relax.ts";
import type { Answer, ForeignKeyUse } from "./answer.ts";
import { type Assignment, type Case, evaluate, type Row } from "./ask/evaluate.ts";
import { type Product, productOf } from "./ask/product.ts";
import { answeredAtoms, type Answering, fullSight } from "./ask/represent.ts";
import type { ActingAs } from "./ask/session.ts";
import { type Context, fullAnswers, relaxedValues } from "./context.ts";
import { canonicalAtom } from "./same.ts";

/** A policy against what is declared, over rows that stand for all rows. */
export interface Contrast {
  /** Rows that the policy lets through and the matrix does not. */
  readonly more: readonly Row[];
  readonly less: readonly Row[];
  readonly rows: readonly Row[];
  /** Those to try where the relation reads itself; `undefined`: too many. */
  readonly distinct: readonly Row[] | undefined;
  /** Rows that would differ cannot be, because of rows that are there. */
  readonly besideOthers: boolean;
  /** What it means that no row differs. */
  close(): Promise<Closed>;
}

export type Closed =
  | { readonly kind: "proved"; readonly by: "relaxation" | "critical-values"; readonly keys: readonly ForeignKeyUse[] }
  | Extract<Answer, { kind: "undecided" }>;

interface Compared {
  readonly condition: Condition;
  readonly tree: Node;
  readonly critical: Critical;
  readonly as: ActingAs;
  readonly answer: Answering;
  readonly readsSelf: (atom: Atom) => boolean;
}

export function undecided(because: string, settle: string, within: readonly string[] = []): Extract<Answer, { kind: "undecided" }> {
  return { kind: "undecided", because, within, settle };
}

/** Step 2: no row can be let through, or every row is, whatever the rest of the expression would say. */
export async function relaxedTo(context: Context, tree: Node): Promise<"never" | "always" | undefined> {
  const values = await relaxedValues(context.knowledge.relaxed(tree), context);
  if ((values & truth.true) === 0) return "never";
  return values === truth.true ? "always" : undefined;
}

/**
 * @param both rows that the matrix allows and the policy does not are differences too
 * @param storable rows that a foreign key refuses are none; `beside`: nor are rows whose key another row has
 */
export async function contrast(context: Context, policy: Condition, declared: Condition, both: boolean, storable?: Storable): Promise<Contrast> {
  const { knowledge, space, session, as, answer } = context;
  const { relation } = space;
  const sides = [
    { condition: policy, as, answer },
    { condition: declared, as: fullSight, answer: fullAnswers(session) },
  ].map((one): Compared | undefined => {
    const { tree } = one.condition;
    const readsSelf = (atom: Atom): boolean => knowledge.reach(atom.tree).relations.has(`${relation.schema}.${relation.name}`);
    return tree === undefined ? undefined : { ...one, tree, critical: knowledge.critical(tree, relation), readsSelf };
  });
  const [ofPolicy, ofDeclared] = sides;
  if (ofPolicy === undefined || ofDeclared === undefined) return notUnderstood(ofPolicy === undefined ? policy : declared);
  const compared = [ofPolicy, ofDeclared] as const;
  const parts = compared.map((one) => ({ ...one, atoms: one.critical.atoms }));
  const names = columnsOf(context, compared);
  const product = await productOf(space, parts, names, false);
  const sure = await differences(context, compared, product, both);
  const open = sure.more.length + sure.less.length === 0 && (await openAtoms(compared, product)).length > 0;
  // Guesses are for what the proof cannot decide.
  const found = open ? await differences(context, compared, await productOf(space, parts, names, true), both) : sure;
  const refused = storable === undefined ? nothingRefused : await unstorableRows(context, [...found.more, ...found.less], storable);
  const left = (rows: readonly Row[]): readonly Row[] => rows.filter((one) => !refused.rows.has(one));
  const more = (rows: readonly Row[]): readonly Row[] => [...new Set([...rows, ...rows.slice(0, 12).flatMap((one) => product.alike(one))])];
  return {
    more: storable === undefined ? more(found.more) : left(found.more),
    less: storable === undefined ? more(found.less) : left(found.less),
    besideOthers: refused.doubles,
    rows: product.rows,
    distinct: product.distinct,
    close: async () => {
      const answer = await closed(context, compared, product, sure.truths, both);
      return answer.kind === "proved" ? { ...answer, keys: [...answer.keys, ...refused.keys] } : answer;
    },
  };
}

interface Differences {
  readonly more: readonly Row[];
  readonly less: readonly Row[];
  readonly truths: readonly (readonly string[])[];
}

async function differences(context: Context, sides: readonly [Compared, Compared], { rows }: Product, both: boolean): Promise<Differences> {
  const truths = await truthsOf(context, sides, rows.map((one) => ({ row: one })));
  const [policy = [], declared = []] = truths;
  return {
    more: rows.filter((_, index) => policy[index] === "T" && declared[index] !== "T"),
    less: both ? rows.filter((_, index) => declared[index] === "T" && policy[index] !== "T") : [],
    truths,
  };
}

/** Atoms that are not decided, or of whose columns some kind of value may be missing. */
async function openAtoms(sides: readonly Compared[], { incomplete }: Product): Promise<readonly Atom[]> {
  const missing = new Set(incomplete);
  const decided = await Promise.all(sides.map(({ critical, answer }) => answeredAtoms(critical.atoms, answer)));
  return sides.flatMap(({ critical }, index) =>
    critical.atoms.filter((atom) => decided[index]?.has(atom) !== true || [...atom.columns].some((name) => missing.has(name))),
  );
}

export type Storable = "alone" | "beside";

interface Refused {
  readonly rows: ReadonlySet<Row>;
  readonly keys: readonly ForeignKeyUse[];
  /** Some are refused because of the rows that are there. */
  readonly doubles: boolean;
}

const nothingRefused: Refused = { rows: new Set(), keys: [], doubles: false };

/** Rows that cannot be beside those that are there: they point to nothing, or another row has their key. */
export async function unstorableRows(context: Context, rows: readonly Row[], storable: Storable): Promise<Refused> {
  const orphans = await orphanedRows(context, rows);
  const keys = [...new Map([...orphans.values()].map((one) => [one.column, one])).values()];
  const taken = storable === "beside" ? await doubles(context, rows) : [];
  return { rows: new Set([...orphans.keys(), ...taken]), keys, doubles: taken.length > 0 };
}

async function doubles({ space, session }: Context, rows: readonly Row[]): Promise<readonly Row[]> {
  const { relation } = space;
  const [first] = rows;
  const keys = relation.keys.filter((names) => first !== undefined && names.every((name) => Object.hasOwn(first, name)));
  if (keys.length === 0) return [];
  const [theirs, ours] = ["rowgate:other", row].map(quoteIdent);
  const texts = keys.map((names) => {
    const same = names.map((name) => `${theirs}.${quoteIdent(name)} = ${ours}.${quoteIdent(name)}`);
    return `exists (select from ${quoteQualified(relation)} as ${theirs} where ${same.join(" and ")})`;
  });
  const taken = await evaluate(session, { as: fullSight, relation, alias: row, texts }, rows.map((one) => ({ row: one })));
  return rows.filter((_, index) => taken[index]?.includes("T") === true);
}

/** Rows that point to nothing, with the foreign key that says so. */
async function orphanedRows({ space }: Context, rows: readonly Row[]): Promise<ReadonlyMap<Row, ForeignKeyUse>> {
  const out = new Map<Row, ForeignKeyUse>();
  for (const { columns, to } of space.relation.foreignKeys) {
    for (const column of columns) {
      const parents = await space.material.parents(space.relation, column);
      if (parents?.all !== true) continue;
      const known = new Set(parents.values);
      for (const one of rows) {
        const value = one[column];
        if (typeof value === "string" && !known.has(value)) out.set(one, { column, to });
      }
    }
  }
  return out;
}

function notUnderstood({ text }: Condition): Contrast {
  const answer = undecided(text, settledBy.names);
  return { more: [], less: [], rows: [], distinct: [], besideOthers: false, close: () => Promise.resolve(answer) };
}

function columnsOf({ space }: Context, sides: readonly { readonly tree: Node; readonly critical: Critical }[]): readonly string[] {
  const names = new Set<string>();
  for (const { tree, critical } of sides) {
    const read = rowColumns(tree);
    for (const one of read) names.add(one);
    // A function takes the whole row: what it reads of it was found in its body.
    if (read.has("*")) for (const one of critical.columns.keys()) names.add(one);
  }
  return space.relation.columns.filter((one) => names.has(one.name) && !one.generated).map(({ name }) => name);
}

function truthsOf({ session, space }: Context, sides: readonly Pick<Compared, "as" | "condition">[], cases: readonly Case[], variables: readonly string[] = []): Promise<readonly (readonly string[])[]> {
  const { relation } = space;
  return Promise.all(
    sides.map(({ as, condition }) =>
      evaluate(session, { as, relation, alias: condition.alias, texts: [condition.text], variables }, cases),
    ),
  );
}

/** Step 9: is the set of rows complete? */
async function closed(
  context: Context,
  sides: readonly [Compared, Compared],
  product: Product,
  truths: readonly (readonly string[])[],
  both: boolean,
): Promise<Closed> {
  const volatile = sides.flatMap(({ tree }) => [...context.knowledge.reach(tree).volatile]);
  if (volatile[0] !== undefined) return undecided(volatile[0], "a policy whose answer is the same each time it is asked");
  const incomplete = new Set(product.incomplete);
  const open = await openAtoms(sides, product);
  const keyed = open.filter((atom) => boundByKeys(context, product, atom));
  const left = open
    .filter((atom) => !keyed.includes(atom))
    .map((atom) => (atom.doubts.length === 0 && [...atom.columns].some((name) => incomplete.has(name)) ? ofType(atom) : atom));
  const keys = keysOf(context, keyed);
  if (left.length > 0) return withFreeVariables(context, sides, left, keys, both);
  if (product.trimmed) return tooMany(product);
  if (truths.some((one) => one.includes("E"))) {
    const raising = product.rows[truths.map((one) => one.indexOf("E")).find((index) => index >= 0) ?? 0];
    return undecided(`the expression raises an error for ${JSON.stringify(raising)}`, "a policy that compares without casting what a row may hold");
  }
  return { kind: "proved", by: "critical-values", keys };
}

/** No value of the column's type is known that is compared with nothing. */
function ofType(atom: Atom): Atom {
  return { ...atom, doubts: [doubt("type", atom.tree)] };
}

function tooMany({ columns }: Product): Closed {
  const counts = [...columns].map(([name, { values }]) => `${name} ${values.length}`).join(", ");
  return undecided(`too many combinations of values to try (${counts})`, "fewer columns in one policy, or several policies");
}

/** All values that a foreign key, an enum or a boolean lets the columns hold were tried. */
function boundByKeys({ space }: Context, { columns }: Product, atom: Atom): boolean {
  return [...atom.columns].every((name) => {
    const column = space.relation.columns.find((one) => one.name === name);
    return column !== undefined && (isEnumerable(column) || space.fixed.has(name) || columns.get(name)?.allKeys === true);
  });
}

function keysOf({ space }: Context, atoms: readonly Atom[]): readonly ForeignKeyUse[] {
  const names = new Set(atoms.flatMap(({ columns }) => [...columns]));
  return space.relation.foreignKeys.flatMap(({ columns, to }) => columns.filter((one) => names.has(one)).map((column) => ({ column, to })));
}

const variableLimit = 6;
const caseLimit = 60_000;

/** What is not decided may be true, false or NULL: if no row differs even then, it does not matter. */
async function withFreeVariables(
  context: Context,
  sides: readonly [Compared, Compared],
  left: readonly Atom[],
  keys: readonly ForeignKeyUse[],
  both: boolean,
): Promise<Closed> {
  const variables = new Map<string, { readonly name: string; readonly atom: Atom }>();
  const nameOf = new Map<Node, string>();
  for (const atom of left) {
    const side = sides.find(({ critical }) => critical.atoms.some(({ tree }) => tree === atom.tree)) ?? sides[0];
    const key = await canonicalAtom(context, side.as, atom.tree);
    const known = variables.get(key) ?? { name: `b${variables.size}`, atom };
    variables.set(key, known);
    nameOf.set(atom.tree, known.name);
  }
  const all = [...variables.values()];
  if (all.length > variableLimit) return blamed(all.map(({ atom }) => atom));
  const abstracted = sides.map((side) => {
    const tree = replace(side.tree, (node) => {
      const name = nameOf.get(node);
      return name === undefined ? undefined : columnRef(free, name);
    });
    return { ...side, tree, condition: printedCondition(tree), atoms: side.critical.atoms.filter(({ tree: own }) => !nameOf.has(own)) };
  });
  if (abstracted.some(({ condition }) => condition.tree === undefined)) return blamed(all.map(({ atom }) => atom));
  const product = await productOf(context.space, abstracted, columnsOf(context, abstracted), false);
  const assignments = assignmentsOf(all.map(({ name }) => name));
  const cases = product.rows.flatMap((one) => assignments.map((given): Case => ({ row: one, variables: given })));
  if (product.trimmed || cases.length > caseLimit) return tooMany(product);
  const [policy = [], declared = []] = await truthsOf(context, abstracted, cases, all.map(({ name }) => name));
  const open = (one: string | undefined): boolean => one === "T" || one === "E";
  const bad = cases.filter((_, index) => {
    const [p, d] = [policy[index], declared[index]];
    if (p === "E" || d === "E") return true;
    return (open(p) && d !== "T") || (both && d === "T" && p !== "T");
  });
  if (bad.length === 0) return { kind: "proved", by: "critical-values", keys };
  const matter = all.filter(({ name }) => bad.every(({ variables: given }) => given?.[name] !== false));
  return blamed((matter.length > 0 ? matter : all).map(({ atom }) => atom));
}

function assignmentsOf(names: readonly string[]): readonly Assignment[] {
  let all: Assignment[] = [{}];
  for (const name of names) all = all.flatMap((one) => [true, false, null].map((value) => ({ ...one, [name]: value })));
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

/** Would rows differ if the policy were this expression? */
export async function contrastWith(context: Context, tree: Node, declared: Condition, rows: readonly Row[], both: boolean): Promise<boolean> {
  const sides = [
    { as: context.as, condition: printedCondition(tree) },
    { as: fullSight, condition: declared },
  ];
  const [policy = [], wanted = []] = await truthsOf(context, sides, rows.map((one) => ({ row: one })));
  return rows.some((_, index) => (policy[index] === "T" && wanted[index] !== "T") || (both && wanted[index] === "T" && policy[index] !== "T"));
}
