import { type FoundJournal, findJournals, openRowJournal } from "../archive/rows-journal.ts";
import { clearUp } from "../probe/scratch/ledger.ts";
import { ScratchRows } from "../probe/scratch/scratch-rows.ts";
import { nextTransaction } from "../probe/sql/probe-rows-left.ts";
import { connect, disconnect } from "../probe/sql/session.ts";
import { RowgateError } from "../model/errors.ts";
import type { Finding } from "../model/finding.ts";
import type { ScratchRowRecord } from "../model/scratch-row.ts";
import { addressOf } from "../model/posture.ts";
import { formatQualified } from "../lib/sql-text.ts";
import type { DatabaseAddress, Target } from "../model/target.ts";
import type { RunRequest } from "./request.ts";

/** What makes rows where the gateway commits; they are in a journal before they are in the database. @throws RowgateError */
export async function openScratchRows({ id, logs, matrix, target }: RunRequest): Promise<ScratchRows> {
  const { database: address, limits } = target;
  const since = await startOf(target);
  const journal = await openRowJournal(logs, id, { database: databaseName(address), since });
  const told = new Set(
    matrix.relations.filter(({ survives }) => survives !== undefined).map((spec) => formatQualified(spec)),
  );
  return ScratchRows.open({ address, limits, journal, since, mayFire: (relation) => told.has(relation) });
}

async function startOf({ database, limits }: Target): Promise<string> {
  const client = await connect(database, limits);
  try {
    return await nextTransaction(client);
  } finally {
    await disconnect(client);
  }
}

function databaseName({ host, port, database }: DatabaseAddress): string {
  return `${host}:${port}/${database}`;
}

/** What became of a run that ended without clearing up. */
export interface Cleared {
  readonly run: string;
  readonly removed: number;
}

/** A journal that was not looked into: its run may be at work, or worked on another database. */
export type Untouched = Pick<FoundJournal, "run" | "database" | "owner"> & { readonly elsewhere: boolean };

export interface ClearedUp {
  readonly cleared: readonly Cleared[];
  readonly untouched: readonly Untouched[];
}

/**
 * Removes what runs on this database have left that were killed. A journal goes when nothing of it is left.
 * @param over runs that the user declares ended, where their process cannot be checked
 * @throws RowgateError `rows/left-behind`, `direct/connect`
 */
export async function clearUpAfterRuns(
  logs: string,
  target: Target,
  over: readonly string[] = [],
): Promise<ClearedUp> {
  const { database, limits } = target;
  const cleared: Cleared[] = [];
  const untouched: Untouched[] = [];
  for (const journal of await findJournals(logs)) {
    const elsewhere = journal.database !== databaseName(database);
    if (elsewhere || (journal.owner.kind !== "gone" && !over.includes(journal.run))) {
      untouched.push({ ...journal, elsewhere });
      continue;
    }
    const { removed, left } = await clearUp(addressOf(target), limits, journal);
    if (left.length > 0) throw leftBehind(journal.run, left);
    await journal.discard();
    cleared.push({ run: journal.run, removed });
  }
  return { cleared, untouched };
}

function leftBehind(run: string, left: Awaited<ReturnType<typeof clearUp>>["left"]): RowgateError {
  const rows = left.map(
    ({ row, because }) => `${formatQualified(row.relation)} ${JSON.stringify(row.key)}: ${because}`,
  );
  return new RowgateError({
    code: "rows/left-behind",
    message: `The run ${run} was killed, and ${left.length === 1 ? "a row that it made is" : `${left.length} rows that it made are`} still there.`,
    details: rows.slice(0, 20).join("\n"),
    hint: "remove what blocks it, then `rowgate clean-up --target …`",
  });
}

/** What a run that committed tells of the rows that it made. */
export function scratchRowFindings(rows: readonly ScratchRowRecord[]): readonly Finding[] {
  const left = rows.filter(({ gone }) => !gone);
  const relations = [...new Set(left.map(({ relation }) => relation))];
  return [
    ...relations.map(
      (relation): Finding => ({
        kind: "probe-rows-left",
        relation,
        rows: left.filter((row) => row.relation === relation).length,
      }),
    ),
    ...(rows.length === 0
      ? []
      : [{ kind: "writes-committed" as const, rows: rows.length, left: left.length }]),
  ];
}
