import type { RowgateErrorFacts } from "../../model/errors.ts";
import type { GatewayInfo } from "../../model/target.ts";
import type { GatewayConfig } from "./config.ts";

/** What rowgate writes to a gateway process's stdin first, one JSON line: no secret is in argv or the environment. */
export type Order =
  | { readonly kind: "builtin"; readonly config: GatewayConfig }
  | { readonly kind: "postgrest"; readonly config: GatewayConfig; readonly binary: string };

/** What it may write later, a line each. When stdin closes, the process ends. */
export const reloadLine = "reload";

/** What the process answers on its stdout, one JSON line each. */
export type Report =
  | { readonly kind: "ready"; readonly url: string; readonly info: GatewayInfo }
  | { readonly kind: "failed"; readonly error: RowgateErrorFacts }
  | { readonly kind: "reloaded" };
