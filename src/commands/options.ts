import type { Channel } from "../model/cell.ts";
import type { ProofWish } from "../run/request.ts";
import type { GatewayWish } from "../stage/postgrest.ts";
import type { TxEnd } from "../stage/gateway/config.ts";
import { type StartedTarget, startedTargets } from "../model/target.ts";

export function isStarted(target: string): target is StartedTarget {
  return (startedTargets as readonly string[]).includes(target);
}

export interface RunOptions {
  /** One that rowgate starts, or a name in `rowgate.yaml`. */
  readonly target: string;
  /** The configuration; `undefined`: the first `rowgate.yaml` from the current folder upwards. */
  readonly config: string | undefined;
  readonly overrideProductionGuard: boolean;
  /** Images of the container target. */
  readonly postgresImage: string | undefined;
  readonly postgrestImage: string | undefined;
  readonly reuse: boolean;
  readonly only: readonly string[];
  readonly persona: readonly string[];
  readonly channel: readonly Channel[];
  readonly policies: string | undefined;
  readonly overlay: readonly string[];
  /** `undefined`: `auto`. */
  readonly gateway: GatewayWish | undefined;
  /** `undefined`: `rollback-allow-override`. */
  readonly gatewayTxEnd: TxEnd | undefined;
  readonly proof: ProofWish;
  readonly logs: string;
  /** `<format>=<file>` each. */
  readonly report: readonly string[];
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly json: boolean;
  readonly keep: boolean;
}
