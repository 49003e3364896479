import { DatabaseError } from "pg";
import { RowgateError } from "../model/errors.ts";
import type { EdgeCode, LinkFailure } from "../model/link-failure.ts";

/** A connection that failed, or a request without an answer. */
export class LinkError extends Error {
  readonly failure: LinkFailure;

  constructor(failure: LinkFailure) {
    super(failure.message);
    this.name = "LinkError";
    this.failure = failure;
  }
}

/** Errors of `pg` without a code: only the beginning of the message identifies them. */
const byMessage: readonly (readonly [start: string, code: EdgeCode])[] = [
  ["The server does not support SSL", "no-tls"],
  ["There was an error establishing an SSL", "no-tls"],
  ["SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be", "no-password"],
  ["timeout expired", "timeout"],
  ["Query read timeout", "timeout"],
  ["Connection terminated due to connection timeout", "timeout"],
  ["Connection terminated", "closed"],
];

/** Names of `undici` for what has a name of the system's own. */
const renamed: Readonly<Record<string, EdgeCode>> = {
  UND_ERR_CONNECT_TIMEOUT: "timeout",
  UND_ERR_HEADERS_TIMEOUT: "timeout",
  UND_ERR_BODY_TIMEOUT: "timeout",
  TimeoutError: "timeout",
};

/** Facts of an error, also of one that others wrap. No error of a connection contains its password. */
export function linkFailure(error: unknown): LinkFailure {
  if (error instanceof LinkError) return error.failure;
  if (error instanceof RowgateError && error.code === "direct/not-read-only")
    return { code: "not-read-only", message: error.message };
  if (error instanceof RowgateError && error.cause !== undefined) return linkFailure(error.cause);
  // Node tries each address of a name, and fails with all errors together.
  if (error instanceof AggregateError && error.errors.length > 0) return linkFailure(error.errors[0]);
  if (!(error instanceof Error)) return { code: "unknown", message: String(error) };
  const { message } = error;
  const own = "code" in error && typeof error.code === "string" ? error.code : named(error);
  const code = own ?? byMessage.find(([start]) => message.startsWith(start))?.[1] ?? "unknown";
  return { code: renamed[code] ?? code, message: messageOf(error), certifies: certifiedHosts(error) };
}

/** An AbortSignal's errors have a number for a code. */
function named({ name }: Error): string | undefined {
  return Object.hasOwn(renamed, name) ? name : undefined;
}

function messageOf(error: Error): string {
  return error instanceof DatabaseError && error.detail !== undefined
    ? `${error.message} (${error.detail})`
    : error.message;
}

/** Host names of a certificate that Node rejected: it is part of the error. */
function certifiedHosts(error: Error): string | undefined {
  if (!("cert" in error) || typeof error.cert !== "object" || error.cert === null) return undefined;
  const names = "subjectaltname" in error.cert ? error.cert.subjectaltname : undefined;
  return typeof names === "string" ? names.replaceAll(/\b(?:DNS|IP Address):/g, "") : undefined;
}
