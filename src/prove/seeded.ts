import { always } from "./analyse/policy.ts";
import { evaluate, type Row } from "./ask/evaluate.ts";
import { privileged } from "./ask/step.ts";
import { conditionFor, declaredCondition, type Asked } from "./asked.ts";
import type { Context } from "./context.ts";
import { contrast } from "./contrast.ts";
import type { ProofCell } from "./proof-cell.ts";
import type { SeededRow } from "../model/proof.ts";
import { tellingIdentities } from "./own.ts";
import { showSeededInsert } from "./show/insert.ts";
import { standingRows } from "./show/rows.ts";
import { showAsDeclared } from "./show/old.ts";
import type { OldSide } from "./show/statements.ts";

/** Which rows the data lacks: without one on either side of what is declared nothing shows that it holds. */
export interface Lacking {
  readonly inside: boolean;
  readonly outside: boolean;
}

const commands = {
  select: "select",
  update: "update",
  blind_update: "update",
  delete: "delete",
  blind_delete: "delete",
  upsert: "upsert",
} as const;

/**
 * Puts in the rows that the data lacks, asks as the persona, and undoes all of it. `undefined`: one of them could not be put in, or
 * the persona did not reach just what is declared.
 */
export async function seededRows(
  context: Context,
  cell: ProofCell,
  lacking: Lacking,
): Promise<readonly SeededRow[] | undefined> {
  const held = cell.relation.privileges[cell.role.name];
  if (held === undefined) return undefined;
  const asked = { context, cell, held };
  const shown: SeededRow[] = [];
  for (const inside of [true, false]) {
    if (!lacking[inside ? "inside" : "outside"]) continue;
    const one = cell.operation === "insert" ? await seededInsert(asked, inside) : await seeded(asked, inside);
    if (one === undefined) return undefined;
    shown.push(one);
  }
  return shown;
}

async function seeded(asked: Asked, inside: boolean): Promise<SeededRow | undefined> {
  const { context, cell, held } = asked;
  const { operation } = cell;
  if (!(operation in commands)) return undefined;
  const command = commands[operation as keyof typeof commands];
  const blind = operation.startsWith("blind_");
  const rule = command === "upsert" ? "update" : command;
  const policy = conditionFor(asked, rule, "old", !blind) ?? always(false);
  const declared = declaredCondition(asked, cell.declared);
  const after = rule === "update" ? conditionFor(asked, "update", "new", !blind) : undefined;
  const { rows, alike } = await contrast(context, policy, declared, false);
  const side = alike(await onOneSide(context, rows, declared, inside));
  const newRows = after === undefined ? [] : (await contrast(context, after, always(false), false)).more;
  const showing = { space: context.space, as: context.as, policy, declared };
  const old: OldSide = { showing, command, blind, side: "more", held, newRows, alone: true, key: cell.key };
  return showAsDeclared(old, side, inside);
}

/** A row that `check` holds is stored, or one of a denied INSERT is refused. */
async function seededInsert(asked: Asked, inside: boolean): Promise<SeededRow | undefined> {
  const { context, cell, held } = asked;
  const { knowledge, space } = context;
  if (inside !== (cell.check !== undefined)) return undefined;
  const policy = conditionFor(asked, "insert", "new", false) ?? always(false);
  const declared = cell.check === undefined ? always(false) : knowledge.declared(space.relation, cell.check);
  const { rows } = await contrast(context, policy, declared, false);
  const showing = { space, as: context.as, policy, declared };
  const readsItself =
    policy.tree === undefined ||
    knowledge.reach(policy.tree).relations.has(`${space.relation.schema}.${space.relation.name}`);
  const known = await onOneSide(context, rows, declared, inside);
  const side =
    known.length > 0 ? known : await onOneSide(context, await likeStanding(context, rows), declared, inside);
  return showSeededInsert(showing, side, held.insert, { inside, clears: inside && !readsItself });
}

/** Rows that are there, as the persona's own first: what a function asks of a text, none of the values may meet that represent all. */
async function likeStanding(
  { space, identities, everybody }: Context,
  rows: readonly Row[],
): Promise<readonly Row[]> {
  const names = Object.keys(rows[0] ?? {});
  const [own] = tellingIdentities(identities);
  const others = tellingIdentities(everybody).filter((one) => one !== own);
  const standing = (await standingRows(space)).map(({ row }) => names.map((name) => row[name] ?? null));
  const mine =
    own === undefined ? [] : standing.map((values) => values.map((one) => renamed(one, others, own)));
  return [...mine, ...standing].map((values) =>
    Object.fromEntries(names.map((name, index) => [name, values[index] ?? null])),
  );
}

function renamed(value: string | null, others: readonly string[], own: string): string | null {
  return others.reduce<string | null>((text, one) => text?.replaceAll(one, own) ?? null, value);
}

async function onOneSide(
  { session, space }: Context,
  rows: readonly Row[],
  { alias, text }: ReturnType<typeof always>,
  inside: boolean,
): Promise<readonly Row[]> {
  const all = rows.length === 0 ? [{}] : rows;
  const truths = await evaluate(
    session,
    { as: privileged, relation: space.relation, alias, texts: [text] },
    all.map((row) => ({ row })),
  );
  return all.filter((_, index) => (truths[index] === "T") === inside);
}
