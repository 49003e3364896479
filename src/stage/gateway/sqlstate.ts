import type { DatabaseError } from "pg";
import { isStatus } from "./answer.ts";
import { refuse, Refused } from "./errors.ts";
import type { Refusal } from "./errors.ts";

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

/** What a request is answered with whose statement failed. `isAnonymous`: its role is the one of nobody. */
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
  const said = parse(message);
  const about = detail === undefined ? undefined : parse(detail);
  const { code, message: text, details, hint } = said ?? {};
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
  const message = error instanceof Error ? error.message : String(error);
  return message.startsWith("timeout exceeded") ? refuse.poolTimeout() : refuse.connection(message);
}
