import { subscribe } from "node:diagnostics_channel";
import { writeFileSync } from "node:fs";
import type { HttpFigures } from "./orders.ts";

/** A request as it went out. Holds a token: the file is the owner's alone and is removed after the run. */
export interface RecordedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: readonly string[];
}

interface UndiciRequest {
  readonly method: string;
  readonly path: string;
  readonly origin: string;
  /** Names and values in turn. */
  readonly headers: readonly string[];
}

/** Listens to undici's own announcements, so that nothing of what is measured is changed. */
export function recordRequests(file: string | undefined): { readonly finish: () => HttpFigures } {
  const recorded: RecordedRequest[] = [];
  let requests = 0;
  let first = 0;
  let last = 0;
  subscribe("undici:request:create", (message) => {
    const { request } = message as { request: UndiciRequest };
    requests += 1;
    first ||= performance.now();
    if (file !== undefined)
      recorded.push({ method: request.method, path: request.path, headers: [...request.headers] });
  });
  subscribe("undici:request:trailers", () => {
    last = performance.now();
  });
  return {
    finish: () => {
      if (file !== undefined) writeFileSync(file, JSON.stringify(recorded), { mode: 0o600 });
      return { requests, milliseconds: last - first };
    },
  };
}
