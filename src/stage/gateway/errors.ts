import { messageOf } from "../../model/errors.ts";
import type { DatabaseError } from "pg";

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
  const header = `Bearer error="invalid_token", error_description=${JSON.stringify(message)}`;
  return new Refused({
    status: 401,
    code,
    message,
    details,
    hint: null,
    headers: { "WWW-Authenticate": header },
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
  schema: (schema: string, exposed: readonly string[]): Refused =>
    refused(
      406,
      "PGRST106",
      `Invalid schema: ${schema}`,
      null,
      `Only the following schemas are exposed: ${exposed.join(", ")}`,
    ),
  responseHeaders: (): Refused =>
    refused(
      500,
      "PGRST111",
      "response.headers guc must be a JSON array composed of objects with a single key and a string value",
    ),
  responseStatus: (): Refused => refused(500, "PGRST112", "response.status guc must be a valid status code"),
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
  path: (): Refused => refused(404, "PGRST125", "Invalid path specified in request URL"),
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

/** Status of a SQLSTATE, or of its first characters. Source: https://docs.postgrest.org/en/v16/references/errors.html */
const statuses: Readonly<Record<string, number>> = {
  "08": 503,
  "09": 500,
  "0L": 403,
  "0P": 403,
  "23503": 409,
  "23505": 409,
  "25006": 405,
  "21000": 500,
  "25": 500,
  "28": 403,
  "2D": 500,
  "38": 500,
  "39": 500,
  "3B": 500,
  "40": 500,
  "53400": 500,
  "53": 503,
  "54": 500,
  "55": 500,
  "57P01": 503,
  "57": 500,
  "58": 500,
  F0: 500,
  HV: 500,
  P0001: 400,
  P0: 500,
  XX: 500,
  "42883": 404,
  "42P01": 404,
  "42P17": 500,
};

/** The answer to a request whose statement failed. `isAnonymous`: it ran as the anonymous role. */
export function refusalOf(error: DatabaseError, isAnonymous: boolean): Refusal {
  const { code = "", message, detail, hint } = error;
  if (code === "PGRST") return raisedRefusal(message, detail);
  const status = statusOf(code, message, isAnonymous);
  const refusal = { status, code, message, details: detail ?? null, hint: hint ?? null };
  if (code.startsWith("PT")) return { ...refusal, statusText: message, ...challenge(status) };
  return { ...refusal, ...challenge(status) };
}

function challenge(status: number): Pick<Refusal, "headers"> {
  return status === 401 ? { headers: { "WWW-Authenticate": "Bearer" } } : {};
}

function statusOf(code: string, message: string, isAnonymous: boolean): number {
  if (code === "42501") return isAnonymous ? 401 : 403;
  if (code === "22023") return /^role.*does not exist$/s.test(message) ? 401 : 400;
  // pg-safeupdate's refusal; any other of this code is the database's own fault.
  if (code === "21000" && message.endsWith("requires a WHERE clause")) return 400;
  if (code === "42883" && message.startsWith("function xmlagg(")) return 406;
  if (code.startsWith("PT")) return isStatus(Number(code.slice(2))) ? Number(code.slice(2)) : 500;
  return statuses[code] ?? statuses[code.slice(0, 2)] ?? 400;
}

/** `raise sqlstate 'PGRST'`: message and detail are JSON, and say the whole answer. */
function raisedRefusal(message: string, detail: string | undefined): Refusal {
  const raised = parse(message);
  const about = detail === undefined ? undefined : parse(detail);
  const { code, message: text, details, hint } = raised ?? {};
  if (typeof code !== "string" || typeof text !== "string")
    return unreadable(`Invalid JSON value for MESSAGE: '${message}'`, messageForm);
  if (detail === undefined) return unreadable("DETAIL is missing in the RAISE statement", detailForm);
  const { status, status_text: statusText, headers } = about ?? {};
  if (typeof status !== "number" || !isStatus(status) || !isTexts(headers))
    return unreadable(`Invalid JSON value for DETAIL: '${detail}'`, detailForm);
  return {
    status,
    statusText: typeof statusText === "string" ? statusText : undefined,
    code,
    message: text,
    details: typeof details === "string" ? details : null,
    hint: typeof hint === "string" ? hint : null,
    headers,
  };
}

const messageForm =
  "MESSAGE must be a JSON object with obligatory keys: 'code', 'message' and optional keys: 'details', 'hint'.";
const detailForm =
  "DETAIL must be a JSON object with obligatory keys: 'status', 'headers' and optional key: 'status_text'.";

function unreadable(details: string, hint: string): Refusal {
  return refuse.raised(details, hint).refusal;
}

function parse(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null
      ? (value as Readonly<Record<string, unknown>>)
      : undefined;
  } catch {
    return undefined;
  }
}

function isTexts(value: unknown): value is Readonly<Record<string, string>> {
  return (
    typeof value === "object" &&
    value !== null &&
    Object.values(value).every((text) => typeof text === "string")
  );
}

/** The pool had no connection to give, or the one it gave is gone. */
export function connectionRefusal(error: unknown): Refused {
  const message = messageOf(error);
  return message.startsWith("timeout exceeded") ? refuse.poolTimeout() : refuse.connection(message);
}

/** What can be sent as the status of a whole answer; PostgREST tries any number. */
export function isStatus(status: number): boolean {
  return Number.isInteger(status) && status >= 200 && status <= 999;
}
