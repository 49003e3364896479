import type { Node } from "libpg-query";
import type { Atom, Critical } from "../analyse/recorder.ts";
import type { ProofColumn, ProofRelation } from "../analyse/schema.ts";
import { printExpression, row as rowName } from "../analyse/tree.ts";
import { evaluate, type Row } from "./evaluate.ts";
import type { Material } from "./material.ts";
import { type Answering, type Representatives, representatives } from "./represent.ts";
import type { Asking } from "./session.ts";
import type { ActingAs } from "./step.ts";

/** An expression, who evaluates it, and what it depends on. */
export interface Side {
  readonly as: ActingAs;
  readonly tree: Node;
  readonly critical: Critical;
  readonly answer: Answering;
  /** Atoms that distinguish values. */
  readonly atoms: readonly Atom[];
  /** Does the atom read the relation whose row it is about? */
  readonly readsSelf: (atom: Atom) => boolean;
}

export interface Space {
  readonly session: Asking;
  readonly relation: ProofRelation;
  readonly material: Material;
  /** What the relation's CHECK constraints compare with. */
  readonly checks: readonly Critical[];
  /** Columns that the persona cannot write, with the value that they get. */
  readonly fixed: ReadonlyMap<string, string | null>;
}

/** Rows that represent all rows. */
export interface Product {
  readonly rows: readonly Row[];
  /** Rows to try where the relation reads itself; `undefined`: too many. */
  readonly distinct: readonly Row[] | undefined;
  readonly columns: ReadonlyMap<string, Representatives>;
  /** Columns of whose values some kind may be missing. */
  readonly incomplete: readonly string[];
  /** There would be too many rows. */
  readonly trimmed: boolean;
  /** Other rows of which every atom says the same as of this one. */
  alike(row: Row): readonly Row[];
}

/** Values of some columns of which every atom says the same; the likeliest to be stored first. */
type Kind = readonly Row[];
/** Columns that share atoms, and the kinds of their values. */
type Kinds = readonly Kind[];

const rowLimit = 40_000;
const distinctLimit = 20_000;

/**
 * One row for each combination of what the atoms can say.
 * @param guesses more rows of each kind, and values that an undecided atom might like: for witnesses
 */
export async function productOf(
  space: Space,
  sides: readonly Side[],
  names: readonly string[],
  guesses: boolean,
): Promise<Product> {
  const wanted = names.flatMap((name) => space.relation.columns.find((one) => one.name === name) ?? []);
  const columns = new Map(
    await Promise.all(
      wanted.map(async (column) => [column.name, await representativesOf(space, sides, column)] as const),
    ),
  );
  const groups = groupsOf([...columns.keys()], sides);
  const kindsWith = (
    valuesOf: (one: Representatives) => readonly (string | null)[],
  ): Promise<readonly (Kinds | undefined)[]> =>
    Promise.all(groups.map((group) => kindsOf(space, sides, group, columns, valuesOf)));
  let found = await kindsWith(({ values, core }) => (guesses ? values : core));
  if (guesses && (found.includes(undefined) || size(found, 1) > rowLimit))
    found = await kindsWith(({ core }) => core);
  const kinds = found.map((one) => one ?? []);
  let keep = guesses ? 4 : 1;
  while (size(kinds, keep) > rowLimit && keep > 1) keep -= 1;
  const trimmed = found.includes(undefined) || size(kinds, keep) > rowLimit;
  const incomplete = [...columns].flatMap(([name, one]) => (one.incomplete ? [name] : []));
  const rows = trimmed
    ? combined(
        kinds.map((one) => one.slice(0, 20)),
        1,
        rowLimit,
      )
    : combined(kinds, keep);
  return {
    rows,
    distinct: trimmed ? undefined : distinctRows(sides, groups, kinds, columns),
    columns,
    incomplete,
    trimmed,
    alike: (row) =>
      combined(
        kinds.map((one) => [one.find((kind) => kind.some((each) => agrees(row, each))) ?? []]),
        4,
      ).slice(0, 64),
  };
}

function representativesOf(
  space: Space,
  sides: readonly Side[],
  column: ProofColumn,
): Promise<Representatives> {
  const known = space.fixed.get(column.name);
  if (known === undefined)
    return representatives(
      space.session,
      space.relation,
      column,
      sides,
      space.checks,
      space.material,
      space.fixed,
    );
  return Promise.resolve({
    values: [known],
    core: [known],
    fresh: new Set<string>(),
    incomplete: false,
    allKeys: false,
    liked: new Set<string>(),
  });
}

/** Columns in one atom, or compared with each other, belong together. */
function groupsOf(names: readonly string[], sides: readonly Side[]): readonly (readonly string[])[] {
  const groupOf = new Map(names.map((name) => [name, new Set([name])]));
  const join = (together: Iterable<string>): void => {
    const all = new Set([...together].flatMap((name) => [...(groupOf.get(name) ?? [])]));
    for (const name of all) groupOf.set(name, all);
  };
  for (const { atoms, critical } of sides) {
    for (const { columns } of atoms) join(columns.has("*") ? names : columns);
    for (const { group } of critical.columns.values()) join(group);
  }
  return [...new Set(groupOf.values())].map((group) => [...group]);
}

/** `undefined`: too many combinations within one group. */
async function kindsOf(
  space: Space,
  sides: readonly Side[],
  group: readonly string[],
  columns: ReadonlyMap<string, Representatives>,
  valuesOf: (one: Representatives) => readonly (string | null)[],
): Promise<Kinds | undefined> {
  const lists = group.map((name) => {
    const own = columns.get(name);
    return own === undefined ? [] : likeliestFirst(valuesOf(own), own).map((value) => [{ [name]: value }]);
  });
  if (size(lists, 1) > rowLimit) return undefined;
  const rows = combined(lists, 1);
  const about = sides.map((side) => ({
    ...side,
    own: side.atoms.filter((atom) => atom.columns.has("*") || group.some((name) => atom.columns.has(name))),
  }));
  if (rows.length < 3 && group.length === 1) return rows.map((one) => [one]);
  const marks = await marksOf(space, about, rows);
  // What cannot be printed cannot be asked: each is a separate kind.
  if (marks === undefined) return rows.map((one) => [one]);
  const kinds = new Map<string, Row[]>();
  for (const [index, one] of rows.entries()) {
    const kind = kinds.get(marks[index] ?? "");
    if (kind === undefined) kinds.set(marks[index] ?? "", [one]);
    else kind.push(one);
  }
  return [...kinds.values()].map((all) => someOf(all, columns));
}

interface Marking {
  readonly as: ActingAs;
  readonly own: readonly Atom[];
}

const raisingLimit = 400;

/** What each atom says of each row; `undefined`: one of them cannot be printed. */
async function marksOf(
  { session, relation }: Space,
  sides: readonly Marking[],
  rows: readonly Row[],
): Promise<readonly string[] | undefined> {
  let asked: readonly { readonly as: ActingAs; readonly texts: readonly string[] }[];
  try {
    asked = sides.map(({ as, own }) => ({ as, texts: own.map(({ tree }) => printExpression(tree)) }));
  } catch {
    return undefined;
  }
  const markedBy = async (
    sets: typeof asked,
    of: readonly Row[],
    exact: boolean,
  ): Promise<readonly string[]> => {
    const answers = await Promise.all(
      sets
        .filter(({ texts }) => texts.length > 0)
        .map(({ as, texts }) =>
          evaluate(
            session,
            { as, relation, alias: rowName, texts, exact },
            of.map((row) => ({ row })),
          ),
        ),
    );
    return of.map((_, index) => answers.map((one) => one[index] ?? "").join(" "));
  };
  const marks = await markedBy(asked, rows, false);
  const raising = rows.filter((_, index) => marks[index]?.includes("E"));
  if (raising.length > raisingLimit)
    return marks.map((one, index) => (one.includes("E") ? `${one} ${index}` : one));
  // An atom that raises hides what the others say, which may be asked first.
  const alone = asked.flatMap(({ as, texts }) => texts.map((one) => ({ as, texts: [one] })));
  const exactly = await markedBy(alone, raising, true);
  return rows.map((row, index) => exactly[raising.indexOf(row)] ?? marks[index] ?? "");
}

function likeliestFirst(
  values: readonly (string | null)[],
  { liked, fresh }: Representatives,
): readonly (string | null)[] {
  const rank = (one: string | null): number =>
    one === null ? 2 : liked.has(one) ? 0 : fresh.has(one) ? 1 : 2;
  return values.toSorted((a, b) => rank(a) - rank(b));
}

/** The likeliest to be stored, one that no row holds, and others. */
function someOf(all: readonly Row[], columns: ReadonlyMap<string, Representatives>): Kind {
  const unused = all.find((one) =>
    Object.entries(one).every(
      ([name, value]) => value === null || columns.get(name)?.fresh.has(value) === true,
    ),
  );
  const others = all.find((one) =>
    Object.entries(one).every(
      ([name, value]) => value === null || columns.get(name)?.liked.has(value) !== true,
    ),
  );
  return [...new Set([all[0], unused, others, all[1], all[2]])]
    .filter((one) => one !== undefined)
    .slice(0, 4);
}

function agrees(row: Row, some: Row): boolean {
  return Object.entries(some).every(([name, value]) => row[name] === value);
}

function size(kinds: readonly (Kinds | undefined)[], keep: number): number {
  return kinds.reduce(
    (all, list) => all * (list ?? []).reduce((sum, one) => sum + Math.min(one.length, keep), 0),
    1,
  );
}

/** @param most how many of all combinations; those that it takes are made, and no more */
function combined(kinds: readonly Kinds[], keep: number, most = Number.POSITIVE_INFINITY): readonly Row[] {
  const lists = kinds.map((list) => list.flatMap((one) => one.slice(0, keep)));
  let rows: Row[] = [{}];
  for (const [index, parts] of lists.entries()) {
    const each = lists.slice(index + 1).reduce((all, one) => all * one.length, parts.length);
    rows = rows
      .slice(0, Math.ceil(most / Math.max(1, each)))
      .flatMap((one) => parts.map((other) => ({ ...one, ...other })));
  }
  return rows.slice(0, most);
}

/** Kinds are distinguished by the current state; with the row inserted, an atom that reads the relation itself may evaluate differently. */
function distinctRows(
  sides: readonly Side[],
  groups: readonly (readonly string[])[],
  kinds: readonly Kinds[],
  columns: ReadonlyMap<string, Representatives>,
): readonly Row[] | undefined {
  const all = groups.map((group, index): Kinds => {
    const own = sides.flatMap(({ atoms, readsSelf }) => atoms.filter(readsSelf));
    const moving = own.some((atom) => atom.columns.has("*") || group.some((name) => atom.columns.has(name)));
    if (!moving) return kinds[index] ?? [];
    const lists = group.map((name) => (columns.get(name)?.core ?? []).map((value) => [{ [name]: value }]));
    return size(lists, 1) > distinctLimit ? [] : combined(lists, 1).map((one) => [one]);
  });
  return size(all, 1) > distinctLimit ||
    all.some((one, index) => one.length === 0 && (kinds[index]?.length ?? 0) > 0)
    ? undefined
    : combined(all, 1);
}
