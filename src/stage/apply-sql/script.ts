import type { Client, Connection, Submittable } from "pg";

/** How far a text of several statements came: one tag for each that was completed, in order. */
export interface ScriptOutcome {
  readonly completed: readonly string[];
  /** `undefined`: all of it ran. */
  readonly error: Error | undefined;
}

/**
 * Sends a whole text as one simple query. Postgres answers one CommandComplete for each statement of it, so their count
 * says which one failed without running anything twice.
 * @param rows what each `COPY … FROM stdin` in it loads, in their order
 */
export async function runScript(
  client: Client,
  text: string,
  rows: readonly string[] = [],
): Promise<ScriptOutcome> {
  return new Promise((resolve) => {
    client.query(new Script(text, rows, resolve));
  });
}

/** Of pg's connection, which its types leave out. */
interface CopyIn {
  sendCopyFail(reason: string): void;
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
}

// What pg calls on the query that it is busy with; its own Query keeps the results and forgets them on an error.
class Script implements Submittable {
  readonly #text: string;
  readonly #rows: string[];
  readonly #done: (outcome: ScriptOutcome) => void;
  readonly #completed: string[] = [];

  constructor(text: string, rows: readonly string[], done: (outcome: ScriptOutcome) => void) {
    this.#text = text;
    this.#rows = [...rows];
    this.#done = done;
  }

  submit(connection: Connection): void {
    connection.query(this.#text);
  }

  handleCommandComplete(message: { readonly text: string }): void {
    this.#completed.push(message.text);
  }

  handleCopyInResponse(connection: Connection & CopyIn): void {
    const rows = this.#rows.shift();
    if (rows === undefined) return connection.sendCopyFail("rowgate sends no COPY data");
    connection.sendCopyFromChunk(Buffer.from(rows));
    connection.endCopyFrom();
  }

  handleError(error: Error): void {
    this.#done({ completed: this.#completed, error });
  }

  handleReadyForQuery(): void {
    this.#done({ completed: this.#completed, error: undefined });
  }

  handleRowDescription(): void {}
  handleDataRow(): void {}
  handleCopyData(): void {}
  handleEmptyQuery(): void {}
}
