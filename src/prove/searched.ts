import type { ForeignKeyUse, ProofAnswer as Answer, RestsOn } from "../model/proof.ts";
import { formatQualified } from "../lib/sql-text.ts";
import { openersOf } from "./analyse/openers.ts";
import { always } from "./analyse/policy.ts";
import type { ProofColumn, ProofRelation } from "./analyse/schema.ts";
import { evaluate, type Row } from "./ask/evaluate.ts";
import type { Context } from "./context.ts";
import { contrast } from "./contrast.ts";
import { personsRows } from "./persons-rows.ts";
import { standingRows } from "./show/rows.ts";
import type { Proved } from "./variants.ts";
import { saysWho } from "./who.ts";

/**
 * A search for what would open the policies with other rows in other tables, or with other tokens: once for what is the same of several
 * operations, and for personas that are alike in what they may reach, too, and in what their own rows say of them.
 */
export async function searched(
  context: Context,
  proved: Proved,
  rests: RestsOn,
  /** Of what there is to search. */
  holds: boolean,
  keys: readonly ForeignKeyUse[],
  find: () => Promise<Answer | undefined>,
): Promise<Answer | undefined> {
  const { session, as, full, search } = context;
  const what = textOf(context, proved, rests, [holds, keys]);
  const once = (): Promise<Answer | undefined> => session.once([as, full], `search ${what}`, find);
  if (search === undefined) return once();
  const like = `${what}\n${JSON.stringify(await reached(context, proved, search.constants))}`;
  if (await search.hasFailed(like)) return undefined;
  const found = await once();
  search.end(like, found !== undefined);
  return found;
}

function textOf(
  { space: { relation, fixed }, raises }: Context,
  { policy, declared, storable }: Proved,
  rests: RestsOn,
  how: unknown,
): string {
  const sides = [policy, declared].map(({ alias, text }) => [alias, text]);
  return JSON.stringify([formatQualified(relation), [...fixed], sides, storable, raises, rests, how]);
}

/** What a search starts from: rows that are reached, and that are not; rows that could be; and rows of the persona's own in other tables. */
async function reached(
  context: Context,
  { policy }: Proved,
  constants: ReadonlySet<string>,
): Promise<readonly unknown[]> {
  const { session, space, as, raises } = context;
  const { relation } = space;
  const cases = (await standingRows(space)).map(({ row }) => ({ row }));
  const asked = { as, relation, alias: policy.alias, texts: [policy.text], raises };
  const [truths, { more }] = await Promise.all([
    evaluate(session, asked, cases),
    contrast(context, policy, always(false), false),
  ]);
  const isReached = truths.includes("T");
  return [
    isReached,
    truths.some((one) => one !== "T"),
    more.length > 0,
    await ownRows(context, policy, constants),
  ];
}

/** Of each way that asks who the persona is, its own rows, as far as they say more than whose they are. */
async function ownRows(
  context: Context,
  { tree }: Proved["policy"],
  constants: ReadonlySet<string>,
): Promise<readonly unknown[]> {
  if (tree === undefined) return [];
  const { ways } = openersOf(tree, context.space.relation, context.knowledge);
  return Promise.all(
    ways.map(async (way) => {
      if (way.through.length === 0 || way.guess || !(await saysWho(context, way.asksWho))) return null;
      const { choices, isShared } = await personsRows(context, way);
      const said = choices.flatMap((one) =>
        [...one].map(([item, row]) => saidBy(item.relation, row, constants)),
      );
      return [isShared, said];
    }),
  );
}

/** What may be compared with constants (a role, a level, a flag); to whom or what the row points is who it is. */
function saidBy(
  relation: ProofRelation,
  row: Row,
  constants: ReadonlySet<string>,
): readonly (string | null)[] {
  const keys = new Set([
    ...relation.uniques.flat(),
    ...relation.foreignKeys.flatMap(({ columns }) => columns),
  ]);
  const counts = ({ name, base, labels, category }: ProofColumn, value: string): boolean =>
    base === "boolean" || labels !== null || constants.has(value) || (category === "N" && !keys.has(name));
  return relation.columns.map((column) => {
    const value = row[column.name] ?? null;
    return value === null || counts(column, value) ? value : "*";
  });
}
