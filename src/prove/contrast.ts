import { formatQualified } from "../lib/sql-text.ts";
import { settledBy } from "./analyse/doubt.ts";
import type { Condition } from "./analyse/policy.ts";
import type { Atom } from "./analyse/recorder.ts";
import { truth } from "./analyse/truth.ts";
import type { Row } from "./ask/evaluate.ts";
import { type Product, productOf } from "./ask/product.ts";
import { closed } from "./close.ts";
import { type Closed, columnsOf, type Compared, openAtoms, truthsOf, undecided } from "./compared.ts";
import { type Context, personaAnswers, relaxedValues } from "./context.ts";
import { nothingRefused, type Storable, unstorableRows } from "./storable.ts";

/** A policy against what is declared, over rows that represent all rows. */
export interface Contrast {
  /** Rows that the policy lets through and the matrix does not. */
  readonly more: readonly Row[];
  readonly less: readonly Row[];
  readonly rows: readonly Row[];
  /** These rows, and others of which both sides say the same. */
  alike(rows: readonly Row[]): readonly Row[];
  /** Those to try where the relation reads itself; `undefined`: too many. */
  readonly distinct: readonly Row[] | undefined;
  /** Rows that would differ cannot be, because of rows that are there. */
  readonly besideOthers: boolean;
  /** What it means that no row differs. */
  close(): Promise<Closed>;
}

/** Step 2: no row can be let through, or every row is, whatever the rest of the expression would say. */
export function relaxedTo(context: Context, { alias, text, tree }: Condition): Promise<Relaxation> {
  return context.session.once([context.as], JSON.stringify(["relaxed", alias, text]), async () => {
    if (tree === undefined) return undefined;
    const values = await relaxedValues(context.knowledge.relaxed(tree), context);
    if ((values & truth.true) === 0) return "never";
    return values === truth.true ? "always" : undefined;
  });
}

type Relaxation = "never" | "always" | undefined;

/** More rows than these are not kept for the next cell that asks the same. */
const keptRows = 400;

/**
 * @param both rows that the matrix allows and the policy does not are differences too
 * @param storable rows that a foreign key refuses are none; `with the others`: nor are rows whose key another row has
 */
export function contrast(
  context: Context,
  policy: Condition,
  declared: Condition,
  both: boolean,
  storable?: Storable,
): Promise<Contrast> {
  const { space, session, as, full, raises } = context;
  const sides = [policy, declared].map(({ alias, text, tree }) => [alias, text, tree === undefined]);
  const { relation, fixed } = space;
  const what = JSON.stringify([formatQualified(relation), [...fixed], sides, raises, both, storable]);
  return session.once(
    [as, full],
    what,
    () => contrasted(context, policy, declared, both, storable),
    ({ rows }) => rows.length <= keptRows,
  );
}

async function contrasted(
  context: Context,
  policy: Condition,
  declared: Condition,
  both: boolean,
  storable: Storable | undefined,
): Promise<Contrast> {
  const { knowledge, space, session, as, answer } = context;
  const { relation } = space;
  const sides = [
    { condition: policy, as, answer, raises: context.raises },
    { condition: declared, as: context.full, answer: personaAnswers(session, context.full) },
  ].map((one): Compared | undefined => {
    const { tree } = one.condition;
    const readsSelf = (atom: Atom): boolean => knowledge.readsItself(atom.tree, relation);
    return tree === undefined
      ? undefined
      : { ...one, tree, critical: knowledge.critical(tree, relation), readsSelf };
  });
  const [ofPolicy, ofDeclared] = sides;
  if (ofPolicy === undefined || ofDeclared === undefined)
    return notUnderstood(ofPolicy === undefined ? policy : declared);
  const compared = [ofPolicy, ofDeclared] as const;
  const parts = compared.map((one) => ({ ...one, atoms: one.critical.atoms }));
  const names = columnsOf(context, compared);
  const product = await productOf(space, parts, names, false);
  const sure = await differences(context, compared, product, both);
  const open = sure.more.length + sure.less.length === 0 && (await openAtoms(compared, product)).length > 0;
  // Guesses are for what the proof cannot decide.
  const found = open
    ? await differences(context, compared, await productOf(space, parts, names, true), both)
    : sure;
  const refused =
    storable === undefined
      ? nothingRefused
      : await unstorableRows(context, [...found.more, ...found.less], storable);
  const left = (rows: readonly Row[]): readonly Row[] => rows.filter((one) => !refused.rows.has(one));
  const alike = (rows: readonly Row[]): readonly Row[] => [
    ...new Set([...rows, ...rows.slice(0, 12).flatMap((one) => product.alike(one))]),
  ];
  return {
    more: storable === undefined ? alike(found.more) : left(found.more),
    less: storable === undefined ? alike(found.less) : left(found.less),
    alike,
    besideOthers: refused.doubles,
    rows: product.rows,
    distinct: product.distinct,
    close: async () => {
      const close = await closed(context, compared, product, sure.truths, both);
      return close.kind === "proved" ? { ...close, keys: [...close.keys, ...refused.keys] } : close;
    },
  };
}

interface Differences {
  readonly more: readonly Row[];
  readonly less: readonly Row[];
  readonly truths: readonly (readonly string[])[];
}

async function differences(
  context: Context,
  sides: readonly [Compared, Compared],
  { rows }: Product,
  both: boolean,
): Promise<Differences> {
  const truths = await truthsOf(
    context,
    sides,
    rows.map((one) => ({ row: one })),
  );
  const [policy = [], declared = []] = truths;
  return {
    more: rows.filter((_, index) => policy[index] === "T" && declared[index] !== "T"),
    less: both ? rows.filter((_, index) => declared[index] === "T" && policy[index] !== "T") : [],
    truths,
  };
}

function notUnderstood({ text }: Condition): Contrast {
  const answer = undecided(text, settledBy.names);
  return {
    more: [],
    less: [],
    rows: [],
    alike: (rows) => rows,
    distinct: [],
    besideOthers: false,
    close: () => Promise.resolve(answer),
  };
}
