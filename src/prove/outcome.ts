import type { Reach } from "./analyse/reach.ts";
import { always, type Condition, joinedConditions } from "./analyse/policy.ts";
import type { ForeignKeyUse, ProofAnswer as Answer, RestsOn } from "../model/proof.ts";
import { evaluate, type Row } from "./ask/evaluate.ts";
import type { Context } from "./context.ts";
import { type Closed, undecided } from "./compared.ts";
import { contrast, type Contrast, relaxedTo } from "./contrast.ts";
import { rowsThatName } from "./own.ts";
import type { Storable } from "./storable.ts";
import { restsOn } from "./rests.ts";
import { keptOpen } from "./closed-sets.ts";
import { holdsForAnyTables } from "./contained.ts";
import { openedByOthers } from "./other-rows.ts";
import { openedByTokens } from "./other-tokens.ts";
import { searched } from "./searched.ts";
import type { Proved } from "./variants.ts";
import type { Shown } from "./show/shown.ts";

export async function decidedByRelaxation(
  context: Context,
  condition: Condition,
  deny: boolean,
): Promise<Answer | undefined> {
  if (condition.tree === undefined) return undefined;
  if ((await relaxedTo(context, condition)) !== (deny ? "never" : "always")) return undefined;
  const proved = { policy: condition, declared: always(!deny), both: !deny };
  const rests = await restsOn(context, proved);
  const tables = await withOthers(context, proved, rests, []);
  if ("kind" in tables) return tables;
  return { kind: "all-rows", by: "relaxation", restsOn: { ...rests, ...tables } };
}

export interface Showers {
  readonly more: (rows: readonly Row[]) => Promise<Shown>;
  readonly less: (rows: readonly Row[]) => Promise<Shown>;
}

/** `undefined`: no row differs. */
export async function shownHits(
  context: Context,
  policy: Condition,
  { more, less }: Pick<Contrast, "more" | "less">,
  show: Showers,
  which: "old" | "new",
): Promise<Answer | undefined> {
  const outcomes: Shown[] = [];
  for (const side of ["more", "less"] as const) {
    const rows = side === "more" ? more : less;
    // What anybody reaches is worse than what only the persona does, and is shown first.
    for (const group of side === "more" ? await byStranger(context, policy, rows) : [rows]) {
      if (group.length === 0) continue;
      const shown = await show[side](group);
      if (shown.kind === "hit") return hitOf(context, policy, shown, group, which);
      outcomes.push(shown);
    }
  }
  const open = outcomes.find(({ kind }) => kind !== "refused") ?? outcomes[0];
  if (open === undefined || open.kind === "hit") return undefined;
  const volatile =
    policy.tree === undefined ? undefined : [...context.knowledge.reach(policy.tree).volatile][0];
  if (open.kind === "mismatch" && volatile !== undefined)
    return undecided(volatile, "a policy whose answer is the same each time it is asked");
  if (open.kind === "mismatch") return { kind: "mismatch", message: open.message, witness: open.witness };
  if (open.kind === "refused" && open.by === "constraint")
    return { kind: "constraint-only", message: open.message, witness: open.witness };
  return undecided(
    `${open.message}, for ${JSON.stringify(open.witness)}`,
    "a candidate row, or a waiver with a reason",
  );
}

/** Rows that are not the persona's own, and its own: they name it, and another identity with the same role and claims does not reach them. */
async function byStranger(
  context: Context,
  { alias, text }: Condition,
  rows: readonly Row[],
): Promise<readonly (readonly Row[])[]> {
  const { stranger, space, session } = context;
  if (stranger === undefined || rows.length === 0) return [rows];
  const naming = [...(await rowsThatName(context, rows)).keys()];
  const cases = naming.map((row) => ({ row }));
  const asked = { as: stranger, relation: space.relation, alias, texts: [text] };
  const truths = await evaluate(session, asked, cases);
  // Where it raises for an identity without any row, others, who have rows, may reach it.
  const own = new Set(naming.filter((_, index) => /^[FN]/.test(truths[index] ?? "")));
  return [rows.filter((row) => !own.has(row)), [...own]];
}

/** The answer that a shown hit makes, or the one that none could be shown. */
export async function hitOf(
  context: Context,
  policy: Condition,
  shown: Shown,
  rows: readonly Row[],
  which: "old" | "new",
): Promise<Answer> {
  if (shown.kind !== "hit") {
    if (shown.kind === "refused")
      return { kind: "constraint-only", message: shown.message, witness: shown.witness };
    return shown.kind === "mismatch"
      ? { ...shown }
      : undecided(
          `${shown.message}, for ${JSON.stringify(shown.witness)}`,
          "a candidate row, or a waiver with a reason",
        );
  }
  const [anybody, others] = shown.side === "more" ? await byStranger(context, policy, rows) : [rows];
  return { ...shown, rows: which, own: others !== undefined && anybody?.length === 0 };
}

export async function finish(
  context: Context,
  proved: Proved,
  close: Closed,
  { besideOthers }: Pick<Contrast, "besideOthers">,
): Promise<Answer> {
  if (close.kind !== "proved") return close;
  const { relation } = context.space;
  const rest = await restsOn(context, proved);
  const known = besideOthers
    ? { ...rest, relations: [...rest.relations, `${relation.schema}.${relation.name}`] }
    : rest;
  const tables = await withOthers(context, proved, known, close.keys);
  if ("kind" in tables) return tables;
  const rests: RestsOn = { ...known, ...tables };
  if (close.keys.length > 0) return { kind: "keys-that-exist", keys: close.keys, restsOn: rests };
  return { kind: "all-rows", by: close.by, restsOn: rests };
}

/** With other rows in other tables it is known to hold, or rows that might open it are tried; and tokens that others may have. */
async function withOthers(
  context: Context,
  proved: Proved,
  rests: RestsOn,
  keys: readonly ForeignKeyUse[],
): Promise<Answer | Pick<RestsOn, "anyTables">> {
  const holds = await holdsForAnyTables(context, proved);
  const opened = await searched(context, proved, rests, [holds, keys], async () => {
    const byTables = holds
      ? undefined
      : ((await openedByOthers(context, proved, rests, keys)) ?? (await keptOpen(context, proved, rests)));
    return byTables ?? openedByTokens(context, proved, rests);
  });
  if (opened !== undefined) return opened;
  return holds || (keys.length === 0 && readsNoTable(context, proved)) ? { anyTables: true } : {};
}

function readsNoTable({ knowledge }: Context, { policy, declared }: Proved): boolean {
  return [policy, declared].every(
    ({ tree }) => tree !== undefined && knowledge.reach(tree).relations.size === 0,
  );
}

function isSteady({ readsTime, volatile, relations }: Reach): boolean {
  return !readsTime && volatile.size + relations.size === 0;
}

/** Does nothing differ among the rows that CHECK constraints and foreign keys let a table hold? */
export async function byConstraints(
  context: Context,
  policy: Condition,
  declared: Condition,
  both: boolean,
  storable: Storable,
): Promise<Answer | undefined> {
  const { relation } = context.space;
  // A row that is there was checked at another time, with other tables as they were.
  const checks = relation.checks
    .map((one) => context.knowledge.declared(relation, `(${one}) is not false`))
    .filter(({ tree }) => tree !== undefined && isSteady(context.knowledge.reach(tree)));
  const stored = joinedConditions("and", [policy, ...checks]);
  const limited = both ? joinedConditions("and", [declared, ...checks]) : declared;
  const found = await contrast(context, stored, limited, both, storable);
  if (found.more.length > 0 || found.less.length > 0) return undefined;
  const close = await found.close();
  return close.kind === "proved"
    ? finish(context, { policy: stored, declared: limited, both, storable }, close, found)
    : undefined;
}
