/** The program of a gateway: the builtin one, or the process that a real PostgREST ends with. */
import { serveParent } from "../child.ts";
import { runPostgrest } from "../postgrest.ts";
import { type RunningGateway, startGateway } from "./server.ts";
import type { GatewaySettings, ReadyGateway, Reload } from "./spawn.ts";

let gateway: RunningGateway | undefined;

await serveParent<GatewaySettings, ReadyGateway, Reload, never>(
  {
    start: async (settings, { gone }) => {
      gateway = await (settings.kind === "builtin"
        ? startGateway(settings.config)
        : runPostgrest(settings, gone));
      return { url: gateway.url, info: gateway.info };
    },
    answer: async () => gateway?.reload(),
    close: async () => gateway?.stop().catch(() => undefined),
  },
  { code: "gateway/process", message: "the gateway could not be started" },
);
