import { Client } from "pg";
import { RowgateError } from "../model/errors.ts";
import type { InputFingerprint } from "../model/run.ts";
import type { DatabaseAddress } from "../model/target.ts";
import { applySqlFile, applySqlFolder } from "./apply-sql/policies.ts";
import { changedRoles, readRoles } from "./postgres/roles.ts";

export interface SystemSql {
  /** Folder of numbered SQL. */
  readonly policies: string;
  /** SQL files applied after it, in order. */
  readonly overlays: readonly string[];
}

export interface AppliedSql {
  /** The SQL that was applied. */
  readonly inputs: readonly InputFingerprint[];
  /** Roles that stood before its SQL and are not what they were: roles belong to the server, and so to its neighbours. */
  readonly changedRoles: readonly string[];
}

/** Applies a system's SQL in its database. @throws {RowgateError} `sql/…`, `target/no-answer` */
export async function applySystemSql(
  database: DatabaseAddress,
  { policies, overlays }: SystemSql,
): Promise<AppliedSql> {
  const client = new Client({ ...database, ssl: false });
  // The error of the statement tells of a server that went away; without a listener it would end this process.
  client.on("error", () => {});
  try {
    await client.connect().catch((cause: unknown) => {
      throw new RowgateError({
        code: "target/no-answer",
        message: `the Postgres that was started does not answer: ${cause instanceof Error ? cause.message : String(cause)}`,
        cause,
      });
    });
    const before = await readRoles(client);
    const inputs = await applySqlFolder(client, policies);
    for (const overlay of overlays) inputs.push(await applySqlFile(client, overlay));
    return { inputs, changedRoles: changedRoles(before, await readRoles(client)) };
  } finally {
    await client.end().catch(() => undefined);
  }
}
