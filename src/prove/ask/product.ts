import type { Node } from "libpg-query";
import type { Atom, Critical } from "../analyse/critical.ts";
import type { ProofRelation } from "../analyse/schema.ts";
import { printExpression, row as rowName } from "../analyse/tree.ts";
import { evaluate, type Row } from "./evaluate.ts";
import { type Answering, type Material, type Representatives, representatives } from "./represent.ts";
import type { ActingAs, ProofSession } from "./session.ts";

/** An expression, who evaluates it, and what it depends on. */
export interface Side {
  readonly as: ActingAs;
  readonly tree: Node;
  readonly critical: Critical;
  readonly answer: Answering;
  /** Atoms by which values are told apart. */
  readonly atoms: readonly Atom[];
}

export interface Space {
  readonly session: ProofSession;
  readonly relation: ProofRelation;
  readonly material: Material;
  /** What the relation's CHECK constraints compare with. */
  readonly checks: readonly Critical[];
  /** Columns that the persona cannot write, with the value that they get. */
  readonly fixed: ReadonlyMap<string, string | null>;
}

/** Rows that stand for all rows. */
export interface Product {
  readonly rows: readonly Row[];
  /** Without guesses, and without taking values for the same that are told alike today; `undefined`: too many. */
  readonly distinct: readonly Row[] | undefined;
  readonly columns: ReadonlyMap<string, Representatives>;
  /** Columns of whose values some kind may be missing. */
  readonly incomplete: readonly string[];
  /** There would be too many rows. */
  readonly trimmed: boolean;
}

const rowLimit = 40_000;

/**
 * One row for each combination of representatives; values that no atom tells apart from another are left out.
 * @param guesses values that an undecided atom might like, besides those that the proof needs
 */
export async function productOf(space: Space, sides: readonly Side[], names: readonly string[], guesses: boolean): Promise<Product> {
  const { relation, fixed } = space;
  const columns = new Map<string, Representatives>();
  const wanted = names.flatMap((name) => relation.columns.find((one) => one.name === name) ?? []);
  await Promise.all(
    wanted.map(async (column) => {
      const known = fixed.get(column.name);
      const own: Representatives =
        known === undefined
          ? await representatives(space.session, relation, column, sides, space.checks, space.material)
          : { values: [known], core: [known], incomplete: false, allKeys: false, liked: new Set() };
      columns.set(column.name, own);
    }),
  );
  const kindsOf = async (valuesOf: (one: Representatives) => Kind): Promise<ReadonlyMap<string, readonly Kind[]>> =>
    new Map(await Promise.all([...columns].map(async ([name, own]) => [name, await grouped(space, sides, name, { ...own, values: valuesOf(own) })] as const)));
  let kinds = await kindsOf(({ values, core }) => (guesses ? values : core));
  let keep = 4;
  // Guesses find witnesses; the proof needs the core alone.
  if (guesses && size(kinds, 1) > rowLimit) kinds = await kindsOf(({ core }) => core);
  while (size(kinds, keep) > rowLimit && keep > 1) keep -= 1;
  let trimmed = false;
  while (size(kinds, keep) > rowLimit) {
    trimmed = true;
    const [longest] = [...kinds].toSorted(([, a], [, b]) => b.length - a.length)[0] ?? [];
    kinds = new Map([...kinds].map(([name, list]) => [name, name === longest ? list.slice(0, Math.ceil(list.length / 2)) : list]));
  }
  const rows = combined(kinds, keep);
  const incomplete = [...columns].flatMap(([name, one]) => (one.incomplete ? [name] : []));
  return { rows, distinct: distinctRows(columns), columns, incomplete, trimmed };
}

const distinctLimit = 1_500;

function distinctRows(columns: ReadonlyMap<string, Representatives>): readonly Row[] | undefined {
  const kinds = new Map([...columns].map(([name, { core }]) => [name, core.map((one) => [one])]));
  return size(kinds, 1) > distinctLimit ? undefined : combined(kinds, 1);
}

function combined(kinds: ReadonlyMap<string, readonly Kind[]>, keep: number): readonly Row[] {
  let rows: Row[] = [{}];
  for (const [name, list] of kinds) {
    const values = list.flatMap((one) => one.slice(0, keep));
    rows = rows.flatMap((one) => values.map((value) => ({ ...one, [name]: value })));
  }
  return rows;
}

type Kind = readonly (string | null)[];

function size(kinds: ReadonlyMap<string, readonly Kind[]>, keep: number): number {
  return [...kinds.values()].reduce((all, list) => all * list.reduce((sum, one) => sum + Math.min(one.length, keep), 0), 1);
}

/** Values by what every atom says of them, where no atom has another column in it; the likeliest to be stored first. */
async function grouped(
  { session, relation }: Space,
  sides: readonly Side[],
  name: string,
  { values, liked }: Representatives,
): Promise<readonly Kind[]> {
  const each = values.map((one) => [one]);
  const about = sides.map((side) => ({ ...side, own: side.atoms.filter(({ columns }) => columns.has(name) || columns.has("*")) }));
  const alone = about.every(({ own }) => own.every(({ columns }) => columns.size === 1 && columns.has(name)));
  const joined = sides.some(({ critical }) => (critical.columns.get(name)?.group.size ?? 1) > 1);
  if (values.length < 4 || !alone || joined) return each;
  const marks = values.map(() => "");
  try {
    for (const { as, own } of about) {
      if (own.length === 0) continue;
      const texts = own.map(({ tree }) => printExpression(tree));
      const cases = values.map((value) => ({ row: { [name]: value } }));
      const told = await evaluate(session, { as, relation, alias: rowName, texts }, cases);
      for (const [index, one] of told.entries()) marks[index] += one;
    }
  } catch {
    return each;
  }
  const kinds = new Map<string, (string | null)[]>();
  for (const [index, value] of values.entries()) {
    const mark = marks[index] ?? "";
    kinds.set(mark, [...(kinds.get(mark) ?? []), value]);
  }
  return [...kinds.values()].map((all) => someOf(all, liked));
}

function someOf(all: Kind, liked: ReadonlySet<string>): Kind {
  const isLiked = (one: string | null): boolean => one !== null && liked.has(one);
  const [good, others] = [all.filter(isLiked), all.filter((one) => !isLiked(one))];
  const [a, b, c, d] = [good[0], others[0], good[1], others[1]];
  return [a, b, c, d].filter((one) => one !== undefined);
}
