import type { Node } from "libpg-query";
import { always, type Condition, joinedConditions, printedCondition } from "./analyse/policy.ts";
import { storedRow } from "./analyse/stored-row.ts";
import { conjuncts, rowColumns } from "./analyse/tree.ts";
import { quoteIdent, quoteLiteral } from "../lib/sql-text.ts";
import type { ProofAnswer as Answer, RestsOn } from "../model/proof.ts";
import type { Row } from "./ask/evaluate.ts";
import { type Asked, conditionFor, declaredCondition, isTriggered, withStored } from "./asked.ts";
import { undecided } from "./compared.ts";
import type { Context } from "./context.ts";
import { contrast } from "./contrast.ts";
import { oldSide } from "./old-side.ts";
import { finish, hitOf, decidedByRelaxation } from "./outcome.ts";
import { showMove } from "./show/move.ts";
import type { Shown } from "./show/shown.ts";

export async function update(asked: Asked, blind: boolean): Promise<Answer> {
  const { cell, context } = asked;
  const [old, asWritten] = [
    conditionFor(asked, "update", "old", !blind),
    conditionFor(asked, "update", "new", !blind),
  ];
  const deny = cell.declared.kind === "deny";
  if (old === undefined || asWritten === undefined)
    return deny ? { kind: "no-policy" } : { kind: "all-rows", by: "relaxation", restsOn: nothing };
  const after = withStored(asked, "update", asWritten);
  const newSide = await newRowsOf(context, after, deny);
  if (newSide.kind !== "open") return newSide;
  // `rows` bounds the old side: what an UPDATE may leave behind decides with it, so that the policies may ask for more.
  const options = { command: "update", blind, both: false, newRows: newSide.rows, context } as const;
  // What the new side reads and the role may not write is as it was, unless a trigger writes it.
  const reaching = joinedConditions("and", [old, ...keptOf(asked, after)]);
  const reached = await oldSide(asked, reaching, declaredCondition(asked, cell.declared), options);
  if (reached.kind === "hit" || reached.kind === "undecided" || reached.kind === "mismatch") return reached;
  const moved = cell.check === undefined ? reached : await movedRows(asked, old, after, blind, reached);
  return "restsOn" in moved ? forbidden(asked, old, after, blind, moved) : moved;
}

/** Values under `never:`: no row may have them afterwards, whatever else it holds. The probe has tried the rows that are there. */
async function forbidden(
  asked: Asked,
  old: Condition,
  after: Condition,
  blind: boolean,
  otherwise: Answer,
): Promise<Answer> {
  const { cell, context, held } = asked;
  if ((cell.never ?? []).length === 0) return otherwise;
  const { relation } = context.space;
  const policy = joinedConditions("and", [after, ...keptOf(asked, old)]);
  const from = await contrast(context, old, always(false), false);
  for (const values of cell.never ?? []) {
    const names = Object.keys(values);
    if (!names.every((name) => held.update.includes(name))) continue;
    const has = names.map((name) => {
      const type = relation.columns.find((one) => one.name === name)?.type ?? "text";
      const value = values[name] ?? null;
      return `${quoteIdent(name)} is not distinct from ${value === null ? "null" : quoteLiteral(value)}::${type}`;
    });
    const having = joinedConditions("and", [policy, context.knowledge.declared(relation, has.join(" and "))]);
    const found = await contrast(context, having, always(false), false);
    if (found.more.length === 0) {
      const close = await found.close();
      if (close.kind !== "proved") return close;
      continue;
    }
    // A trigger may refuse them, or put them back, at some rows: then the policies are not what decides.
    if (isTriggered(asked, "update"))
      return { kind: "not-asked", because: "a trigger may refuse what is under never:", isChecked: true };
    const showing = { space: context.space, as: context.as, policy: having, declared: always(false) };
    const shown = await showMove(showing, from.more, found.more, held, { blind, side: "more" });
    if (shown.kind === "hit") return hitOf(context, having, shown, found.more, "new");
    if (shown.kind !== "refused")
      return undecided(
        `${shown.message}, for ${JSON.stringify(found.more[0])}`,
        "`check:` beside `never:`, or a waiver with a reason",
      );
  }
  if (!("restsOn" in otherwise) || otherwise.restsOn === undefined) return otherwise;
  // What is under never: was asked with the other tables as they are.
  const { anyTables: _, ...restsOn } = otherwise.restsOn;
  return { ...otherwise, restsOn };
}

/** The parts of a condition that no statement of the role can change what they say of a row: it writes none of their columns, or a trigger puts them back. */
function keptOf(asked: Asked, condition: Condition): readonly Condition[] {
  const { knowledge, space } = asked.context;
  const { relation } = space;
  const stored = storedRow(relation, "update", knowledge);
  if (stored === undefined) return [];
  const changes = relation.columns
    .map(({ name }) => name)
    .filter((name) => (asked.held.update.includes(name) ? !stored.kept.has(name) : stored.written.has(name)));
  const isKept = (tree: Node): boolean => {
    const read = rowColumns(tree);
    return !read.has("*") && !changes.some((name) => read.has(name));
  };
  const { tree } = condition;
  if (tree === undefined) return [];
  if (isKept(tree)) return [condition];
  return conjuncts(tree)
    .filter((one) => isKept(one) && !knowledge.readsItself(one, relation))
    .map(printedCondition);
}

const nothing: RestsOn = { claims: [], time: [], relations: [] };

type NewSide = { readonly kind: "open"; readonly rows: readonly Row[] } | Answer;

/** No new row can be let through: then no row can be changed, whichever the old side lets through. */
async function newRowsOf(context: Context, after: Condition, deny: boolean): Promise<NewSide> {
  const decided = deny ? await decidedByRelaxation(context, after, true) : undefined;
  if (decided !== undefined) return decided;
  const found = await contrast(context, after, always(false), false);
  if (!deny || found.more.length > 0) return { kind: "open", rows: found.more };
  const close = await found.close();
  return close.kind === "proved"
    ? finish(context, { policy: after, declared: always(false), both: false }, close, found)
    : { kind: "open", rows: [] };
}

/** The rows that an UPDATE may leave behind, against `check:`. */
async function movedRows(
  asked: Asked,
  old: Condition,
  after: Condition,
  blind: boolean,
  reached: Answer,
): Promise<Answer> {
  const { cell, context, held } = asked;
  const declared = context.knowledge.declared(context.space.relation, cell.check ?? "true");
  const policy = joinedConditions("and", [after, ...keptOf(asked, old)]);
  const found = await contrast(context, policy, declared, true);
  const from = await contrast(context, old, always(false), false);
  const showing = { space: context.space, as: context.as, policy, declared };
  const move = (side: "more" | "less"): Promise<Shown> =>
    showMove(showing, from.more, found[side], held, { blind, side });
  if (found.more.length > 0) {
    const shown = await move("more");
    if (shown.kind === "hit") return hitOf(context, policy, shown, found.more, "new");
    if (shown.kind === "refused")
      return { kind: "constraint-only", message: shown.message, witness: shown.witness };
    return undecided(
      `${shown.message}, for ${JSON.stringify(found.more[0])}`,
      "a candidate under never: that is to be refused",
    );
  }
  // What is declared and was not seen to be refused is no lockout.
  const less = found.less.length > 0 ? await move("less") : undefined;
  if (less?.kind === "hit") return hitOf(context, policy, less, found.less, "new");
  const closing = less === undefined ? found : await contrast(context, policy, declared, false);
  const close = await closing.close();
  const moved = await finish(context, { policy, declared, both: less === undefined }, close, closing);
  return bothHold(reached, moved);
}

/** The rows that may be changed, and those that may come of it: the weaker proof, and all that either rests on. */
function bothHold(reached: Answer, moved: Answer): Answer {
  if (!("restsOn" in moved)) return moved;
  if (!("restsOn" in reached)) return reached;
  const [one, other] = [reached.restsOn, moved.restsOn];
  const restsOn: RestsOn = {
    claims: [...one.claims, ...other.claims],
    time: [...one.time, ...other.time],
    relations: [...new Set([...one.relations, ...other.relations])].toSorted(),
    byPath: [...new Set([...(one.byPath ?? []), ...(other.byPath ?? [])])].toSorted(),
    ...(one.anyTables && other.anyTables && { anyTables: true }),
  };
  const weaker = moved.kind === "keys-that-exist" ? moved : reached;
  return { ...weaker, restsOn };
}

export async function upsert(asked: Asked): Promise<Answer> {
  const { cell, context } = asked;
  const deny = cell.declared.kind === "deny";
  const [into, old, after] = [
    conditionFor(asked, "insert", "new", true),
    conditionFor(asked, "update", "old", true),
    conditionFor(asked, "update", "new", true),
  ];
  if (into === undefined || old === undefined || after === undefined)
    return deny ? { kind: "no-policy" } : { kind: "all-rows", by: "relaxation", restsOn: nothing };
  for (const condition of deny ? [into, after] : []) {
    const side = await newRowsOf(context, condition, true);
    if (side.kind !== "open") return side;
  }
  const newSide = await newRowsOf(context, after, false);
  const newRows = newSide.kind === "open" ? newSide.rows : [];
  const answer = await oldSide(asked, old, declaredCondition(asked, cell.declared), {
    command: "upsert",
    blind: false,
    both: false,
    newRows,
    context,
  });
  // The proposed row must pass the INSERT policies too: what could not be shown may be refused there.
  return answer.kind === "mismatch"
    ? undecided(answer.message, "a candidate row that the INSERT policies let in")
    : answer;
}
