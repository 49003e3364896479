/** The program that starts a Postgres, outlives rowgate for the moment that it takes to end it, and leaves nothing. */
import type { ChildProcess } from "node:child_process";
import path from "node:path";
import { type Parent, serveParent } from "../child.ts";
import { unprivilegedAccount } from "./account.ts";
import { copyNative, requirePrograms, runsInPlace } from "./binaries.ts";
import { initialise, serve } from "./cluster.ts";
import { keptClusters } from "./kept-cluster.ts";
import { makePrivateDirectory, staleDirectories } from "./private-directory.ts";
import { addStandIns } from "./stand-ins.ts";
import { reap, removeDirectory, stopChild } from "./processes.ts";
import type { ReadyServer, ServerDirectory, ServerSettings } from "./spawn.ts";

const children = new Set<ChildProcess>();
let directory: string | undefined;
let starting: Promise<unknown> = Promise.resolve();

await serveParent<ServerSettings, ReadyServer, never, ServerDirectory>(
  {
    start: (settings, parent) => {
      // A start that is under way ends when its programs do.
      parent.gone.addEventListener("abort", () => void stopChildren());
      const started = startServer(settings, parent);
      starting = started.catch(() => undefined);
      return started;
    },
    close: async () => {
      await starting;
      await stopChildren();
      if (directory !== undefined) removeDirectory(directory);
    },
  },
  { code: "embedded/supervisor", message: "the embedded Postgres could not be started" },
);

async function startServer(settings: ServerSettings, parent: Parent<ServerDirectory>): Promise<ReadyServer> {
  const times = [performance.now()];
  const lap = (): unknown => times.push(performance.now());
  requirePrograms(settings.native);
  const account = unprivilegedAccount();
  directory = makePrivateDirectory(account, settings.tempRoots);
  // At once, so that rowgate can clean up should this process itself be killed.
  parent.notify({ directory });
  void Promise.allSettled(staleDirectories(settings.tempRoots).map(reap));

  const native =
    settings.installed || (!settings.standIns && account === undefined && runsInPlace(settings.native))
      ? settings.native
      : path.join(directory, "native");
  if (native !== settings.native) copyNative(settings.native, native);
  if (settings.standIns) addStandIns(native);
  lap();
  const folder = process.env[keptClusters] ?? "";
  const kept = folder === "" ? undefined : { folder, native: settings.native };
  const site = { ...settings, directory, native, account, kept, children, signal: parent.gone };
  const password = await initialise(site);
  lap();
  const server = await serve(site);
  lap();
  server.process.once("exit", parent.end);
  const [prepare = 0, initdb = 0, start = 0] = times.slice(1).map((time, i) => time - (times[i] ?? 0));
  return { port: server.port, password, timings: { prepare, initdb, start } };
}

async function stopChildren(): Promise<void> {
  await Promise.all([...children].map(stopChild));
}
