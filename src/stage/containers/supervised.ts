import { spawn } from "node:child_process";
import { Socket } from "node:net";
import path from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { RowgateError } from "../../model/errors.ts";
import type { GatewayInfo } from "../../model/target.ts";
import type { GatewayConfig } from "../gateway/config.ts";
import { type Child, type Heard, listen, silent } from "./heard.ts";
import type { Order, ReadyPostgres, Report, Wish } from "./protocol.ts";

export interface Supervised {
  /** @throws {RowgateError} `container/…` */
  readonly ready: Promise<ReadyPostgres>;
  /** @throws {RowgateError} `container/…` */
  startGateway(
    config: GatewayConfig,
  ): Promise<{ readonly url: string; readonly info: GatewayInfo; stop(): Promise<void> }>;
  /** Everything is removed when this is over. @throws {RowgateError} `container/left-behind` */
  stop(): Promise<void>;
}

// The compiled file, also when this one runs from src/ (which lies at the same depth): a child has no TypeScript loader.
const program = fileURLToPath(new URL("../../../dist/stage/containers/supervisor.js", import.meta.url));

/** Milliseconds: removing a container waits for the engine, which may be busy. */
const stopPatience = 90_000;

/** Starts a supervisor; what it starts ends with this process, however that ends. */
export function startSupervisor(order: Order, say: (text: string) => void): Supervised {
  const child: Child = spawn(process.execPath, [program], {
    cwd: path.parse(program).root,
    // A session of its own: a Ctrl-C on the terminal reaches every process of the terminal's group.
    detached: true,
    windowsHide: true,
    stdio: ["pipe", "pipe", "pipe"],
    env: supervisorEnvironment(),
  });
  const heard = listen(child, say);
  const write = (line: Order | Wish): void => void child.stdin.write(`${JSON.stringify(line)}\n`);
  // It may be gone before it has read its order; its exit says so.
  child.stdin.on("error", () => undefined);
  write(order);
  let gateways = 0;
  let asking = 0;
  const ask = async (wish: Wish): Promise<Extract<Report, { id: number }>> => {
    // An answer that is waited for must keep this process from ending.
    if ((asking += 1) === 1) hold(child);
    write(wish);
    const answer = await heard.answer(wish.id);
    if ((asking -= 1) === 0) release(child);
    if (answer.kind === "gateway-failed" || answer.kind === "failed") throw new RowgateError(answer.error);
    return answer;
  };
  const ready = heard.start.then((report) => {
    if (report.kind !== "ready") throw new RowgateError(report.error);
    release(child);
    return report;
  });
  ready.catch(() => undefined);
  return {
    ready,
    startGateway: async (config) => {
      const id = (gateways += 1);
      const answer = await ask({ kind: "gateway", id, config });
      if (answer.kind !== "gateway") throw new RowgateError(silent);
      const stop = async (): Promise<void> =>
        void (await ask({ kind: "end-gateway", id }).catch(() => undefined));
      return { url: answer.url, info: answer.info, stop };
    },
    stop: once(async () => endSupervisor(child, heard.exit)),
  };
}

// What Node, the engine's protocol and the registries' credential helpers need; the caller's secrets stay with the caller.
function supervisorEnvironment(): NodeJS.ProcessEnv {
  const kept =
    /^(PATH|HOME|USERPROFILE|TMPDIR|TEMP|TMP|SystemRoot|XDG_RUNTIME_DIR|SSH_AUTH_SOCK|LD_LIBRARY_PATH|RYUK_.*|DOCKER_.*|TESTCONTAINERS_.*)$/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => kept.test(name)));
}

/** Containers that nobody stops must not keep this process from ending. */
function release(child: Child): void {
  child.unref();
  for (const pipe of child.stdio) if (pipe instanceof Socket) pipe.unref();
}

function hold(child: Child): void {
  child.ref();
  for (const pipe of child.stdio) if (pipe instanceof Socket) pipe.ref();
}

async function endSupervisor(child: Child, exited: Heard["exit"]): Promise<void> {
  hold(child);
  child.stdin.end();
  const exit = await Promise.race([exited, wait(stopPatience, undefined, { ref: false })]);
  if (exit?.code === 0) return;
  if (exit === undefined) child.kill("SIGKILL");
  throw new RowgateError({
    code: "container/left-behind",
    message: "the containers of this run could not be removed",
    details: exit?.stderr,
    hint: "docker ps --all --filter label=rowgate.session shows them; the next run removes what nobody looks after",
  });
}

function once(action: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () => (done ??= action());
}
