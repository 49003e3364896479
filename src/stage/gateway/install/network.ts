import { RowgateError } from "../../../model/errors.ts";
import { installError } from "./errors.ts";

interface Circumstances {
  readonly signal: AbortSignal;
  readonly hint: string;
}

const trust =
  "if this network's proxy signs what passes through it, name its CA's certificate (PEM) with NODE_EXTRA_CA_CERTS";

/** What a connection's failure means to a person. @param bytes that had arrived */
export function networkError(
  { host }: URL,
  cause: unknown,
  { signal, hint }: Circumstances,
  bytes?: number,
): RowgateError {
  if (cause instanceof RowgateError) return cause;
  if (signal.aborted)
    return stopped(
      `${host} took too long: ${bytes ?? 0} bytes arrived in the time that there was`,
      signal.reason,
    );
  const { code, message } = innermost(cause);
  const details = code === undefined || message.includes(code) ? message : `${code}: ${message}`;
  if (/CERT|SIGNATURE|ISSUER/.test(code ?? ""))
    return installError("offline", `the certificate of ${host} is not trusted`, {
      details,
      hint: trust,
      cause,
    });
  if (bytes === undefined)
    return installError("offline", `${host} cannot be reached`, { details, hint, cause });
  return installError("download", `the connection to ${host} broke after ${bytes} bytes`, {
    details,
    hint: "try again",
    cause,
  });
}

/** @param late what to say when it is not a person who has stopped it, but the time for all of it */
export function stopped(late: string, reason: unknown): RowgateError {
  if (!(reason instanceof Error) || reason.name !== "TimeoutError")
    return installError("download", "interrupted", { cause: reason });
  return installError("download", late, {
    hint: "give it more with --timeout <seconds>, or use a mirror (--mirror)",
    cause: reason,
  });
}

/** @param url what answered so */
export function refusedStatus(status: number, { host }: URL, hint: string): RowgateError {
  const limited = status === 403 || status === 429;
  return installError("download", `${host} answers ${status}`, {
    hint: limited
      ? "GitHub answers so when an address has asked too often: wait an hour, set GITHUB_TOKEN, or give --sha256 with the version"
      : hint,
  });
}

/** Undici and Node wrap what the system said. */
function innermost(error: unknown): { readonly code: string | undefined; readonly message: string } {
  if (error instanceof AggregateError && error.errors.length > 0) return innermost(error.errors[0]);
  if (!(error instanceof Error)) return { code: undefined, message: String(error) };
  if (error.cause instanceof Error) return innermost(error.cause);
  const code = "code" in error && typeof error.code === "string" ? error.code : undefined;
  return { code, message: error.message };
}
