import type { RowgateErrorFacts } from "../../model/errors.ts";

/** What rowgate writes to the supervisor's stdin, one JSON line, before anything else. */
export interface Order {
  /** Folder with `bin/`, `lib/` and `share/` of Postgres. */
  readonly native: string;
  /** Where the private directory is made; empty: chosen by the supervisor. */
  readonly tempRoots: readonly string[];
  /** Server settings on top of the throwaway ones. */
  readonly settings: Readonly<Record<string, string>>;
}

export interface EmbeddedTimings {
  /** Milliseconds: making the directory and bringing the binaries into it. */
  readonly prepare: number;
  readonly initdb: number;
  /** From the first try of a port to a server that accepts connections. */
  readonly start: number;
}

/** What the supervisor answers on its stdout, one JSON line each. */
export type Report =
  /** Said as soon as it exists, so that rowgate can clean up should the supervisor itself be killed. */
  | { readonly kind: "directory"; readonly path: string }
  | {
      readonly kind: "ready";
      readonly port: number;
      readonly password: string;
      readonly timings: EmbeddedTimings;
    }
  | { readonly kind: "failed"; readonly error: RowgateErrorFacts };
