import { type Client, DatabaseError } from "pg";
import { isCode } from "../../model/answers.ts";
import type { SkippedStatement } from "../../model/baseline.ts";
import { type Issue, IssuesError, RowgateError } from "../../model/errors.ts";
import { type ReadFile, readForServer, rowsAt } from "./dump.ts";
import { connectionLost, describeCommitFailure, describeFailure } from "./failure.ts";
import { whyPlatforms } from "./platform-dump.ts";
import { runScript } from "./script.ts";
import { positionAt, type SqlSource, type Statement } from "./source.ts";
import { type Way, wayOf, whySkipped, withoutVersion } from "./ways.ts";

export interface AppliedChain {
  readonly sources: readonly SqlSource[];
  readonly skipped: readonly SkippedStatement[];
}

/**
 * Applies files as a Supabase project's owner would: each statement as `postgres`, and as the superuser what the platform
 * runs as such on its behalf. What fails is undone, and the rest is tried all the same, so that everything is reported at once.
 * @param client logged in as the superuser
 * @throws {IssuesError} `sql/obstacles`: every statement that failed
 */
export async function applyChain(client: Client, sources: readonly SqlSource[]): Promise<AppliedChain> {
  const chain = new Chain(client);
  const read: SqlSource[] = [];
  for (const source of sources) read.push(await chain.applyFile(source));
  chain.throwIfFailed();
  return { sources: read, skipped: chain.skipped };
}

/** CREATE INDEX CONCURRENTLY and its like; a value that ALTER TYPE … ADD VALUE made is usable after its commit only. */
const needsOwnTransaction: ReadonlySet<string | undefined> = new Set(["25001", "55P04"]);
/** Codes that say: this does not exist. Relation, column, function, type or role, schema. */
const notThere: ReadonlySet<string | undefined> = new Set(["42P01", "42703", "42883", "42704", "3F000"]);

const missingHint =
  "what no file creates was perhaps made in the dashboard: `supabase db pull` writes it as a migration; `rowgate init --target <name>` and `rowgate scan --target <name>` read the running database instead";

const asProject = "set session authorization postgres";

interface Failed {
  readonly issue: Issue;
  readonly text: string;
  /** What it names does not exist. */
  readonly isMissing: boolean;
  /** Its cause is a statement that failed before it. */
  readonly follows: boolean;
}

class Chain {
  readonly skipped: SkippedStatement[] = [];
  readonly #client: Client;
  readonly #failed: Failed[] = [];

  constructor(client: Client) {
    this.#client = client;
  }

  /** @returns the file as it was read: without psql's commands and COPY's rows */
  async applyFile(source: SqlSource): Promise<SqlSource> {
    const read = await readForServer(source);
    const clean = read.source;
    this.skipped.push(...read.skipped);
    try {
      await this.#send(`${asProject}; begin`, clean);
      if (read.statements === undefined) return await this.#refused(clean);
      for (const [before, statement] of read.statements.entries())
        await this.#apply(clean, statement, before, read);
      await this.#client.query("commit").catch((cause: Error) => {
        if (!(cause instanceof DatabaseError)) throw connectionLost(clean, cause);
        this.#fail(describeCommitFailure(clean, cause), "", cause);
      });
    } finally {
      await this.#client.query("rollback").catch(() => undefined);
      await this.#client.query("discard all").catch(() => undefined);
    }
    return clean;
  }

  /** Postgres reads a text before it runs any of it: the server says where this one cannot be read. */
  async #refused(source: SqlSource): Promise<SqlSource> {
    const { error = new Error("it cannot be cut into statements") } = await runScript(
      this.#client,
      source.text,
    );
    this.#fail(await describeFailure({ source, error, before: 0, sentFrom: 0, kept: 0 }), "", error);
    return source;
  }

  async #apply(source: SqlSource, statement: Statement, before: number, { rows }: ReadFile): Promise<void> {
    const { node, end } = statement;
    const written = source.text.slice(statement.start, end);
    const text = "CreateExtensionStmt" in node ? withoutVersion(written) : written;
    const blank = /^(?:\s+|--[^\n]*|\/\*[\s\S]*?\*\/)*/.exec(written)?.[0].length ?? 0;
    const note = (because: string): void =>
      this.#skip(source, statement.start + blank, written.slice(blank), because);
    const way = wayOf(node);
    if (way.kind === "skip") return note(way.because);
    if (way.kind === "transaction") return this.#transaction(source, text);
    if (way.kind === "former") note(way.because);
    const failed = await this.#inSavepoint(source, text, way, rowsAt(rows, end));
    const error =
      failed instanceof DatabaseError && needsOwnTransaction.has(failed.code)
        ? await this.#alone(source, text)
        : failed;
    if (error === undefined) return;
    const because = whySkipped(node, error) ?? whyPlatforms(source.text, node, error);
    if (because !== undefined) return note(because);
    const facts = { source, error, before, sentFrom: statement.start, kept: 0 };
    this.#fail(await describeFailure(facts), text, error);
  }

  async #inSavepoint(
    source: SqlSource,
    text: string,
    way: Way,
    rows: readonly string[],
  ): Promise<Error | undefined> {
    const [begin, end] = aroundStatement(way);
    await this.#send(`savepoint rowgate; ${begin}`, source);
    const { error } = await runScript(this.#client, text, rows);
    if (error !== undefined) await this.#send("rollback to savepoint rowgate", source);
    else await this.#send(`${end}; release savepoint rowgate`, source);
    return error;
  }

  /** What ran before it is committed, as the platform does. */
  async #alone(source: SqlSource, text: string): Promise<Error | undefined> {
    await this.#send("commit", source);
    const { error } = await runScript(this.#client, text);
    await this.#send("begin", source);
    return error;
  }

  /** A file's own BEGIN and COMMIT: it is always in a transaction here. */
  async #transaction(source: SqlSource, text: string): Promise<void> {
    if (/^[\s\S]*\b(?:commit|end)\b/i.test(text))
      await this.#send("commit", source).then(() => this.#send("begin", source));
    else if (/\b(?:rollback|abort)\b/i.test(text) && !/\bto\b/i.test(text))
      await this.#send("rollback", source).then(() => this.#send("begin", source));
  }

  async #send(text: string, source: SqlSource): Promise<void> {
    await this.#client.query(text).catch((cause: Error) => {
      throw cause instanceof DatabaseError
        ? describeCommitFailure(source, cause)
        : connectionLost(source, cause);
    });
  }

  #skip(source: SqlSource, at: number, text: string, because: string): void {
    const { file, line } = positionAt(source, at);
    this.skipped.push({ file, line, statement: text.split("\n", 1)[0]?.trim() ?? "", because });
  }

  #fail({ code, message, at, hint, details }: RowgateError, text: string, cause: Error): void {
    if (!(cause instanceof DatabaseError) && code === "sql/connection")
      throw new RowgateError({ code, message, at, hint, details, cause });
    const more = wayOut(cause) ?? hint;
    // The place names the file already.
    const said = message.replace(/^[^\s,]+, (?=statement \d)/, "");
    const issue: Issue = { code, message: said, at: at ?? { file: "", line: 1, column: 1 }, hint: more };
    const isMissing = cause instanceof DatabaseError && notThere.has(cause.code);
    this.#failed.push({ issue, text, isMissing, follows: isMissing && this.#isFollowUp(cause) });
  }

  /** Whether what is missing was to come from a statement that failed. */
  #isFollowUp(cause: DatabaseError): boolean {
    const name = /"([^"]+)"|(?:function|type) ([\w.]+)/.exec(cause.message);
    const last = (name?.[1] ?? name?.[2])?.split(".").at(-1)?.toLowerCase();
    return last !== undefined && this.#failed.some(({ text }) => text.toLowerCase().includes(last));
  }

  throwIfFailed(): void {
    if (this.#failed.length === 0) return;
    const roots = this.#failed.filter(({ follows }) => !follows).map(({ issue }) => issue);
    const rest = this.#failed.length - roots.length;
    const more =
      rest === 0 ? "" : `: ${rest} only because others did, ${roots.length} for the causes that are listed`;
    throw new IssuesError(
      "sql/obstacles",
      `The SQL was tried to its end, and ${this.#failed.length} of its statements failed${more}.`,
      roots,
      this.#failed.some(({ isMissing }) => isMissing) ? missingHint : undefined,
    );
  }
}

/** What is sent before and after a statement that runs this way. */
function aroundStatement(way: Way): readonly [string, string] {
  if (way.kind === "superuser") return ["reset session authorization", asProject];
  if (way.kind === "former") return [`set local ${way.setting} = 'true'`, `set local ${way.setting} = ''`];
  return ["", ""];
}

function wayOut(cause: Error): string | undefined {
  if (!(cause instanceof DatabaseError)) return undefined;
  if (isCode(cause.code, "unsupported") && /extension "[^"]+" is not available/.test(cause.message))
    return "the Postgres that was started lacks it: name an installed one that has it (--postgres-bin <folder>), or run with --target container and an image that does; rowgate imitates the usual extensions, unless --no-stand-ins or --postgres-bin is given";
  return undefined;
}
