import { DatabaseError, Pool } from "pg";
import type { PoolClient, QueryConfig, QueryResultRow } from "pg";
import type { DatabaseAddress, Limits } from "../../model/target.ts";
import { clientConfig } from "../client-config.ts";
import { CircuitBreaker, ProbeFailure } from "./failure.ts";

/** Runs one statement on the privileged connection. Values come back as text or JSON, as the statement makes them. */
export type Ask = <Row extends QueryResultRow>(sql: string, values?: readonly unknown[]) => Promise<Row[]>;

/**
 * The privileged connection (BYPASSRLS) of the rest channel reads what is there: the ground truth. Each use is a read-only
 * transaction with one snapshot, under `row_security = off`, which raises where a policy would otherwise filter silently.
 */
export class PrivilegedConnection {
  readonly #pool: Pool;
  readonly #breaker = new CircuitBreaker("the database");

  constructor(address: DatabaseAddress, limits: Limits) {
    this.#pool = new Pool({
      ...clientConfig(address, limits),
      max: 2,
      // An idle connection must not keep the process alive.
      allowExitOnIdle: true,
    });
    // Without a listener, a connection that the server ends would end this process: an idle one tells the pool, one that
    // is in use tells itself.
    this.#pool.on("error", () => {});
    this.#pool.on("connect", (client) => client.on("error", () => {}));
  }

  /** Throws ProbeFailure: a baseline query that fails leaves nothing to compare with. */
  inSnapshot<Result>(questions: (ask: Ask) => Promise<Result>): Promise<Result> {
    return this.#breaker.run(() => this.#inSnapshot(questions));
  }

  async #inSnapshot<Result>(questions: (ask: Ask) => Promise<Result>): Promise<Result> {
    const client = await this.#connect();
    try {
      await client.query(begin);
      const result = await questions(async (sql, values = []) => {
        const question = { text: sql, values: [...values], queryMode: "extended" };
        return (await client.query(question as QueryConfig)).rows;
      });
      // The end of a transaction that has only read is not awaited. It is no COMMIT: a predicate may have set something.
      void client.query("rollback").then(
        () => client.release(),
        (error: Error) => client.release(error),
      );
      return result;
    } catch (error) {
      const fault = error instanceof Error ? error : new Error(String(error));
      // A connection that failed is not worth mending: the pool opens another.
      client.release(fault);
      throw failed(fault);
    }
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }

  async #connect(): Promise<PoolClient> {
    try {
      return await this.#pool.connect();
    } catch (error) {
      throw failed(error instanceof Error ? error : new Error(String(error)));
    }
  }
}

// The forms in which PostgREST's own session would write values, so that equal values have equal texts.
const begin =
  "begin isolation level repeatable read read only; set local row_security = off; set local timezone = 'UTC'; " +
  "set local datestyle = 'ISO, MDY'; set local intervalstyle = 'postgres'; set local bytea_output = 'hex'; " +
  "set local extra_float_digits = 1";

function failed(error: Error): ProbeFailure {
  if (error instanceof ProbeFailure) return error;
  if (error instanceof DatabaseError) {
    return new ProbeFailure(
      "protocol",
      `the baseline query failed on the privileged connection: ${error.message} (${error.code ?? "no code"})`,
    );
  }
  return new ProbeFailure("connection", `the privileged connection failed: ${error.message}`);
}
