import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { assetNames } from "../../src/stage/gateway/install/release.ts";
import { hasXz, standIn, tarXz } from "./assets.ts";
import { certify, makeAuthority } from "./certificates.ts";
import { type CliResult, rowgate } from "./cli.ts";
import {
  describeRelease,
  openReleaseServer,
  type ReleaseServer,
  type Respond,
  sendBytes,
} from "./releases.ts";

export const platform: string = `${process.platform}-${process.arch}`;
export const onPosix: boolean = process.platform !== "win32";
if (!onPosix)
  process.stderr.write("tests of `gateway install` are not run: their stand-in is a shell script\n");
export const canRun: boolean = onPosix && hasXz;

/** A folder, and a server with a certificate that an authority of the test's own signed. */
export interface InstallRoom {
  readonly folder: string;
  readonly server: ReleaseServer;
  /** The authority's certificate, for NODE_EXTRA_CA_CERTS. */
  readonly ca: string;
  stop(): Promise<void>;
}

const hosts = ["localhost", "api.github.com", "github.com", "release-assets.githubusercontent.com"];

export async function openInstallRoom(): Promise<InstallRoom> {
  const folder = mkdtempSync(path.join(tmpdir(), "rowgate install "));
  const authority = makeAuthority();
  const ca = path.join(folder, "ca.pem");
  writeFileSync(ca, authority.cert);
  const server = await openReleaseServer(certify(authority, hosts));
  const stop = async (): Promise<void> => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  return { folder, server, ca, stop };
}

export function assetOf(version: string): string {
  return (assetNames(platform)[0] ?? "").replace("VERSION", version);
}

export const good = (version: string): Promise<Buffer> =>
  tarXz([{ name: "postgrest", text: standIn(version.slice(1)) }]);

/** Many commands in one process: each needs no Node of its own. */
export class Installer {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (result: CliResult) => void>();

  constructor(env: Readonly<Record<string, string>>) {
    const script = path.resolve(import.meta.dirname, "../fixtures/gateway/installer.mjs");
    const child = spawn(process.execPath, [script], { env, stdio: ["pipe", "pipe", "inherit"] });
    this.#child = child;
    createInterface({ input: child.stdout }).on("line", (line) => {
      const { id, ...result } = JSON.parse(line) as CliResult & { id: number };
      this.#waiting.get(id)?.(result);
    });
  }

  run(command: Readonly<Record<string, unknown>>): Promise<CliResult> {
    const id = this.#waiting.size;
    this.#child.stdin?.write(`${JSON.stringify({ ...command, id })}\n`);
    return new Promise((resolve) => this.#waiting.set(id, resolve));
  }

  stop(): void {
    this.#child.kill();
  }
}

let places = 0;

/** A corner of the server and a cache of its own. */
export class Place {
  readonly cache: string;
  readonly releases: string;
  readonly mirror: string;
  readonly env: Readonly<Record<string, string>>;
  readonly #room: InstallRoom;
  readonly #name: string;

  constructor(room: InstallRoom) {
    this.#room = room;
    this.#name = `/place-${++places}`;
    this.cache = path.join(room.folder, `cache${places}`);
    this.releases = `${room.server.url}${this.#name}/releases`;
    this.mirror = `${room.server.url}${this.#name}/download`;
    // Whatever the machine has, this PATH leads to no PostgREST.
    this.env = { XDG_CACHE_HOME: this.cache, NODE_EXTRA_CA_CERTS: room.ca, PATH: "/usr/bin:/bin" };
  }

  /** Publishes a release of this platform: the description, and the asset where it belongs. */
  publish(
    version: string,
    bytes: Buffer,
    more: { latest?: boolean; digest?: string | null; name?: string } = {},
  ): string {
    const name = more.name ?? assetOf(version);
    const said = describeRelease(version, [
      { name, bytes, ...(more.digest === undefined ? {} : { digest: more.digest }) },
    ]);
    this.#room.server.at.set(`${this.#name}/releases/tags/${version}`, said);
    if (more.latest) this.#room.server.at.set(`${this.#name}/releases/latest`, said);
    this.#room.server.at.set(this.assetPath(version, name), sendBytes(bytes));
    return name;
  }

  assetPath(version: string, name: string = assetOf(version)): string {
    return `${this.#name}/download/${version}/${name}`;
  }

  install(...args: readonly string[]): Promise<CliResult> {
    return this.run(["install", "--releases", this.releases, "--mirror", this.mirror, ...args]);
  }

  run(args: readonly string[], env: Record<string, string> = {}): Promise<CliResult> {
    return rowgate(["gateway", ...args], { cwd: this.#room.folder, env: { ...this.env, ...env } });
  }

  binary(version: string): string {
    return path.join(this.cache, "rowgate", "postgrest", platform, version, "postgrest");
  }

  /** Makes a path of the server answer so. */
  answer(at: string, respond: Respond): void {
    this.#room.server.at.set(at, respond);
  }

  get mirrorPath(): string {
    return `${this.#name}/download`;
  }

  describedAt(version: string): string {
    return `${this.#name}/releases/tags/${version}`;
  }

  /** Every file of the cache. */
  files(): string[] {
    if (!existsSync(this.cache)) return [];
    return readdirSync(this.cache, { recursive: true, encoding: "utf8" }).filter((name) =>
      statSync(path.join(this.cache, name)).isFile(),
    );
  }

  asked(): string[] {
    return this.#room.server.asked
      .map(({ path: one }) => one)
      .filter((one) => one.startsWith(`${this.#name}/`));
  }
}
