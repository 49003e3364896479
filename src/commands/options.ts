import type { Channel } from "../model/cell.ts";
import type { GatewayWish } from "../target/gateway/choose.ts";
import type { TxEnd } from "../target/gateway/config.ts";

/** Targets that rowgate starts itself. */
export const startedTargets = ["embedded", "container"] as const;
export type StartedTarget = (typeof startedTargets)[number];

export interface RunOptions {
  readonly target: StartedTarget;
  /** Images of the container target. */
  readonly postgresImage: string | undefined;
  readonly postgrestImage: string | undefined;
  readonly reuse: boolean;
  readonly only: readonly string[];
  readonly persona: readonly string[];
  readonly channel: readonly Channel[];
  readonly policies: string | undefined;
  readonly overlay: readonly string[];
  readonly gateway: GatewayWish;
  readonly gatewayTxEnd: TxEnd;
  readonly logs: string;
  readonly quiet: boolean;
  readonly json: boolean;
  readonly keep: boolean;
}
