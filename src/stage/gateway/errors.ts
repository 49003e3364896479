/** What a refused request is answered with: PostgREST's four fields, its status, and headers of that error alone. */
export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly details: string | null;
  readonly hint: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  /** Reason phrase, when the database chose one. */
  readonly statusText?: string | undefined;
}

/** Ends a request with an answer that is an error. */
export class Refused extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal, cause?: Error) {
    super(refusal.message, { cause });
    this.name = "Refused";
    this.refusal = refusal;
  }
}

function refused(
  status: number,
  code: string,
  message: string,
  details: string | null = null,
  hint: string | null = null,
): Refused {
  return new Refused({ status, code, message, details, hint });
}

function badToken(code: string, message: string, details: string | null = null): Refused {
  const challenge = `Bearer error="invalid_token", error_description=${JSON.stringify(message)}`;
  return new Refused({
    status: 401,
    code,
    message,
    details,
    hint: null,
    headers: { "WWW-Authenticate": challenge },
  });
}

/**
 * PostgREST's own errors: code, status and wording of each, as of 16.2.
 * Source: https://docs.postgrest.org/en/v16/references/errors.html
 */
export const refuse = {
  connection: (details: string): Refused => refused(503, "PGRST000", "Database connection error.", details),
  client: (details: string): Refused =>
    refused(503, "PGRST001", "Database client error. Retrying the connection.", details),
  poolTimeout: (): Refused =>
    refused(504, "PGRST003", "Timed out acquiring connection from connection pool."),
  query: (message: string, details: string): Refused => refused(400, "PGRST100", message, details),
  rpcMethod: (method: string): Refused => refused(405, "PGRST101", `Cannot use the ${method} method on RPC`),
  body: (message: string): Refused => refused(400, "PGRST102", message),
  range: (details: string): Refused => refused(416, "PGRST103", "Requested range not satisfiable", details),
  putFilters: (): Refused =>
    refused(405, "PGRST105", "Filters must include all and only primary key columns with 'eq' operators"),
  schema: (schema: string, exposed: readonly string[]): Refused =>
    refused(
      406,
      "PGRST106",
      `Invalid schema: ${schema}`,
      null,
      `Only the following schemas are exposed: ${exposed.join(", ")}`,
    ),
  mediaType: (types: readonly string[]): Refused =>
    refused(406, "PGRST107", `None of these media types are available: ${types.join(", ")}`),
  notEmbedded: (name: string): Refused =>
    refused(
      400,
      "PGRST108",
      `'${name}' is not an embedded resource in this request`,
      null,
      `Verify that '${name}' is included in the 'select' query parameter.`,
    ),
  responseHeaders: (): Refused =>
    refused(
      500,
      "PGRST111",
      "response.headers guc must be a JSON array composed of objects with a single key and a string value",
    ),
  responseStatus: (): Refused => refused(500, "PGRST112", "response.status guc must be a valid status code"),
  putLimit: (): Refused =>
    refused(400, "PGRST114", "limit/offset querystring parameters are not allowed for PUT"),
  putKey: (): Refused => refused(400, "PGRST115", "Payload values do not match URL in primary key column(s)"),
  notSingular: (rows: number): Refused =>
    refused(
      406,
      "PGRST116",
      "Cannot coerce the result to a single JSON object",
      `The result contains ${rows} rows`,
    ),
  method: (method: string): Refused => refused(405, "PGRST117", `Unsupported HTTP method: ${method}`),
  raised: (details: string, hint: string): Refused =>
    refused(500, "PGRST121", "Could not parse JSON in the \"RAISE SQLSTATE 'PGRST'\" error", details, hint),
  preferences: (unknown: readonly string[]): Refused =>
    refused(
      400,
      "PGRST122",
      "Invalid preferences given with handling=strict",
      `Invalid preferences: ${unknown.join(", ")}`,
    ),
  aggregates: (): Refused => refused(400, "PGRST123", "Use of aggregate functions is not allowed"),
  maxAffected: (rows: number): Refused =>
    refused(
      400,
      "PGRST124",
      "Query result exceeds max-affected preference constraint",
      `The query affects ${rows} rows`,
    ),
  path: (): Refused => refused(404, "PGRST125", "Invalid path specified in request URL"),
  maxAffectedRpc: (): Refused =>
    refused(
      400,
      "PGRST128",
      "Function must return SETOF or TABLE when max-affected preference is used with handling=strict",
    ),
  routine: (message: string, details: string): Refused => refused(404, "PGRST202", message, details),
  ambiguousRoutine: (candidates: string): Refused =>
    refused(
      300,
      "PGRST203",
      `Could not choose the best candidate function between: ${candidates}`,
      null,
      "Try renaming the parameters or the function itself in the database so function overloading can be resolved",
    ),
  column: (relation: string, column: string): Refused =>
    refused(400, "PGRST204", `Could not find the '${column}' column of '${relation}' in the schema cache`),
  table: (schema: string, name: string): Refused =>
    refused(404, "PGRST205", `Could not find the table '${schema}.${name}' in the schema cache`),
  noSecret: (): Refused => refused(500, "PGRST300", "Server lacks JWT secret"),
  token: (message: string, details?: string): Refused => badToken("PGRST301", message, details),
  anonymous: (): Refused =>
    new Refused({
      status: 401,
      code: "PGRST302",
      message: "Anonymous access is disabled",
      details: null,
      hint: null,
      headers: { "WWW-Authenticate": "Bearer" },
    }),
  claims: (message: string): Refused => badToken("PGRST303", message),

  // Not PostgREST's: what this gateway does not do. A prober reads both as "could not tell".
  notSpoken: (what: string): Refused =>
    refused(
      501,
      "ROWGATE501",
      `The builtin gateway does not speak this part of PostgREST's protocol: ${what}`,
      null,
      "Run a real PostgREST instead: put `postgrest` on PATH, or set ROWGATE_POSTGREST_BIN to its path.",
    ),
  tooLarge: (bytes: number): Refused =>
    refused(413, "ROWGATE413", `The request's body is larger than ${bytes} bytes`),
  internal: (): Refused => refused(500, "ROWGATE500", "The builtin gateway failed on this request"),
};
