import type { Answer, HttpFacts } from "../../model/observation.ts";
import { ProbeFailure } from "./failure.ts";
import { elementsOf } from "./json-text.ts";
import type { RawReply } from "./response-handler.ts";

export interface Reply {
  readonly answer: Answer;
  readonly body: string;
  /** The request, as people read it. */
  readonly sent: () => string;
}

/**
 * What PostgREST describeAnswer. Anything that it would not say (a proxy's page, a success without its count) is no answer at
 * all: throws ProbeFailure `protocol`.
 */
export function replyOf(raw: RawReply): Reply {
  const { status, contentRange, preferenceApplied, body, sent } = raw;
  if (raw.cached !== undefined) throw unfit(raw, `did not answer, a cache did (${raw.cached})`);
  const http: HttpFacts = { status, contentRange, preferenceApplied };
  if (status < 200 || status > 299) return { answer: { ...errorOf(raw), http }, body, sent };
  const rows = countOf(contentRange);
  if (rows === undefined) {
    throw unfit(
      raw,
      `answered ${status} with Content-Range ${contentRange ?? "missing"}, though count=exact was asked for`,
    );
  }
  return { answer: { code: null, rows, http }, body, sent };
}

const longestMessage = 2_000;

/** PostgREST's `{"code", "message", …}`; the code is a SQLSTATE or PostgREST's own. */
function errorOf(raw: RawReply): { readonly code: string; readonly message: string } {
  const error = parsed(raw.body);
  const { code, message }: { code: unknown; message: unknown } = {
    code: undefined,
    message: undefined,
    ...error,
  };
  if (typeof code !== "string" || !/^(?:[0-9A-Z]{5}|PGRST[0-9A-Z]+)$/.test(code)) {
    throw unfit(raw, `answered ${raw.status} without a code, as PostgREST never does`);
  }
  // A function may raise one as long as a field may be; it goes into the archive with every cell.
  return { code, message: typeof message === "string" ? message.slice(0, longestMessage) : "" };
}

/** The total after the slash of `0-2/14`; before the slash is a star when there is no row. */
function countOf(contentRange: string | null): number | undefined {
  const total = /^(?:\*|\d+-\d+)\/(\d+)$/.exec(contentRange ?? "")?.[1];
  return total === undefined ? undefined : Number(total);
}

/** The one sign that a gateway honours `Prefer: tx=rollback`; errors and forced rollbacks do not carry it. */
export function saysRolledBack(http: Pick<HttpFacts, "preferenceApplied"> | undefined): boolean {
  const applied = http?.preferenceApplied?.split(",") ?? [];
  return applied.some((preference) => preference.trim() === "tx=rollback");
}

/** The rows of an answer, each as JSON text. Throws ProbeFailure: a body that is no array is not PostgREST's. */
export function rowsOf({ answer, body }: Reply): string[] {
  const rows = elementsOf(body);
  if (rows === undefined) {
    throw new ProbeFailure(
      "protocol",
      `the gateway answered ${answer.http?.status} with a body that is no JSON array`,
    );
  }
  return rows;
}

/** An answer in a few words. */
export function describeAnswer({ code, message, http }: Answer): string {
  return code === null ? `${http?.status}` : `${code} ${message ?? ""}`.trimEnd();
}

function parsed(body: string): object | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function unfit(raw: RawReply, message: string): ProbeFailure {
  return new ProbeFailure("protocol", `the gateway ${message}`, raw.sent());
}
