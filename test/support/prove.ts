import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { Client } from "pg";
import { newRunId } from "../../src/archive/id.ts";
import { readCells } from "../../src/archive/read.ts";
import { now } from "../../src/lib/clock.ts";
import { quoteIdent } from "../../src/lib/sql-text.ts";
import { parseMatrix } from "../../src/matrix/parse.ts";
import type { Channel } from "../../src/model/cell.ts";
import type { CellRecord, RunRecord } from "../../src/model/run.ts";
import {
  type DatabaseAddress,
  defaultLimits,
  type Limits,
  type Posture,
  type Target,
  type Writes,
} from "../../src/model/target.ts";
import type { ArgumentsWish, EscalationWish, ProofWish } from "../../src/run/request.ts";
import { run, type RunEvents, type RunRequest } from "../../src/run.ts";
import type { EmbeddedServer } from "../../src/stage/postgres/server.ts";
import type { GatewayConfig, TxEnd } from "../../src/stage/gateway/config.ts";
import { gatewayConfig, startEither } from "./gateway.ts";

export interface ProveOptions {
  readonly server: EmbeddedServer;
  /** Applied to a new database that holds Supabase's roles and `auth` helpers. */
  readonly sql: string;
  /** Copy this database of the server instead, which nothing is connected to. */
  readonly template?: string;
  readonly matrix: string;
  readonly channels?: readonly Channel[];
  readonly txEnd?: TxEnd;
  /** Settings of the gateway that the target does not know of. */
  readonly gateway?: Partial<GatewayConfig>;
  /** The secret that tokens are signed with, when it is not the gateway's. */
  readonly signingSecret?: string;
  /** A target without PostgREST. */
  readonly withoutRest?: boolean;
  /** Log in as this role for controls and direct probes, instead of the superuser. */
  readonly login?: { readonly user: string; readonly password: string };
  readonly limits?: Partial<Limits>;
  readonly only?: readonly string[];
  /** Leads a run elsewhere: through a proxy, say. */
  readonly retarget?: (target: Target) => Target | Promise<Target>;
  readonly events?: RunEvents;
  /** Where archives go; a folder of its own, and removed, unless given. */
  readonly logs?: string;
  /** Run with the target just before probing begins. */
  readonly meddle?: (client: Client) => Promise<void>;
  readonly posture?: Posture;
  /** What passes rest on; by default the rows at hand, which is what probing alone shows. */
  readonly proof?: ProofWish;
  /** As declared unless the subject is other arguments: each case would call its functions for each value. */
  readonly arguments?: ArgumentsWish;
  /** How long to search for escalation; by default not at all. */
  readonly escalation?: EscalationWish;
  readonly writes?: Writes;
  /** Where calls with other arguments are made: by default on a copy, as an embedded target has it. */
  readonly copy?: DatabaseAddress | "none";
  readonly interrupted?: AbortSignal;
  /** Asked just before the run and just after it. */
  readonly measure?: (client: Client) => Promise<unknown>;
}

export interface Proved {
  readonly run: RunRecord;
  /** By id: `<persona>/<schema>.<relation>/<operation>`. */
  readonly cells: ReadonlyMap<string, CellRecord>;
  readonly measured: readonly [before: unknown, after: unknown];
  /** Stands until the server stops. */
  readonly database: DatabaseAddress;
}

let databases = 0;

/** SQL and a matrix in, a judged and archived run out: real Postgres, real HTTP, real tokens. */
export async function prove(options: ProveOptions): Promise<Proved> {
  const { server } = options;
  const database = await newDatabase(server, options.template);
  await withClient(database, (client) => client.query(options.sql));
  const copy = options.copy ?? (await copyOf(options, database));
  const matrix = parseMatrix(options.matrix, "case.yaml", "2026-11-21");
  const secret = randomBytes(32).toString("base64url");
  const gateway =
    options.withoutRest || !matrix.channels.includes("rest")
      ? undefined
      : await startEither(
          gatewayConfig(
            server,
            database,
            { secret },
            {
              schemas: matrix.exposes,
              ...(options.txEnd !== undefined && { txEnd: options.txEnd }),
              // As the embedded target has it: a statement ends before its request is given up.
              statementTimeoutMs: options.limits?.statementTimeoutMs ?? defaultLimits.statementTimeoutMs,
              lockTimeoutMs: options.limits?.lockTimeoutMs ?? defaultLimits.lockTimeoutMs,
              ...options.gateway,
            },
          ),
        );
  const logs = options.logs ?? (await mkdtemp(path.join(tmpdir(), "rowgate-prove-")));
  try {
    const target: Target = {
      name: "case",
      posture: options.posture ?? "embedded",
      writes: options.writes,
      database: { ...database, ...options.login },
      rest: gateway && {
        url: gateway.url,
        apiKey: undefined,
        gateway: gateway.info,
        anonRole: "anon",
        login: server.authenticator.user,
      },
      signingKey: { algorithm: "HS256", secret: options.signingSecret ?? secret },
      schemas: matrix.exposes,
      preRequest: undefined,
      limits: { ...defaultLimits, ...options.limits },
    };
    if (options.meddle) await withClient(database, options.meddle);
    const measure = async (): Promise<unknown> => options.measure && withClient(database, options.measure);
    const before = await measure();
    const request: RunRequest = {
      id: newRunId(new Date()),
      startedAt: now(),
      matrix,
      target: (await options.retarget?.(target)) ?? target,
      inputs: [],
      proof: options.proof ?? "rows-at-hand",
      arguments: options.arguments ?? "declared",
      escalation: options.escalation ?? "off",
      filters: { only: options.only ?? [], personas: [], channels: options.channels ?? ["direct", "rest"] },
      logs,
      copy: copy === "none" ? undefined : copy,
      interrupted: options.interrupted,
      gitCommit: undefined,
      version: "0.0.0",
      startMs: 0,
      environment: {},
    };
    const outcome = await run(request, options.events);
    const after = await measure();
    const cells = new Map<string, CellRecord>();
    for await (const cell of readCells(outcome.archive)) cells.set(cell.id, cell);
    return { run: outcome.run, cells, database, measured: [before, after] };
  } finally {
    await gateway?.stop();
    if (options.logs === undefined) await rm(logs, { recursive: true, force: true });
  }
}

/** The name of a new database with this SQL, to copy. */
export async function databaseOf(server: EmbeddedServer, sql: string): Promise<string> {
  const database = await newDatabase(server, undefined);
  await withClient(database, (client) => client.query(sql));
  return database.database;
}

/** What is changed later would not be in it, and a target at another address has none. */
async function copyOf(
  { server, posture = "embedded", meddle, retarget }: ProveOptions,
  { database }: DatabaseAddress,
): Promise<DatabaseAddress | undefined> {
  return posture === "embedded" && meddle === undefined && retarget === undefined
    ? newDatabase(server, database)
    : undefined;
}

async function newDatabase(server: EmbeddedServer, template: string | undefined): Promise<DatabaseAddress> {
  databases += 1;
  const name = `case_${process.pid}_${databases}`;
  const { client, fresh } = await (makers.get(server) ?? makerOf(server));
  const from = quoteIdent(template ?? fresh);
  await client.query(`create database ${quoteIdent(name)} template ${from} strategy file_copy`);
  return { ...server.database, database: name };
}

interface Maker {
  /** Of the database `postgres`, until the server stops. */
  readonly client: Client;
  /** A database with the `auth` helpers, to copy. */
  readonly fresh: string;
}

/** Hundreds of databases are made on a server: one connection makes them all. */
const makers = new WeakMap<EmbeddedServer, Promise<Maker>>();

function makerOf(server: EmbeddedServer): Promise<Maker> {
  const made = (async () => {
    const client = new Client({ ...server.database, ssl: false });
    client.on("error", () => {});
    await client.connect();
    const { database: fresh } = await server.createDatabase(`fresh_${process.pid}`);
    return { client, fresh };
  })();
  makers.set(server, made);
  return made;
}

async function withClient<T>(address: Target["database"], work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client(address);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
