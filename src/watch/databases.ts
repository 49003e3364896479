import { createHash } from "node:crypto";
import { Client } from "pg";
import { quoteIdent } from "../lib/sql-text.ts";
import type { Baseline } from "../model/baseline.ts";
import type { Persona } from "../model/matrix.ts";
import type { DatabaseAddress } from "../model/target.ts";
import type { SqlSource } from "../stage/apply-sql/source.ts";
import { type EmbeddedServer, startEmbedded } from "../stage/postgres/server.ts";
import { type AppliedSql, applySystemSql, systemSources } from "../stage/system.ts";

export interface WatchedSql {
  readonly policies: string;
  readonly overlays: readonly string[];
  readonly baseline: Baseline | undefined;
  readonly users: readonly Persona[];
}

export interface Built {
  readonly server: EmbeddedServer;
  readonly database: DatabaseAddress;
  readonly applied: AppliedSql;
  readonly sources: readonly SqlSource[];
  /** The first file that was applied anew, counted from 0; the number of files where none was. */
  readonly from: number;
}

/** A snapshot is a copy of every file of a database: a few are enough for those that a person edits. */
const snapshotsAtMost = 4;

/** Databases of a system whose files change: each is built from a copy of one that holds the files before the first changed one. */
export class Databases {
  readonly #sql: WatchedSql;
  #server: EmbeddedServer | undefined;
  /** Digest of the files that it holds → database. */
  readonly #snapshots = new Map<string, string>();
  /** Databases that nothing asks any more. */
  readonly #outdated: string[] = [];
  /** The snapshot that was copied last, and a copy of it that the next build takes. */
  #copied: string | undefined;
  #spare: { readonly of: string; readonly name: string } | undefined;
  #count = 0;
  #last: Built | undefined;

  constructor(sql: WatchedSql) {
    this.#sql = sql;
  }

  /** @throws RowgateError, IssuesError `sql/…`; what was built before stays */
  async build(): Promise<Built> {
    const sources = await systemSources(this.#sql);
    const old = this.#last?.sources ?? [];
    const same = sources.findIndex(
      (one, index) => one.sha256 !== old[index]?.sha256 || one.path !== old[index]?.path,
    );
    const kept = same === -1 ? sources.length : same;
    if (this.#last !== undefined && kept === sources.length && kept === old.length)
      return { ...this.#last, from: kept };
    const anew = [...sources.slice(kept), ...old.slice(kept)];
    // Roles belong to the server, and no copy of a database undoes them.
    const fresh = this.#server === undefined || anew.some(({ text }) => changesServer(text));
    const before = this.#last;
    const built = fresh
      ? await this.#onNewServer(sources)
      : await this.#onSnapshot(this.#server, sources, kept);
    if (before?.server === built.server) this.#outdated.push(before.database.database);
    else await before?.server.stop();
    this.#last = built;
    return built;
  }

  /** What need not be done while a verdict is waited for: the next copy is made, the last database goes. */
  async tidy(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    for (const name of this.#outdated.splice(0))
      await this.#admin(server, `drop database ${quoteIdent(name)} with (force)`);
    const of = this.#copied;
    if (of !== undefined && this.#spare === undefined)
      this.#spare = { of, name: await this.#create(server, "now", of) };
  }

  async stop(): Promise<void> {
    await this.#server?.stop();
  }

  async #onNewServer(sources: readonly SqlSource[]): Promise<Built> {
    this.#outdated.length = 0;
    this.#spare = undefined;
    const server = await startEmbedded({ baseline: this.#sql.baseline?.name ?? "plain" });
    const snapshots = new Map<string, string>();
    try {
      await server.createDatabase("before_0", this.#sql.baseline);
      snapshots.set(digest([]), "before_0");
      // Most saves are of the last file.
      const most = Math.max(0, sources.length - 1);
      const apart = sources.slice(most).some(({ text }) => changesServer(text)) ? 0 : most;
      const built = await this.#from(server, snapshots, sources, apart);
      this.#server = server;
      this.#snapshots.clear();
      for (const [key, name] of snapshots) this.#snapshots.set(key, name);
      return built;
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  #onSnapshot(
    server: EmbeddedServer | undefined,
    sources: readonly SqlSource[],
    kept: number,
  ): Promise<Built> {
    if (server === undefined) throw new Error("a snapshot is on a server");
    return this.#from(server, this.#snapshots, sources, kept);
  }

  /** @param at how many files the copied database is to hold */
  async #from(
    server: EmbeddedServer,
    snapshots: Map<string, string>,
    sources: readonly SqlSource[],
    at: number,
  ): Promise<Built> {
    let held = at;
    while (!snapshots.has(digest(sources.slice(0, held)))) held -= 1;
    const nearest = snapshots.get(digest(sources.slice(0, held))) ?? "before_0";
    const copied =
      held === at
        ? nearest
        : (await this.#copy(server, "before", nearest, sources.slice(held, at), false)).database.database;
    if (held !== at) {
      snapshots.set(digest(sources.slice(0, at)), copied);
      await this.#forget(server, snapshots);
    }
    const { database, applied } = await this.#copy(server, "now", copied, sources.slice(at), true);
    const inputs = sources.map(({ path, sha256 }) => ({ path, sha256 }));
    return { server, database, applied: { ...applied, inputs }, sources, from: at };
  }

  async #copy(
    server: EmbeddedServer,
    use: string,
    of: string,
    files: readonly SqlSource[],
    ends: boolean,
  ): Promise<{ readonly database: DatabaseAddress; readonly applied: AppliedSql }> {
    const spare = ends && this.#spare?.of === of ? this.#spare.name : undefined;
    if (spare !== undefined) this.#spare = undefined;
    const name = spare ?? (await this.#create(server, use, of));
    if (ends) this.#copied = of;
    const database = { ...server.database, database: name };
    try {
      const part = { sources: files, ends };
      const applied = await applySystemSql(database, { ...this.#sql, overlays: [], part });
      return { database, applied };
    } catch (error) {
      await this.#admin(server, `drop database ${quoteIdent(name)} with (force)`);
      throw error;
    }
  }

  async #create(server: EmbeddedServer, use: string, of: string): Promise<string> {
    this.#count += 1;
    const name = `${use}_${this.#count}`;
    await this.#admin(
      server,
      // A copy belongs to who makes it; on a Supabase project's the role postgres owns it, and so the schema public.
      `create database ${quoteIdent(name)} template ${quoteIdent(of)} owner postgres strategy file_copy`,
    );
    return name;
  }

  async #forget(server: EmbeddedServer, snapshots: Map<string, string>): Promise<void> {
    const removable = [...snapshots].filter(([, name]) => name !== "before_0");
    for (const [key, name] of removable.slice(0, -snapshotsAtMost)) {
      snapshots.delete(key);
      if (name === this.#copied) this.#copied = undefined;
      await this.#admin(server, `drop database ${quoteIdent(name)}`);
    }
  }

  async #admin(server: EmbeddedServer, sql: string): Promise<void> {
    const client = new Client({ ...server.database, ssl: false });
    client.on("error", () => {});
    await client.connect();
    await client.query(sql).finally(() => client.end());
  }
}

function digest(sources: readonly SqlSource[]): string {
  const hash = createHash("sha256");
  for (const { path, sha256 } of sources) hash.update(`${path}\n${sha256}\n`);
  return hash.digest("hex");
}

const serverWide =
  /\b(?:create|alter|drop)\s+(?:role|user|group|database|tablespace|event\s+trigger)\b|\balter\s+system\b|\b(?:drop|reassign)\s+owned\b|\b(?:grant|revoke)\s+(?![^;]*\bon\b)[^;]*\b(?:to|from)\b/i;

/** Whether a file may change what belongs to the whole server: roles, memberships, settings of databases. Said too often rather than too seldom. */
export function changesServer(text: string): boolean {
  return serverWide.test(text);
}
