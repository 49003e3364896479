/**
 * A process of its own that is the gateway, or looks after a real PostgREST. Its stdin is the thread that it hangs by: the
 * system closes it however rowgate ends, by SIGKILL too.
 */
import { createInterface } from "node:readline";
import { runPostgrest } from "../postgrest/postgrest-process.ts";
import { reloadLine } from "./protocol.ts";
import type { Order, Report } from "./protocol.ts";
import { startGateway } from "./server.ts";
import type { RunningGateway } from "./server.ts";
import { errorFacts, tell } from "../child.ts";

const unforeseen = { code: "gateway/process", message: "the gateway could not be started" };

const lines = createInterface({ input: process.stdin });
const closed = new Promise<void>((resolve) => {
  lines.once("close", resolve);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => resolve());
  // Nobody listens any more: the closed stdin says the same.
  process.stdout.once("error", () => resolve());
});
let gateway: RunningGateway | undefined;

lines.once("line", (line) => void begin(JSON.parse(line) as Order));
await closed;
await gateway?.stop().catch(() => undefined);
process.exit();

async function begin(order: Order): Promise<void> {
  try {
    gateway = await (order.kind === "builtin" ? startGateway(order.config) : runPostgrest(order, closed));
    tell<Report>({ kind: "ready", url: gateway.url, info: gateway.info });
    lines.on("line", (line) => void (line === reloadLine && reload()));
  } catch (error) {
    tell<Report>({ kind: "failed", error: errorFacts(error, unforeseen) });
  }
}

async function reload(): Promise<void> {
  try {
    await gateway?.reload();
    tell<Report>({ kind: "reloaded" });
  } catch (error) {
    tell<Report>({ kind: "failed", error: errorFacts(error, unforeseen) });
  }
}
