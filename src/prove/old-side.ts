import type { Condition } from "./analyse/policy.ts";
import type { ProofAnswer as Answer } from "../model/proof.ts";
import { evaluate, type Row } from "./ask/evaluate.ts";
import { privileged } from "./ask/step.ts";
import type { Asked } from "./asked.ts";
import { undecided } from "./compared.ts";
import type { Context } from "./context.ts";
import { besideOwnRows } from "./beside-own.ts";
import { contrast } from "./contrast.ts";
import { byConstraints, finish, decidedByRelaxation, hitOf, shownHits } from "./outcome.ts";
import { checkWithRow, saidOfRow } from "./self.ts";
import { showOld } from "./show/old.ts";
import { type StandingRow, standingRows } from "./show/rows.ts";
import type { Showing, Shown } from "./show/shown.ts";

interface OldSideOptions {
  readonly command: "select" | "delete" | "update" | "upsert";
  readonly blind: boolean;
  readonly both: boolean;
  readonly newRows: readonly Row[];
  readonly context: Context;
}

export async function oldSide(
  asked: Asked,
  asWritten: Condition,
  asDeclared: Condition,
  { command, blind, both, newRows, context }: OldSideOptions,
): Promise<Answer> {
  const { cell, held } = asked;
  const [policy, declared] = await Promise.all([
    saidOfRow(context, asWritten, context.as),
    saidOfRow(context, asDeclared, privileged),
  ]);
  const deny = cell.declared.kind === "deny";
  const self = readsItself(context, [policy, declared]);
  if (!self && (deny || (cell.declared.kind === "allow" && both))) {
    const decided = await decidedByRelaxation(context, policy, deny);
    if (decided !== undefined) return decided;
  }
  const showing = { space: context.space, as: context.as, policy, declared };
  const found = await contrast(context, policy, declared, both);
  const there = await standingDifferences(context, showing, both);
  // With the row there, policy and matrix may say something else of it.
  const checked = self
    ? await checkWithRow(context, policy, declared, found.distinct, both)
    : { ...found, incomplete: undefined };
  const show =
    (side: "more" | "less") =>
    (rows: readonly Row[]): Promise<Shown> => {
      const wanted = new Set(rows);
      const old = { showing, command, blind, side, held, newRows, alone: !self, key: cell.key };
      const hits = checked[side].filter((one) => wanted.has(one));
      return showOld(
        old,
        hits,
        there[side].filter(({ row }) => wanted.has(row)),
      );
    };
  const more = [...there.more.map(({ row }) => row), ...checked.more];
  const less = both ? [...there.less.map(({ row }) => row), ...checked.less] : [];
  // What is declared and was not seen to be refused is no lockout of a write: a constraint or a trigger may keep the row.
  const bound = command === "select" ? less : [];
  const showers = { more: show("more"), less: show("less") };
  const shown = await shownHits(context, policy, { more, less: bound }, showers, "old");
  if (shown?.kind === "hit" && shown.own && deny)
    return besideOwnRows(context, shown, more, (own) => {
      const instead = { ...cell, declared: { kind: "within", predicate: own.text } } as const;
      const options = { command, blind, both: false, newRows, context };
      return oldSide({ ...asked, cell: instead }, asWritten, own, options);
    });
  if (shown?.kind === "constraint-only" && !self)
    return (await byConstraints(context, policy, declared, both, "with the others")) ?? shown;
  if (shown !== undefined) return shown;
  const refused = less.length > 0 ? await showers.less(less) : undefined;
  if (refused?.kind === "hit") return hitOf(context, policy, refused, less, "old");
  const closing = refused === undefined ? found : await contrast(context, policy, declared, false);
  const close = await closing.close();
  if (checked.incomplete !== undefined && close.kind === "proved")
    return undecided(
      `${cell.relation.name} is read by its own policies, and ${checked.incomplete}`,
      "a row set that does not read the table itself, or a waiver with a reason",
    );
  return finish(context, { policy, declared, both: both && refused === undefined }, close, closing);
}

function readsItself({ knowledge, space }: Context, conditions: readonly Condition[]): boolean {
  return conditions.some(({ tree }) => tree !== undefined && knowledge.readsItself(tree, space.relation));
}

/** Rows that are there and differ already: the best witnesses. */
async function standingDifferences(
  { space, session, as, raises }: Context,
  { policy, declared }: Showing,
  both: boolean,
): Promise<{ more: readonly StandingRow[]; less: readonly StandingRow[] }> {
  const rows = await standingRows(space);
  const cases = rows.map(({ row }) => ({ row }));
  const of = (
    { alias, text }: Condition,
    by: typeof as,
    refuses: readonly string[],
  ): Promise<readonly string[]> =>
    evaluate(session, { as: by, relation: space.relation, alias, texts: [text], raises: refuses }, cases);
  const [p, d] = await Promise.all([of(policy, as, raises), of(declared, privileged, [])]);
  return {
    more: rows.filter((_, index) => p[index] === "T" && d[index] !== "T"),
    less: both ? rows.filter((_, index) => d[index] === "T" && p[index] !== "T") : [],
  };
}
