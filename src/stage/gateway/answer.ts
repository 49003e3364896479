import { refuse } from "./errors.ts";
import type { Outcome } from "./plan.ts";

export interface Answer {
  readonly status: number;
  readonly statusText?: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export type Headers = Readonly<Record<string, string | undefined>>;

/** What the gateway would answer, before the database has had its say. */
export interface Draft {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

/**
 * Functions and triggers may set status and headers of the answer.
 * @throws {Refused} PGRST111, PGRST112
 */
export function overridden(
  { status, headers, body }: Draft,
  { responseHeaders, responseStatus }: Outcome,
): Answer {
  const chosen = responseStatus === null ? undefined : Number(/^\d+/.exec(responseStatus)?.[0]);
  if (chosen !== undefined && !isStatus(chosen)) throw refuse.responseStatus();
  const own = responseHeaders === null ? [] : readHeaders(responseHeaders);
  const taken = new Set(own.map(([name]) => name.toLowerCase()));
  const kept = Object.entries(headers).filter(([name]) => !taken.has(name.toLowerCase()));
  const all = [...kept, ...own].filter((pair): pair is [string, string] => pair[1] !== undefined);
  return { status: chosen ?? status, headers: Object.fromEntries(all), body };
}

/** What can be sent as the status of a whole answer; PostgREST tries any number. */
export function isStatus(status: number): boolean {
  return Number.isInteger(status) && status >= 200 && status <= 999;
}

function readHeaders(text: string): [string, string][] {
  const list = parseList(text);
  return list.map((item) => {
    const entries = typeof item === "object" && item !== null ? Object.entries(item) : [];
    const [name, value]: readonly unknown[] = entries[0] ?? [];
    if (entries.length !== 1 || typeof name !== "string" || typeof value !== "string")
      throw refuse.responseHeaders();
    return [name, value];
  });
}

function parseList(text: string): readonly unknown[] {
  try {
    const value: unknown = JSON.parse(text);
    if (Array.isArray(value)) return value;
  } catch {
    // Refused below.
  }
  throw refuse.responseHeaders();
}
