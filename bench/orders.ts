import type { Target } from "../dist/model/target.js";
import type { Counts } from "../dist/model/run.js";
import type { Channel } from "../dist/model/cell.js";

/** What a run in a process of its own is told, as JSON on its standard input: a password stands on no command line. */
export interface RunOrder {
  readonly target: Target;
  readonly matrixFile: string;
  readonly logs: string;
  readonly only: readonly string[];
  readonly channels: readonly Channel[];
  /** Where to write the requests that went to the gateway; `undefined`: nowhere. */
  readonly recordTo: string | undefined;
}

/** What it says at its end, as JSON on its standard output. */
export interface RunFigures {
  readonly cells: number;
  readonly passed: number;
  readonly counts: Counts;
  /** As `run.json` counts them: what the channel sent. */
  readonly roundTrips: { readonly direct: number; readonly rest: number };
  /** Messages to Postgres of the whole process, preflight, fingerprints and sessions included. */
  readonly messages: number;
  readonly preflightMs: number;
  readonly probeMs: number;
  /** Kilobytes. */
  readonly peakRss: number;
  /** Milliseconds of processor time of this process. */
  readonly cpuMs: number;
  readonly http: HttpFigures;
  readonly archive: string;
}

/** Requests to the gateway, from the first one sent to the last one answered. */
export interface HttpFigures {
  readonly requests: number;
  readonly milliseconds: number;
}

/** Cells of a matrix, some of them, to be proved in another way. */
export interface SampleOrder {
  readonly target: Target;
  readonly matrixFile: string;
  readonly only: string;
  /** Cells are drawn from these relations. */
  readonly relations: readonly string[];
  readonly cells: number;
  readonly seed: number;
  /** INSERT: rowgate's own number of candidates when large; 1 proves less. */
  readonly candidatesAtMost: number;
}

export interface SampleFigures {
  readonly cells: number;
  readonly passed: number;
  readonly milliseconds: number;
  readonly roundTrips: number;
}

/** Recorded requests to send again. */
export interface LoadOrder {
  readonly url: string;
  /** File with the requests. */
  readonly recording: string;
  /** Requests in flight. */
  readonly concurrency: number;
}
