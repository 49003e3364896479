/**
 * A process of its own that starts containers, outlives rowgate for the moment that it takes to remove them, and leaves
 * nothing. Its stdin is the thread that it hangs by: the system closes it however rowgate ends, by SIGKILL too.
 */
import { createInterface } from "node:readline";
import { RowgateError } from "../../model/errors.ts";
import type { RowgateErrorFacts } from "../../model/errors.ts";
import type { Order, Report, Wish } from "./protocol.ts";
import { Session } from "./supervise.ts";

const ending = new AbortController();
const end = (): void => ending.abort();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, end);
// Nobody listens any more: the closed stdin says the same.
process.stdout.on("error", end);
process.on("uncaughtException", fail);

// Its cleaner is one more image, with the engine's socket mounted into it; this process does what it would do.
process.env["TESTCONTAINERS_RYUK_DISABLED"] ??= "true";

const lines = createInterface({ input: process.stdin });
lines.once("close", end);
const ended = new Promise<void>((resolve) => {
  ending.signal.addEventListener("abort", () => resolve());
});
let session: Session | undefined;
lines.once("line", (line) => void begin(JSON.parse(line) as Order));
await ended;
try {
  await session?.close();
} catch (error) {
  process.stderr.write(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
process.exit();

async function begin(order: Order): Promise<void> {
  const started = new Session(order, (text) => report({ kind: "progress", text }), ending.signal);
  session = started;
  try {
    report({ kind: "ready", ...(await started.start()) });
    lines.on("line", (line) => void fulfil(started, JSON.parse(line) as Wish));
  } catch (error) {
    fail(error);
  }
}

async function fulfil(of: Session, wish: Wish): Promise<void> {
  const { id } = wish;
  try {
    if (wish.kind === "gateway") report({ kind: "gateway", id, ...(await of.startGateway(wish)) });
    else {
      await of.endGateway(id);
      report({ kind: "gateway-ended", id });
    }
  } catch (error) {
    report({ kind: "gateway-failed", id, error: facts(error) });
  }
}

function fail(error: unknown): void {
  if (!ending.signal.aborted) report({ kind: "failed", error: facts(error) });
  end();
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
  return { code: "container/supervisor", message: "the containers could not be started", details };
}
