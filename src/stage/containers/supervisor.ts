/**
 * A process of its own that starts containers, outlives rowgate for the moment that it takes to remove them, and leaves
 * nothing. Its stdin is the thread that it hangs by: the system closes it however rowgate ends, by SIGKILL too.
 */
import { createInterface } from "node:readline";
import type { Order, Report, Wish } from "./protocol.ts";
import { Session } from "./supervise.ts";
import { errorFacts, tell } from "../child.ts";

const unforeseen = { code: "container/supervisor", message: "the containers could not be started" };

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
  const started = new Session(order, (text) => tell<Report>({ kind: "progress", text }), ending.signal);
  session = started;
  try {
    tell<Report>({ kind: "ready", ...(await started.start()) });
    lines.on("line", (line) => void fulfil(started, JSON.parse(line) as Wish));
  } catch (error) {
    fail(error);
  }
}

async function fulfil(of: Session, wish: Wish): Promise<void> {
  const { id } = wish;
  try {
    if (wish.kind === "gateway") tell<Report>({ kind: "gateway", id, ...(await of.startGateway(wish)) });
    else {
      await of.endGateway(id);
      tell<Report>({ kind: "gateway-ended", id });
    }
  } catch (error) {
    tell<Report>({ kind: "gateway-failed", id, error: errorFacts(error, unforeseen) });
  }
}

function fail(error: unknown): void {
  if (!ending.signal.aborted) tell<Report>({ kind: "failed", error: errorFacts(error, unforeseen) });
  end();
}
