import type { GatewayConfig } from "./config.ts";
import type { RunningGateway } from "./server.ts";
import { spawnProcess } from "./spawn.ts";

/**
 * Starts a real PostgREST with the settings that the builtin gateway would have, under a process that ends it with this one.
 * @throws {RowgateError} `gateway/…`
 */
export async function spawnPostgrest(binary: string, config: GatewayConfig): Promise<RunningGateway> {
  return spawnProcess({ kind: "postgrest", binary, config });
}
