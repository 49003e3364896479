import type { GatewayConfig } from "../gateway/config.ts";
import type { RunningGateway } from "../gateway/server.ts";
import { spawnProcess } from "../gateway/spawn.ts";

/**
 * Starts a real PostgREST with the settings that the builtin gateway would have, under a process that ends it with this one.
 * @throws {RowgateError} `gateway/…`
 */
export async function spawnPostgrest(binary: string, config: GatewayConfig): Promise<RunningGateway> {
  return spawnProcess({ kind: "postgrest", binary, config });
}
