import type { ProofAnswer as Answer } from "../model/proof.ts";
import { formatQualified } from "../lib/sql-text.ts";
import { effectsOnItself } from "./analyse/effects.ts";
import type { Effect, Writing } from "./analyse/writes.ts";
import { rowColumns } from "./analyse/tree.ts";
import { type Asked, declaredCondition } from "./asked.ts";
import { undecided } from "./compared.ts";

/**
 * The policies decide of the rows that a statement names. What its triggers and foreign keys do to other rows of the same relation, no
 * policy is asked about: where that may leave what is declared, the cell is not proved.
 */
export function withEffects(asked: Asked, answer: Answer): Answer {
  if (answer.kind !== "all-rows" && answer.kind !== "keys-that-exist" && answer.kind !== "no-policy")
    return answer;
  const { cell, context, held } = asked;
  const command = commands[cell.operation];
  if (command === undefined || (cell.declared.kind === "allow" && cell.check === undefined)) return answer;
  const { relation } = context.space;
  const nothing = cell.declared.kind === "deny";
  const effect = effectsOnItself(context.knowledge.schema, relation, command, held.update, nothing).find(
    (one) => isBeyond(asked, command, one),
  );
  if (effect === undefined) return answer;
  const what = { insert: "inserts", update: "changes", delete: "deletes" }[effect.command];
  return undecided(
    `${effect.by} ${what} rows of ${formatQualified(relation)} that no policy is asked about`,
    "a trigger that writes only the row it is fired for, a foreign key without that action or with the owner in it, or a waiver with a reason",
  );
}

const commands: Readonly<Record<string, Writing>> = {
  insert: "insert",
  update: "update",
  blind_update: "update",
  upsert: "update",
  delete: "delete",
  blind_delete: "delete",
};

/** May the effect be on a row, or leave one, that the matrix does not allow? */
function isBeyond(asked: Asked, command: Writing, effect: Effect): boolean {
  const { cell } = asked;
  const meets = (predicate: Asked["cell"]["declared"], columns: readonly string[] | undefined): boolean => {
    const read = columnsOf(asked, predicate);
    return read === undefined || columns === undefined || columns.some((name) => read.has(name));
  };
  const check = cell.check === undefined ? undefined : ({ kind: "rows", predicate: cell.check } as const);
  if (command === "insert") {
    // A refused INSERT undoes what its triggers did; without `check` nothing is declared of what it leaves.
    if (check === undefined) return false;
    // Without other rights it inserts what the same policies let in.
    return effect.command === "insert"
      ? effect.elevated
      : effect.command === "update" && meets(check, effect.columns);
  }
  if (effect.command !== command || !effect.elevated) return false;
  if (effect.same) return command === "update" && check !== undefined && meets(check, effect.columns);
  const read = columnsOf(asked, cell.declared);
  // Equal in all that the row set reads: it is in the row set, too.
  return (
    read === undefined ||
    cell.declared.kind === "deny" ||
    ![...read].every((name) => effect.shared.includes(name))
  );
}

/** Columns that a predicate reads; `undefined`: perhaps all. */
function columnsOf(asked: Asked, declared: Asked["cell"]["declared"]): ReadonlySet<string> | undefined {
  const { tree } = declaredCondition(asked, declared);
  const read = tree && rowColumns(tree);
  return read?.has("*") === true ? undefined : read;
}
