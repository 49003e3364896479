import type { Cell } from "../../../model/cell.ts";
import type { ProbeChannel } from "../../../model/channel.ts";
import type { ScratchRowRecord } from "../../../model/scratch-row.ts";
import type { GatewayChecks } from "../../../model/run.ts";

/** The rest channel, as the run sees it. */
export interface RestChannel extends ProbeChannel {
  /** Made when the channel was opened. */
  readonly handshake: GatewayChecks;
  /**
   * Probes cells until one shows that `sub` arrives: by rows that depend on it, or by a request that is answered otherwise
   * with another `sub`. `undefined`: none could show it.
   */
  showIdentity(cells: Iterable<Cell>): Promise<boolean | undefined>;
  /** Removes rows that were made where nothing is rolled back, and says what became of them. */
  finish(): Promise<readonly ScratchRowRecord[]>;
}
