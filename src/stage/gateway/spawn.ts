import { startChild } from "../child.ts";
import type { GatewayInfo } from "../../model/target.ts";
import { checkConfig, type GatewayConfig } from "./config.ts";
import type { RunningGateway } from "./server.ts";

/** What the program of a gateway is started with. */
export type GatewaySettings =
  | { readonly kind: "builtin"; readonly config: GatewayConfig }
  | { readonly kind: "postgrest"; readonly config: GatewayConfig; readonly binary: string };

export interface ReadyGateway {
  readonly url: string;
  readonly info: GatewayInfo;
}

/** The one request: the schema has changed. Its answer has no value. */
export interface Reload {
  readonly reload: true;
}

const program = {
  file: "gateway/main.js",
  area: "gateway",
  what: "the gateway",
  // What Node and PostgREST need.
  environment: /^(PATH|TMPDIR|TEMP|TMP|SystemRoot|LD_LIBRARY_PATH|LANG|LC_ALL|LOCPATH)$/,
  answerMs: 60_000,
  stopMs: 10_000,
} as const;

/** Starts the builtin gateway in a process that ends with this one. @throws {RowgateError} `gateway/…` */
export async function spawnGateway(config: GatewayConfig): Promise<RunningGateway> {
  return spawnProgram({ kind: "builtin", config });
}

/**
 * Starts a real PostgREST with the same settings, under a process that ends it with this one.
 * @throws {RowgateError} `gateway/…`
 */
export async function spawnPostgrest(binary: string, config: GatewayConfig): Promise<RunningGateway> {
  return spawnProgram({ kind: "postgrest", binary, config });
}

async function spawnProgram(settings: GatewaySettings): Promise<RunningGateway> {
  checkConfig(settings.config);
  const child = startChild<ReadyGateway>(program, settings);
  const stop = async (): Promise<void> => void (await child.stop());
  try {
    const { url, info } = await child.ready;
    return { url, info, reload: () => child.request<void>({ reload: true } satisfies Reload), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
