import type { ColumnInfo } from "../../model/catalog.ts";
import type { QualifiedName } from "../../lib/sql-text.ts";
import type { SchemaClient } from "./clients.ts";
import type { TextRow } from "../what-to-write.ts";
import { type JsonBody, jsonBody } from "./json-text.ts";
import { applyFilter, keepSpaces, restName, restNames } from "./query.ts";
import type { Filterable, RowFilter } from "./query.ts";
import type { Reply } from "./reply.ts";
import { type Rpc, asRows } from "./rpc.ts";
import type { HttpClient, Verb } from "./http-client.ts";
import type { HttpRequest, Sendable, Shape } from "./transport.ts";

export interface Page {
  /** `*` is written as such. */
  readonly columns: readonly string[];
  readonly filter?: RowFilter;
  readonly order?: readonly string[];
  readonly limit?: number;
  readonly offset?: number;
  /** Only rows that show a value in this column, besides `filter`. */
  readonly holding?: string | undefined;
  /** Asks the gateway to undo what a read cannot do: whether it says so tells about writes. */
  readonly rollback?: boolean;
}

/** A request of supabase-js that is being built. */
interface Draft extends Sendable, Filterable {
  select(columns?: string): unknown;
  order(column: string): unknown;
  limit(rows: number): unknown;
  range(from: number, to: number): unknown;
  rollback(): unknown;
}

interface Request extends HttpRequest {
  readonly build: () => Draft;
}

/** Which rows may be written where nothing is rolled back. */
export interface ScratchKeys {
  /** The columns that name a row. */
  readonly columns: readonly string[];
  /** The row is one that the run has made. */
  readonly permits: (columns: readonly string[], key: readonly (string | null)[]) => boolean;
}

/** PostgREST's requests to one relation, as one persona, each counted exactly. Writes ask to be rolled back. */
export class Caller {
  readonly #client: SchemaClient;
  readonly #http: HttpClient;
  readonly #name: string;
  readonly #columns: readonly ColumnInfo[];
  readonly #rpc: Rpc | undefined;
  readonly #own: ScratchKeys | undefined;
  readonly #relation: string;
  #from: ReturnType<SchemaClient["from"]> | undefined;
  #sent: (() => string) | undefined;

  /** `client` is the persona's for the relation's schema. With `rpc`, what is read is what the call returns. */
  constructor(
    client: SchemaClient,
    http: HttpClient,
    relation: QualifiedName & { columns: readonly ColumnInfo[] },
    rpc?: Rpc,
    own?: ScratchKeys,
  ) {
    this.#client = client;
    this.#http = http;
    // A name may hold what ends a path: `?`, `/`, `#`.
    this.#name = encodeURIComponent(relation.name);
    this.#relation = JSON.stringify([relation.schema, relation.name]);
    this.#columns = relation.columns;
    this.#rpc = rpc;
    this.#own = own;
  }

  /** The first request that was answered, as people read it. */
  get sent(): string | undefined {
    return this.#sent?.();
  }

  /** supabase-js copies it for each request. */
  get #table(): ReturnType<SchemaClient["from"]> {
    return (this.#from ??= this.#client.from(this.#name));
  }

  read(page: Page): Promise<Reply> {
    return this.#rpc === undefined ? this.#read("read", page) : this.#readCall(this.#rpc, page);
  }

  /** Calls the function for what it does, whatever comes back. */
  run({ rollback = false }: Pick<Page, "rollback"> = {}): Promise<Reply> {
    const rpc = this.#rpc;
    if (rpc === undefined) throw new Error("a relation cannot be called");
    const build = (): Draft => {
      const draft = this.#call(rpc);
      // All rows are counted whatever the limit says.
      if (rpc.returnsSet) draft.limit(rowsOfACall);
      if (rollback && rpc.method === "GET") draft.rollback();
      return draft;
    };
    return this.#send(verbOf(rpc), { build, body: rpc.arguments.text });
  }

  /** One row is not paged, and plain values have no columns to select or order by. */
  async #readCall(rpc: Rpc, page: Page): Promise<Reply> {
    const plain = rpc.value !== undefined;
    const whole = rpc.returnsSet ? page : { columns: page.columns };
    const asked = plain ? { ...whole, columns: [], order: [] } : whole;
    return asRows(await this.#read(verbOf(rpc), asked), rpc);
  }

  #call({ method, arguments: { values } }: Rpc): Draft {
    const draft: Draft = this.#client.rpc(this.#name, values, { get: method === "GET", ...counted });
    if (method === "POST") draft.rollback();
    return draft;
  }

  #rows(columns: readonly string[]): Draft {
    if (this.#rpc === undefined) {
      const names = columns.length === 0 ? "*" : restNames(columns);
      return keepSpaces(this.#table.select(names, counted), columns);
    }
    const draft = this.#call(this.#rpc);
    if (columns.length > 0) draft.select(restNames(columns));
    return keepSpaces(draft, columns);
  }

  #read(
    verb: Verb,
    { columns, filter, order = [], limit, offset, holding, rollback = false }: Page,
  ): Promise<Reply> {
    const build = (): Draft => {
      const draft = this.#rows(columns);
      if (filter !== undefined) applyFilter(draft, filter);
      if (holding !== undefined) draft.filter(restName(holding), "not.is", null);
      for (const column of order) draft.order(restName(column));
      if (offset !== undefined && limit !== undefined) draft.range(offset, offset + limit - 1);
      else if (limit !== undefined) draft.limit(limit);
      if (rollback) draft.rollback();
      return draft;
    };
    const isShared = this.#rpc === undefined && (filter === undefined || filter.kind === "none");
    const asked = [columns, order, limit, offset, holding, rollback];
    const shape = isShared ? this.#shape("GET", asked, () => undefined) : undefined;
    return this.#send(verb, { build, body: this.#rpc?.arguments.text, shape });
  }

  /** `returning`: columns of the changed rows to send back; none asks for the count alone. */
  update(filter: RowFilter, values: TextRow, returning: readonly string[] = []): Promise<Reply> {
    const body = this.#body(values);
    return this.#write(
      { build: () => this.#table.update(body.values, counted), body: body.text },
      filter,
      returning,
      this.#ownsFiltered(filter, values),
    );
  }

  delete(filter: RowFilter, returning: readonly string[] = []): Promise<Reply> {
    return this.#write(
      { build: () => this.#table.delete(counted), body: undefined },
      filter,
      returning,
      this.#ownsFiltered(filter, {}),
    );
  }

  insert(values: TextRow, returning: readonly string[] = []): Promise<Reply> {
    const body = this.#body(values);
    return this.#write(
      {
        build: () => this.#table.insert(body.values, counted),
        body: body.text,
        shape: this.#shape("POST", returning, () => body.text ?? JSON.stringify(body.values)),
      },
      none,
      returning,
      this.#ownsValues(values),
    );
  }

  upsert(values: TextRow, key: readonly string[]): Promise<Reply> {
    const body = this.#body(values);
    const options = { ...counted, onConflict: restNames(key) };
    return this.#write(
      {
        build: () => this.#table.upsert(body.values, options),
        body: body.text,
        shape: this.#shape("upsert", key, () => body.text ?? JSON.stringify(body.values)),
      },
      none,
      [],
      this.#ownsValues(values),
    );
  }

  /** The row is named by its whole key, and keeps it. */
  #ownsFiltered(filter: RowFilter, values: TextRow): boolean {
    if (this.#own === undefined || filter.kind !== "row") return false;
    return this.#own.permits(filter.columns, filter.key) && !this.#own.columns.some((name) => name in values);
  }

  #ownsValues(values: TextRow): boolean {
    const columns = this.#own?.columns ?? [];
    return (
      this.#own?.permits(
        columns,
        columns.map((name) => values[name] ?? null),
      ) === true
    );
  }

  /** Every request of that kind to the relation is written alike. */
  #shape(verb: string, asked: readonly unknown[], body: () => string | undefined): Shape {
    const { authorization } = this.#client;
    return { key: `${verb} ${this.#relation} ${JSON.stringify(asked)}`, authorization, body };
  }

  #write(start: Request, filter: RowFilter, returning: readonly string[], own: boolean): Promise<Reply> {
    const build = (): Draft => {
      const draft = start.build();
      applyFilter(draft, filter);
      if (returning.length > 0) draft.select(restNames(returning));
      keepSpaces(draft, returning);
      draft.rollback();
      return draft;
    };
    return this.#send("write", { ...start, build }, own);
  }

  async #send(verb: Verb, request: Request, own = false): Promise<Reply> {
    const reply = await this.#http.send(verb, request, own);
    this.#sent ??= reply.sent;
    return reply;
  }

  #body(values: TextRow): JsonBody {
    return jsonBody(values, (name) => this.#columns.find((column) => column.name === name)?.type);
  }
}

const counted = { count: "exact" } as const;

/** Of a call that is asked whether it goes through: more rows would only fill the memory. */
const rowsOfACall = 1000;

const none: RowFilter = { kind: "none" };

function verbOf({ method }: Rpc): Verb {
  return method === "GET" ? "read" : "write";
}
