import type { Matrix } from "../model/matrix.ts";
import type { GatewayFacts } from "../run.ts";
import type { PreparedSystem, SystemOptions } from "../stage/system.ts";

/** A Postgres for the systems: one that rowgate has started, with a database for each, or one that runs elsewhere. */
export interface Server {
  /** Systems at work at the same time, in preflight as in probing. */
  readonly atOnce: number;
  /** What will stand in front of a system. */
  gatewayOf(matrix: Matrix): GatewayFacts | undefined;
  /** Milliseconds that starting it took. */
  readonly startMs: number;
  /** Removes what earlier runs have left there that were killed. */
  clearUp(logs: string): Promise<void>;
  prepare(system: SystemOptions, matrix: Matrix): Promise<PreparedSystem>;
  /** Removes what was started; safe to call twice. */
  stop(): Promise<void>;
}
