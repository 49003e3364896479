import { Client } from "pg";
import { readSql } from "../lib/sql-file.ts";
import { messageOf, RowgateError } from "../model/errors.ts";
import type { Persona } from "../model/matrix.ts";
import type { SqlOrigin } from "../model/origin.ts";
import type { InputFingerprint } from "../model/run.ts";
import { namesListed } from "../model/settings.ts";
import type { DatabaseAddress, Limits, Target } from "../model/target.ts";
import type { Baseline, BaselineRecord, Layout } from "../model/baseline.ts";
import { applySources, numberedFiles, sqlFiles } from "./apply-sql/apply.ts";
import { applyChain, type AppliedChain } from "./apply-sql/chain.ts";
import {
  configuredSql,
  detectLayout,
  inOrderOfNumber,
  type OrderedSql,
  readLayout,
} from "./apply-sql/layout.ts";
import { readSource, type SqlSource } from "./apply-sql/source.ts";
import { readOrigins } from "./apply-sql/origins.ts";
import type { TxEnd } from "./gateway/config.ts";
import type { CopiedDatabase } from "./postgres/copy.ts";
import { addUsers } from "./persona-users.ts";
import type { GatewayWish } from "./postgrest.ts";

interface SystemSql {
  /** Folder of SQL. */
  readonly policies: string;
  /** In which order its files are applied; `undefined`: as the folder looks, else by number. */
  readonly layout?: Layout | undefined;
  /** SQL files applied after it, in order. */
  readonly overlays: readonly string[];
  /** What the database holds before them; `undefined`: the server's business. */
  readonly baseline?: Baseline | undefined;
  /** Personas that become users of the platform's auth server. */
  readonly users?: readonly Persona[] | undefined;
  /** This instead of all, where a database holds what comes before it; `ends`: it is the last. */
  readonly part?: { readonly sources: readonly SqlSource[]; readonly ends: boolean } | undefined;
}

export interface AppliedSql {
  /** The SQL that was applied. */
  readonly inputs: readonly InputFingerprint[];
  /** Where it defined each object. Parsed on the first call: a run in which everything passes needs none. */
  readonly origins: () => Promise<readonly SqlOrigin[]>;
  /** What the platform's objects are imitated by; absent on a plain Postgres. */
  readonly baseline?: BaselineRecord | undefined;
  /** Behind a request's schema in search_path; `undefined`: PostgREST's default. */
  readonly extraSearchPath?: readonly string[] | undefined;
  /** Roles that existed before its SQL and have changed: roles belong to the server, and so to its neighbours. */
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

/** A system's database on a separate server; it has no gateway yet. */
export interface PreparedSystem extends AppliedSql {
  readonly database: DatabaseAddress;
  readonly limits: Limits;
  /** Starts the gateway. @throws RowgateError */
  open(): Promise<OpenedTarget>;
  /** A copy as the database is, before it is opened; `undefined`: there is none. */
  copy?(): Promise<CopiedDatabase | undefined>;
}

export interface OpenedTarget extends AsyncDisposable, Pick<AppliedSql, "inputs" | "origins"> {
  readonly target: Target;
}

/** The same for several runs: its gateway starts when it is first asked for, and stays until this is disposed of. */
export function openedOnce(system: PreparedSystem): PreparedSystem & AsyncDisposable {
  let opened: Promise<OpenedTarget> | undefined;
  return {
    ...system,
    open: async () => ({ ...(await (opened ??= system.open())), [Symbol.asyncDispose]: async () => {} }),
    [Symbol.asyncDispose]: async () => (await opened)?.[Symbol.asyncDispose](),
  };
}

/** Applies a system's SQL in its database. @throws {RowgateError} `sql/…`, `target/no-answer` */
export async function applySystemSql(database: DatabaseAddress, sql: SystemSql): Promise<AppliedSql> {
  const { baseline } = sql;
  const supabase = baseline?.name === "supabase" ? baseline : undefined;
  const client = new Client({ ...database, ssl: false, ...(supabase && { options: projectPath }) });
  // The error of the statement tells of a server that went away; without a listener it would end this process.
  client.on("error", () => {});
  try {
    await client.connect().catch((cause: unknown) => {
      throw new RowgateError({
        code: "target/no-answer",
        message: `the Postgres that was started does not answer: ${messageOf(cause)}`,
        cause,
      });
    });
    const before = await readRoles(client);
    const { sources, skipped } = await (supabase ? applyAsProject(client, sql) : applyAsOne(client, sql));
    const extraSearchPath = await extraPath(client, supabase?.extraSearchPath);
    const inputs = sources.map(({ path, sha256 }) => ({ path, sha256 }));
    let origins: Promise<readonly SqlOrigin[]> | undefined;
    return {
      inputs,
      origins: () => (origins ??= readOrigins(sources)),
      extraSearchPath,
      changedRoles: changedRoles(before, await readRoles(client)),
      ...(supabase === undefined &&
        skipped.length > 0 && { baseline: { name: "plain" as const, standIns: [], skipped } }),
      ...(supabase && {
        baseline: {
          ...supabase,
          captured: supabase.captured && {
            target: supabase.captured.target,
            capturedAt: supabase.captured.capturedAt,
          },
          standIns: [...standIns, ...(await standInExtensions(client))],
          skipped,
        },
      }),
    };
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** The search_path of the platform's `postgres`, also after RESET ALL. Options take `\\` for a backslash. */
const projectPath = String.raw`-c search_path="\\$user",public,extensions`;

/** Whose definition is rowgate's, though a user's SQL may touch them. */
const standIns: readonly string[] = [
  "auth (tables, types and functions of Supabase's auth server)",
  "storage (tables, functions and triggers of its storage server)",
  "realtime (messages, subscription, topic, send, broadcast_changes)",
  "vault (secrets are kept as plain text)",
  "graphql_public.graphql (answers that pg_graphql is not enabled)",
];

/** Extensions that the SQL made and rowgate imitates: see src/stage/postgres/stand-ins.ts. */
async function standInExtensions(client: Client): Promise<readonly string[]> {
  const { rows } = await client.query<{ name: string }>(
    `select format('extension %s (%s)', extname, case extversion
       when 'stand-in-exact' then 'does what the extension does' when 'stand-in-effects' then 'nothing is sent, run or scheduled'
       else 'what calls its functions is inconclusive' end) as name
     from pg_extension where extversion like 'stand-in%' order by 1`,
  );
  return rows.map(({ name }) => name);
}

/** What the API puts behind a request's schema: as the SQL says, else as `config.toml` does. */
async function extraPath(
  client: Client,
  stated: readonly string[] | undefined,
): Promise<readonly string[] | undefined> {
  const set =
    stated === undefined
      ? []
      : (
          await client.query<{ sql: string }>(readSql("baseline/supabase/set_extra_search_path.sql"), [
            stated.join(", "),
          ])
        ).rows;
  for (const { sql } of set) await client.query(sql);
  const { rows } = await client.query<{ path: string | null }>(readSql("extra_search_path.sql"), [null]);
  return rows[0]?.path == null ? undefined : namesListed(rows[0].path);
}

/** As psql would: each file as it is, in a session of its own. */
async function applyAsOne(client: Client, sql: SystemSql): Promise<AppliedChain> {
  const { sources, notes } = await filesOf(sql);
  const applied = await applySources(client, sources);
  return { ...applied, skipped: [...notes, ...applied.skipped] };
}

async function applyAsProject(client: Client, sql: SystemSql): Promise<AppliedChain> {
  const { sources: files, notes } = await filesOf(sql);
  const { sources, skipped } = await applyChain(client, files);
  const users = sql.part?.ends === false ? [] : await addUsers(client, sql.users ?? []);
  return { sources, skipped: [...notes, ...skipped, ...users] };
}

async function filesOf(sql: SystemSql): Promise<OrderedSql> {
  if (sql.part !== undefined) return { sources: sql.part.sources, notes: [] };
  const { sources, notes } = await readInOrder(sql);
  return { sources: [...sources, ...(await Promise.all(sql.overlays.map(readSource)))], notes };
}

/** A system's SQL in the order in which it is applied, overlays last. @throws {RowgateError} `sql/…` */
export async function systemSources(sql: SystemSql): Promise<readonly SqlSource[]> {
  return (await filesOf(sql)).sources;
}

/**
 * What a layout says is the order. Without one, Supabase's CLI passes over files without a number; elsewhere such a file is a
 * mistake, and with `numbered` it is applied after the others.
 */
async function readInOrder({ policies, layout, baseline }: SystemSql): Promise<OrderedSql> {
  const how = layout ?? (await detectLayout(policies));
  if (how !== undefined && how !== "numbered") {
    const { sources, notes } = await readLayout(how, policies);
    if (how !== "supabase" || baseline?.name !== "supabase") return { sources, notes };
    const { secrets, buckets } = await configuredSql(policies);
    return { sources: [...secrets, ...sources, ...buckets], notes };
  }
  // Says what is wrong with a folder that is empty or missing.
  await sqlFiles(policies);
  if (baseline?.name === "supabase") return inOrderOfNumber(policies, "passed over");
  if (how === "numbered") return inOrderOfNumber(policies, "last");
  const files = await numberedFiles(policies);
  return { sources: await Promise.all(files.map(readSource)), notes: [] };
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
