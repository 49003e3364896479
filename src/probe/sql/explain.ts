import { DatabaseError, escapeLiteral } from "pg";
import { ruleOf } from "../../model/answers.ts";
import type { Cell } from "../../model/cell.ts";
import { WriteRefused, wouldWrite } from "../../model/posture.ts";
import { quoteIdent } from "../../lib/sql-text.ts";
import type { BatchSettings } from "./batch.ts";
import type { Line } from "./exchange.ts";
import type { ExplainRequest, Reply } from "./protocol.ts";
import { matrixPath, sessionOf } from "../sessions.ts";

/** Runs a refused statement by itself: the wire tells the server's routine, which a block cannot see. */
export class Routines {
  readonly #line: Line;
  readonly #settings: BatchSettings;
  readonly #known = new Map<string, string | undefined>();

  constructor(line: Line, settings: BatchSettings) {
    this.#line = line;
    this.#settings = settings;
  }

  async explain(cell: Cell, { sql, message }: ExplainRequest): Promise<Reply> {
    const key = JSON.stringify([cell.relation.info.oid, cell.operation, message]);
    if (!this.#known.has(key)) this.#known.set(key, await this.#routineOf(cell, sql, message));
    return { kind: "routine", routine: this.#known.get(key) };
  }

  async #routineOf(cell: Cell, statement: string, message: string): Promise<string | undefined> {
    const { client, lost } = this.#line;
    if (lost !== undefined) return undefined;
    if (this.#settings.readOnly && wouldWrite(cell)) throw new WriteRefused(statement);
    this.#line.roundTrips += 2;
    try {
      await client.query([...this.#asPersona(cell), statement].join("; "));
      return undefined;
    } catch (error) {
      if (!(error instanceof DatabaseError)) return undefined;
      // The block cuts long messages.
      const told = ruleOf(error.code ?? "", "direct").routineTells === true;
      return told && error.message.startsWith(message) ? error.routine : undefined;
    } finally {
      await client.query("rollback").catch(() => {});
    }
  }

  #asPersona(cell: Cell): readonly string[] {
    const { role, login } = cell.persona;
    const session = new Map([
      ["search_path", matrixPath(cell)],
      ...sessionOf(this.#settings.sessions, cell, undefined),
    ]);
    const calls = [...session].map(
      ([name, value]) => `set_config(${escapeLiteral(name)}, ${escapeLiteral(value)}, true)`,
    );
    return [
      `begin${this.#settings.readOnly ? " read only" : ""}`,
      `select ${calls.join(", ")}`,
      ...(login === undefined ? [] : [`set local session authorization ${quoteIdent(login)}`]),
      `set local role ${quoteIdent(role)}`,
    ];
  }
}
