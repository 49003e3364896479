/**
 * A process of its own that is the gateway, or looks after a real PostgREST. Its stdin is the thread that it hangs by: the
 * system closes it however rowgate ends, by SIGKILL too.
 */
import { createInterface } from "node:readline";
import { RowgateError } from "../../model/errors.ts";
import type { RowgateErrorFacts } from "../../model/errors.ts";
import { runPostgrest } from "./postgrest-process.ts";
import { reloadLine } from "./protocol.ts";
import type { Order, Report } from "./protocol.ts";
import { startGateway } from "./server.ts";
import type { RunningGateway } from "./server.ts";

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
    report({ kind: "ready", url: gateway.url, info: gateway.info });
    lines.on("line", (line) => void (line === reloadLine && reload()));
  } catch (error) {
    report({ kind: "failed", error: facts(error) });
  }
}

async function reload(): Promise<void> {
  try {
    await gateway?.reload();
    report({ kind: "reloaded" });
  } catch (error) {
    report({ kind: "failed", error: facts(error) });
  }
}

function report(of: Report): void {
  process.stdout.write(`${JSON.stringify(of)}\n`);
}

function facts(error: unknown): RowgateErrorFacts {
  if (error instanceof RowgateError) {
    const { code, message, details, hint } = error;
    return { code, message, details, hint };
  }
  const details = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { code: "gateway/process", message: "the gateway could not be started", details };
}
