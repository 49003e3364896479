import { isCode } from "../../model/answers.ts";
import type { JournalledRows, RowName } from "../../model/scratch-row.ts";
import type { DatabaseAddress, Limits } from "../../model/target.ts";
import { DatabaseError } from "pg";
import { connect, disconnect, messageOf } from "../sql/session.ts";
import { isThere, removeRow } from "./statements.ts";

export interface ClearedUp {
  readonly removed: number;
  /** Rows that are still there, and why. */
  readonly left: readonly { readonly row: RowName; readonly because: string }[];
}

/** Removes rows that a run has journalled and left. @throws RowgateError `direct/connect` */
export async function clearUp(
  address: DatabaseAddress,
  limits: Limits,
  { rows, since }: JournalledRows,
): Promise<ClearedUp> {
  const client = await connect(address, limits);
  const left: ClearedUp["left"][number][] = [];
  let removed = 0;
  try {
    for (const row of rows) {
      try {
        removed += await removeRow(client, row, since);
        if (await isThere(client, row)) left.push({ row, because: "it was written before that run" });
      } catch (error) {
        // The table itself may be gone, and its rows with it.
        if (!(error instanceof DatabaseError)) throw error;
        if (!isCode(error.code, "undefinedTable")) left.push({ row, because: messageOf(error) });
      }
    }
    return { removed, left };
  } finally {
    await disconnect(client);
  }
}
