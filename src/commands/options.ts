import type { Channel } from "../model/cell.ts";
import type { GatewayWish } from "../target/gateway/choose.ts";
import type { TxEnd } from "../target/gateway/config.ts";

export interface RunOptions {
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
