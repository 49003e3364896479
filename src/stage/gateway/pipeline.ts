import { DatabaseError } from "pg";
import type { ClientBase, Connection, Submittable } from "pg";
import type { Statement } from "./fragment.ts";

/** What came back of statements sent together: the rows of each one that ran, and the error that ended them. */
interface Answered {
  readonly rows: readonly (readonly (readonly (string | null)[])[])[];
  readonly error: DatabaseError | undefined;
}

/** Of each connection, role and statement: the name under which the server keeps it prepared. */
const memories = new WeakMap<Connection, Map<string, Map<string, string>>>();
/** For one role. */
const mostPrepared = 500;
const rollback: Statement = { text: "rollback", values: [] };

/**
 * Sends statements in one message and reads all their answers: one round trip, values bound, each statement prepared once
 * for its connection, as PostgREST does. What follows a failed statement is skipped by the server.
 *
 * `role` is whom they run as: Postgres plans a statement anew when it meets policies as another role, so each role has its
 * own. Privileges are asked at each execution.
 */
export function runPipeline(
  client: ClientBase,
  statements: readonly Statement[],
  role: string,
): Promise<Answered> {
  return new Promise((resolve, reject) => {
    client.query(new Pipeline({ client, statements, role, resolve, reject }));
  });
}

interface Task {
  readonly client: ClientBase;
  readonly statements: readonly Statement[];
  readonly role: string;
  readonly resolve: (answered: Answered) => void;
  readonly reject: (error: Error) => void;
}

interface Step extends Statement {
  readonly name: string;
  readonly isNew: boolean;
}

/** pg's interface for queries that speak the protocol themselves, as pg-cursor and pg-copy-streams do. */
class Pipeline implements Submittable {
  private readonly task: Task;
  private readonly rows: (string | null)[][][] = [];
  private current: (string | null)[][] = [];
  /** Steps before the task's own statements. */
  private leading = 0;
  private remember: () => void = () => undefined;

  constructor(task: Task) {
    this.task = task;
  }

  submit(connection: Connection): void {
    const { client, statements, role } = this.task;
    const prepared = preparedFor(connection, role);
    // A failed transaction holds nothing any more; ended here, it needs no separate round trip.
    const leading = client.getTransactionStatus() === "E" ? [rollback] : [];
    this.leading = leading.length;
    const steps = [...leading, ...statements].map((statement) => stepOf(statement, prepared));
    this.rememberParsed(connection, steps, prepared);
    send(connection, steps);
  }

  /** Which of the new statements the server has taken is known by its answers: after an error, not all of them. */
  private rememberParsed(
    connection: Connection,
    steps: readonly Step[],
    prepared: Map<string, string>,
  ): void {
    let parsed = 0;
    const count = (): unknown => (parsed += 1);
    connection.on("parseComplete", count);
    this.remember = () => {
      connection.off("parseComplete", count);
      const taken = steps.filter(({ isNew }) => isNew).slice(0, parsed);
      for (const { text, name } of taken) if (name !== "") prepared.set(text, name);
    };
  }

  handleDataRow(message: { readonly fields: (string | null)[] }): void {
    this.current.push(message.fields);
  }

  handleCommandComplete(): void {
    this.rows.push(this.current);
    this.current = [];
  }

  handleError(error: Error): void {
    this.remember();
    if (error instanceof DatabaseError) this.finish(error);
    // The connection itself is gone.
    else this.task.reject(error);
  }

  handleReadyForQuery(): void {
    this.remember();
    this.finish(undefined);
  }

  private finish(error: DatabaseError | undefined): void {
    this.task.resolve({ rows: this.rows.slice(this.leading), error });
  }
}

let names = 0;

function preparedFor(connection: Connection, role: string): Map<string, string> {
  const roles = memories.get(connection) ?? new Map<string, Map<string, string>>();
  const prepared = roles.get(role) ?? new Map<string, string>();
  memories.set(connection, roles.set(role, prepared));
  return prepared;
}

function stepOf({ text, values }: Statement, prepared: ReadonlyMap<string, string>): Step {
  const name = prepared.get(text);
  if (name !== undefined) return { text, values, name, isNew: false };
  // Beyond the limit a statement is prepared without a name, for once.
  const keeps = prepared.size < mostPrepared;
  return { text, values, name: keeps ? `rowgate_${(names += 1)}` : "", isNew: true };
}

function send(connection: Connection, steps: readonly Step[]): void {
  connection.stream.cork();
  for (const { text, values, name, isNew } of steps) {
    if (isNew) connection.parse({ text, name, types: [] }, true);
    connection.bind({ statement: name, values: [...values] }, true);
    connection.execute(null, true);
  }
  connection.sync();
  connection.stream.uncork();
}
