import { Client } from "pg";
import { readSql } from "../lib/sql-file.ts";
import { RowgateError } from "../model/errors.ts";
import type { SqlOrigin } from "../model/origin.ts";
import type { InputFingerprint } from "../model/run.ts";
import type { DatabaseAddress, Limits, Target } from "../model/target.ts";
import { applySqlFile, applySqlFolder } from "./apply-sql/apply.ts";
import { readOrigins } from "./apply-sql/origins.ts";
import type { TxEnd } from "./gateway/config.ts";
import type { GatewayWish } from "./postgrest.ts";

interface SystemSql {
  /** Folder of numbered SQL. */
  readonly policies: string;
  /** SQL files applied after it, in order. */
  readonly overlays: readonly string[];
}

export interface AppliedSql {
  /** The SQL that was applied. */
  readonly inputs: readonly InputFingerprint[];
  /** Where it defined each object. Parsed on the first call: a run in which everything passes needs none. */
  readonly origins: () => Promise<readonly SqlOrigin[]>;
  /** Roles that stood before its SQL and are not what they were: roles belong to the server, and so to its neighbours. */
  readonly changedRoles: readonly string[];
}

/** What a system's database and gateway are made with, on whatever server. */
export interface SystemOptions extends SystemSql {
  /** The database's name on the server. */
  readonly database: string;
  /** Schemas that the gateway exposes. */
  readonly schemas: readonly string[];
  /** `none`: a plain Postgres, and no gateway is started. */
  readonly gateway: GatewayWish | "none";
  readonly txEnd: TxEnd;
  /** HS256; made anew unless given. */
  readonly jwtSecret: string | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** A system's database on a server of its own; no gateway stands in front of it yet. */
export interface PreparedSystem extends AppliedSql {
  readonly database: DatabaseAddress;
  readonly limits: Limits;
  /** Starts the gateway. @throws RowgateError */
  open(): Promise<OpenedTarget>;
}

export interface OpenedTarget extends AsyncDisposable, Pick<AppliedSql, "inputs" | "origins"> {
  readonly target: Target;
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
    const sources = await applySqlFolder(client, policies);
    for (const overlay of overlays) sources.push(await applySqlFile(client, overlay));
    const inputs = sources.map(({ path, sha256 }) => ({ path, sha256 }));
    let origins: Promise<readonly SqlOrigin[]> | undefined;
    return {
      inputs,
      origins: () => (origins ??= readOrigins(sources)),
      changedRoles: changedRoles(before, await readRoles(client)),
    };
  } finally {
    await client.end().catch(() => undefined);
  }
}

interface RoleState {
  readonly name: string;
  /** Attributes and settings, as text. */
  readonly is: string;
  /** `<role> usage` and `<role> member`. */
  readonly reaches: readonly string[];
}

async function readRoles(client: Client): Promise<readonly RoleState[]> {
  return (await client.query<RoleState>(readSql("embedded_roles.sql"))).rows;
}

/** Roles that are not what they were. What a role gained over one that is new says nothing to anybody else. */
function changedRoles(before: readonly RoleState[], after: readonly RoleState[]): readonly string[] {
  const stood = new Set(before.map(({ name }) => name));
  const now = new Map(after.map((role) => [role.name, stateAmong(role, stood)]));
  return before.filter((role) => now.get(role.name) !== stateAmong(role, stood)).map(({ name }) => name);
}

function stateAmong({ is, reaches }: RoleState, stood: ReadonlySet<string>): string {
  const among = reaches.filter((one) => stood.has(one.slice(0, one.lastIndexOf(" "))));
  return JSON.stringify([is, among]);
}
