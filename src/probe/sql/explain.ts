import { DatabaseError, escapeLiteral } from "pg";
import { isCode, policyRoutines, ruleOf } from "../../model/answers.ts";
import type { Cell } from "../../model/cell.ts";
import type { Answer } from "../../model/observation.ts";
import { WriteRefused, wouldWrite } from "../../model/posture.ts";
import { operationInfo } from "../../model/operations.ts";
import { quoteIdent, quoteQualified } from "../../lib/sql-text.ts";
import { privilegesOf, readColumn, writable } from "../what-to-write.ts";
import type { BatchSettings } from "./batch.ts";
import type { Line } from "./exchange.ts";
import type { ExplainRequest, Reply } from "./protocol.ts";
import { readingWhere } from "./statements.ts";
import { matrixPath, sessionOf } from "../sessions.ts";

/** The server's routine that refused; `beforeRows`: it refuses to plan or to start the statement, so no row matters. */
export type Refusal = Pick<Answer, "routine" | "beforeRows">;

/** Whether the server answered: a timeout or a lost connection is no answer. */
interface Asked {
  answered: boolean;
}

/** Refusals with the same key come of the same routine. */
export function refusalKey(cell: Cell, { message }: ExplainRequest): string {
  return JSON.stringify([cell.relation.info.oid, cell.operation, cell.persona.role, message]);
}

/** Runs a refused statement by itself: the wire tells the server's routine, which a block cannot see. */
export class Routines {
  readonly #line: Line;
  readonly #settings: BatchSettings;
  readonly #known = new Map<string, Refusal | undefined>();

  constructor(line: Line, settings: BatchSettings) {
    this.#line = line;
    this.#settings = settings;
  }

  async explain(cell: Cell, request: ExplainRequest): Promise<Reply> {
    const { sql, message } = request;
    const key = refusalKey(cell, request);
    if (!this.#known.has(key)) {
      const asked = { answered: true };
      const refusal = await this.#refusalOf(cell, sql, message, asked);
      // A busy server that gave no answer in time may give one to the next cell.
      if (!asked.answered) return { kind: "routine", ...refusal };
      this.#known.set(key, refusal);
    }
    return { kind: "routine", ...this.#known.get(key) };
  }

  async #refusalOf(
    cell: Cell,
    statement: string,
    message: string,
    asked: Asked,
  ): Promise<Refusal | undefined> {
    if (this.#settings.readOnly && wouldWrite(cell)) throw new WriteRefused(statement);
    const routine = await this.#routineOf(cell, statement, message, asked);
    // It speaks of rows, so the statement starts.
    if (routine !== undefined && policyRoutines.has(routine)) return { routine };
    const early = await this.#neverStarts(cell, statement, message, asked);
    if (early !== undefined) return { routine: early, beforeRows: true };
    return routine === undefined ? undefined : { routine };
  }

  /** EXPLAIN checks every privilege, and reads no row. */
  async #neverStarts(
    cell: Cell,
    statement: string,
    message: string,
    asked: Asked,
  ): Promise<string | undefined> {
    let routine: string | undefined;
    for (const one of startingStatements(cell, statement)) {
      routine = await this.#routineOf(cell, `explain ${one}`, message, asked);
      if (routine === undefined) return undefined;
    }
    return routine;
  }

  async #routineOf(
    cell: Cell,
    statement: string,
    message: string,
    asked: Asked,
  ): Promise<string | undefined> {
    const { client, lost } = this.#line;
    if (lost !== undefined) {
      asked.answered = false;
      return undefined;
    }
    this.#line.roundTrips += 1;
    try {
      // One message without BEGIN is one transaction: the refusal ends it, or the ROLLBACK does.
      await client.query([...this.#asPersona(cell), statement, "rollback"].join("; "));
      return undefined;
    } catch (error) {
      if (!(error instanceof DatabaseError) || isCode(error.code ?? "", "cancelled")) {
        asked.answered = false;
        return undefined;
      }
      // The block cuts long messages.
      const told = ruleOf(error.code ?? "", "direct").routineTells === true;
      return told && error.message.startsWith(message) ? error.routine : undefined;
    }
  }

  #asPersona(cell: Cell): readonly string[] {
    const { role, login } = cell.persona;
    const session = new Map([
      ["search_path", matrixPath(this.#settings.sessions, cell)],
      ...sessionOf(this.#settings.sessions, cell, undefined),
    ]);
    const calls = [...session].map(
      ([name, value]) => `set_config(${escapeLiteral(name)}, ${escapeLiteral(value)}, true)`,
    );
    return [
      ...(this.#settings.readOnly ? ["set transaction read only"] : []),
      ...(this.#settings.changes ?? []),
      `select ${calls.join(", ")}`,
      ...(login === undefined ? [] : [`set local session authorization ${quoteIdent(login)}`]),
      `set local role ${quoteIdent(role)}`,
    ];
  }
}

const columnsAtMost = 40;

/**
 * Statements of which one would start if any of the operation's did: a default, or a generated column's expression, is only asked
 * for its privileges by those that leave the one out, or write what the other reads.
 */
function startingStatements(cell: Cell, statement: string): readonly string[] {
  const { info, key } = cell.relation;
  const { setsValues, blind } = operationInfo[cell.operation];
  const held = privilegesOf(cell);
  const table = quoteQualified(info);
  const updated = writable(info, held.update).map(({ name }) => quoteIdent(name));
  if (updated.length > columnsAtMost) return [];
  if (setsValues)
    return updated.map((name) =>
      `update ${table} set ${name} = null ${blind ? "" : readingWhere(readColumn(cell))}`.trimEnd(),
    );
  if (cell.operation !== "insert" && cell.operation !== "upsert") return [statement];
  const written = writable(info, held.insert).map(({ name }) => quoteIdent(name));
  const inserted = `insert into ${table} (${written.join(", ")}) values (${written.map(() => "null").join(", ")})`;
  if (cell.operation === "insert") return [inserted];
  const target = key.map(quoteIdent).join(", ");
  return updated.map(
    (name) => `${inserted} on conflict (${target}) do update set ${name} = excluded.${name}`,
  );
}
