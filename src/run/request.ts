import type { Matrix } from "../model/matrix.ts";
import type { CellRecord, InputFingerprint, RunFilters } from "../model/run.ts";
import type { Target } from "../model/target.ts";

/** One matrix, one running target, and where the evidence goes. */
export interface RunRequest {
  readonly id: string;
  readonly startedAt: Date;
  readonly matrix: Matrix;
  readonly target: Target;
  /** What the run was given, besides the matrix: policies and seeds. */
  readonly inputs: readonly InputFingerprint[];
  readonly filters: RunFilters;
  /** The archive's root. */
  readonly logs: string;
  readonly gitCommit: string | undefined;
  readonly version: string;
  /** Milliseconds that starting the target took. */
  readonly startMs: number;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Aborted: the run ends after the chunk that is on, and leaves no archive. */
  readonly interrupted?: AbortSignal | undefined;
}

/** What a run tells while it is on. */
export interface RunEvents {
  readonly planned?: (cells: number) => void;
  readonly cell?: (record: CellRecord) => void;
}
