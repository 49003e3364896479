import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { Client } from "pg";
import { verifyArchive } from "../../../src/archive/verify.ts";
import { RowgateError } from "../../../src/model/errors.ts";
import type { CellRecord, RunRecord } from "../../../src/model/run.ts";
import type { DatabaseAddress } from "../../../src/model/target.ts";
import { prove, type ProveOptions } from "../../support/prove.ts";

const owners = Array.from({ length: 3 }, (_, index) => `10000000-0000-4000-8000-00000000000${index + 1}`);

/** Three people, some tables with rows of theirs, and one that is open: a leak that a run must never lose once it saw it. */
export function crowd(tables = 6): { readonly sql: string; readonly matrix: string } {
  const names = Array.from({ length: tables }, (_, index) => `notes_${index + 1}`);
  const sql = names
    .map(
      (name) => `create table ${name} (id int primary key, owner uuid not null, body text);
        alter table ${name} enable row level security;
        grant select, insert, update, delete on ${name} to authenticated, service_role;
        create policy own on ${name} to authenticated using (owner = auth.uid()) with check (owner = auth.uid());
        insert into ${name} select n, ('10000000-0000-4000-8000-00000000000' || n)::uuid, 'a' from generate_series(1, 3) n;`,
    )
    .join("\n");
  const people = owners.map(
    (sub, index) => `  p${index + 1}: { role: authenticated, claims: { sub: ${sub} } }`,
  );
  const relations = names.map(
    (name) => `  ${name}:
    rows: { mine: owner = :sub }
    insert:
      own: { id: '9', owner: ':sub', body: probe }
      other: { id: '9', owner: 20000000-0000-4000-8000-000000000000, body: probe }
    expect:
      '*': { select: mine, update: mine, delete: mine, insert: { accept: [own], reject: [other] } }
      service: allow`,
  );
  const matrix = `matrix: crowd\npersonas:\n${people.join("\n")}\n  service: { role: service_role }\nrelations:\n${relations.join("\n")}\n`;
  return { sql, matrix };
}

/** A policy that opens the first of the crowd's tables. */
export const openFirst = "create policy open on notes_1 for select to authenticated using (true);";

/** What became of a run: an archive, or an error and nothing else. */
export interface Attempt {
  readonly run?: RunRecord;
  readonly cells: ReadonlyMap<string, CellRecord>;
  readonly error?: unknown;
  /** Names in the folder of archives. */
  readonly archives: readonly string[];
  /** What is wrong with an archive that was named. */
  readonly deviations: readonly unknown[];
}

export async function attempt(options: ProveOptions): Promise<Attempt> {
  const logs = mkdtempSync(path.join(tmpdir(), "rowgate-faults-"));
  try {
    const outcome = await prove({ ...options, logs }).then(
      (proved) => proved,
      (error: unknown) => ({ cells: new Map<string, CellRecord>(), error }),
    );
    const days = readdirSync(logs)
      .filter((name) => /^\d{8}$/.test(name))
      .map((day) => path.join(logs, day));
    const archives = days.flatMap((day) => readdirSync(day).map((name) => path.join(day, name)));
    const deviations = await Promise.all(archives.map((one) => verifyArchive(one)));
    return {
      ...outcome,
      archives: archives.map((one) => path.basename(one)),
      deviations: deviations.flat(),
    };
  } finally {
    rmSync(logs, { recursive: true, force: true });
  }
}

/** Verdict → how many cells have it. */
export function verdictsOf({ cells }: Attempt): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { verdict } of cells.values()) counts[verdict] = (counts[verdict] ?? 0) + 1;
  return counts;
}

/** An error that a person can act on, in a sentence; anything else is thrown on. */
export function sentence({ error }: Attempt): string {
  if (error instanceof RowgateError) return `${error.code}: ${error.message}`;
  throw error instanceof Error ? error : new Error(`there was no error: ${String(error)}`);
}

/** A proxy in front of Postgres that can cut, and stop passing on. */
export interface Wire {
  readonly address: DatabaseAddress;
  /** Connections that were made through it. */
  readonly made: () => number;
  /** Resets all that are open. */
  cut(): void;
  /** From now on nothing passes in either direction, and nothing is closed. */
  silence(): void;
  /** From now on nobody is let in; with a number, when so many have been let in altogether. */
  refuse(after?: number): void;
  stop(): Promise<void>;
}

export async function wireTo(database: DatabaseAddress): Promise<Wire> {
  const open = new Set<Socket>();
  let made = 0;
  let state: "passing" | "silent" | "refusing" = "passing";
  let letIn = Infinity;
  const server = createServer((near) => {
    made += 1;
    near.on("error", () => undefined);
    if (state === "refusing" || made > letIn) return void near.resetAndDestroy();
    const far = connect(database.port, database.host);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(from);
      from.on("error", () => to.destroy());
      from.on("close", () => to.destroy());
      from.on("data", (chunk) => void (state !== "silent" && to.write(chunk)));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const cut = (): void => {
    for (const socket of open) socket.resetAndDestroy();
    open.clear();
  };
  return {
    address: { ...database, port: (server.address() as AddressInfo).port },
    made: () => made,
    cut,
    silence: () => void (state = "silent"),
    refuse: (after) => void (after === undefined ? (state = "refusing") : (letIn = after)),
    stop: async () => {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export async function asOwner(address: DatabaseAddress, sql: string): Promise<Client> {
  const client = new Client({ ...address, ssl: false });
  client.on("error", () => undefined);
  await client.connect();
  await client.query(sql);
  return client;
}
