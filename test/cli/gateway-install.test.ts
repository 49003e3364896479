import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { assetNames } from "../../src/stage/gateway/install/release.ts";
import { sha256, standIn } from "../support/assets.ts";
import { rowgate } from "../support/cli.ts";
import {
  assetOf,
  canRun,
  good,
  type InstallRoom,
  openInstallRoom,
  Place,
  platform,
} from "../support/install-room.ts";
import { describeRelease, openTunnel, redirectTo, type Respond, sendBytes } from "../support/releases.ts";

// The command as a person runs it. A stand-in takes PostgREST's place in the assets: it answers `--version`.

let room: InstallRoom;
beforeAll(async () => {
  room = await openInstallRoom();
});
afterAll(async () => {
  await room?.stop();
});

describe.skipIf(!canRun)("rowgate gateway install", () => {
  test("fetches the latest release; --gateway auto then takes it", async () => {
    const place = new Place(room);
    const bytes = await good("v16.2");
    place.publish("v16.2", bytes, { latest: true });
    expect((await place.run(["path"])).code).toBe(2);
    const { code, out, err } = await place.install();
    expect(code, err).toBe(0);
    expect(out).toContain(place.binary("v16.2"));
    expect(out).toContain(`sha256 ${sha256(bytes)}`);
    expect(out).toContain("--gateway auto takes it from now on");
    expect((await place.run(["path"])).out).toBe(`${place.binary("v16.2")}\n`);
    // Two files and the note of which version is taken; nothing of the work.
    expect(place.files()).toHaveLength(3);
    expect(statSync(path.dirname(place.binary("v16.2"))).mode & 0o077).toBe(0);
  });

  test("the version installed last is taken, and what is there is not fetched again", async () => {
    const place = new Place(room);
    for (const version of ["v16.2", "v14.17"]) place.publish(version, await good(version));
    for (const version of ["16.2", "v14.17"]) expect((await place.install(version)).code).toBe(0);
    expect((await place.run(["path"])).out).toContain("v14.17");
    const before = place.asked().length;
    const again = await place.install("v16.2");
    expect(again.out).toContain("was there already");
    expect(place.asked()).toHaveLength(before);
    const list = (await place.run(["list"])).out;
    expect(list).toMatch(
      /v16\.2[\s\S]+sha256 [0-9a-f]{64}[\s\S]+v14\.17[\s\S]+auto takes .*v16\.2.*\(cache\)/,
    );
  });

  test("a program that somebody changed in the cache is fetched anew", async () => {
    const place = new Place(room);
    place.publish("v16.2", await good("v16.2"));
    await place.install("v16.2");
    writeFileSync(place.binary("v16.2"), "#!/bin/sh\necho changed\n");
    const again = await place.install("v16.2");
    expect(again.out, again.err).not.toContain("was there already");
    expect(readFileSync(place.binary("v16.2"), "utf8")).toBe(standIn("16.2"));
    expect(place.files()).toHaveLength(3);
  });

  test("what is there with one digest is not what was asked for with another", async () => {
    const place = new Place(room);
    const bytes = await good("v16.2");
    place.publish("v16.2", bytes);
    await place.install("v16.2");
    const versions = path.dirname(path.dirname(place.binary("v16.2")));
    expect(statSync(versions).mode & 0o077).toBe(0);
    const other = await place.install("v16.2", "--sha256", "0".repeat(64));
    expect(other.code).toBe(2);
    expect(other.err).toContain("has another SHA-256 than it should");
    const same = await place.install("v16.2", "--sha256", sha256(bytes));
    expect(same.out).toContain("was there already");
  });

  test("ROWGATE_POSTGREST_BIN and PATH come before the cache, and the command says so", async () => {
    const place = new Place(room);
    place.publish("v16.2", await good("v16.2"));
    const bin = path.join(room.folder, "bin");
    mkdirSync(bin, { recursive: true });
    for (const name of ["postgrest", "other"])
      writeFileSync(path.join(bin, name), standIn("1.0"), { mode: 0o755 });
    const onPath = { PATH: `${bin}:/usr/bin:/bin` };
    const install = await place.run(
      ["install", "16.2", "--releases", place.releases, "--mirror", place.mirror],
      onPath,
    );
    expect(install.out).toContain(`--gateway auto takes another: ${bin}/postgrest (PATH)`);
    expect((await place.run(["path"], onPath)).out).toBe(`${bin}/postgrest\n`);
    const named = { ...onPath, ROWGATE_POSTGREST_BIN: `${bin}/other` };
    expect((await place.run(["path"], named)).out).toBe(`${bin}/other\n`);
    expect((await place.run(["path"])).out).toBe(`${place.binary("v16.2")}\n`);
  });

  test("an older release's name of an asset is found, and its redirect followed", async () => {
    const place = new Place(room);
    const bytes = await good("v12.2.0");
    const older = (assetNames("linux-x64")[1] ?? "").replace("VERSION", "v12.2.0");
    const name = platform === "linux-x64" ? older : assetOf("v12.2.0");
    place.publish("v12.2.0", bytes, { name });
    room.server.at.set(place.assetPath("v12.2.0", name), redirectTo(`${place.mirrorPath}/elsewhere?sig=abc`));
    room.server.at.set(`${place.mirrorPath}/elsewhere?sig=abc`, sendBytes(bytes));
    const { code, err } = await place.install("v12.2.0");
    expect(code, err).toBe(0);
  });

  test("with a version and a digest nobody is asked for one", async () => {
    const place = new Place(room);
    const bytes = await good("v16.2");
    room.server.at.set(place.assetPath("v16.2"), sendBytes(bytes, "application/x-xz"));
    const install = await place.install("v16.2", "--sha256", `sha256:${sha256(bytes).toUpperCase()}`);
    expect(install.code, install.err).toBe(0);
    expect(place.asked()).toEqual([place.assetPath("v16.2")]);
  });

  test("mirror and list of releases by environment", async () => {
    const place = new Place(room);
    place.publish("v16.2", await good("v16.2"), { latest: true });
    const env = { ROWGATE_POSTGREST_MIRROR: `${place.mirror}/`, ROWGATE_POSTGREST_RELEASES: place.releases };
    expect((await place.run(["install"], env)).code).toBe(0);
  });

  test("an asset downloaded by hand, without any network", async () => {
    const place = new Place(room);
    const bytes = await good("v16.2");
    const file = path.join(room.folder, "by-hand.tar.xz");
    writeFileSync(file, bytes);
    const args = ["install", "v16.2", "--from", file];
    const lacking = await place.run(args);
    expect(lacking.code).toBe(2);
    expect(lacking.err).toContain("--from needs the version and --sha256");
    const wrong = await place.run([...args, "--sha256", sha256(Buffer.from("another"))]);
    expect(wrong.code).toBe(2);
    expect(wrong.err).toContain(`found    ${sha256(bytes)}`);
    expect(place.files()).toEqual([]);
    const right = await place.run([...args, "--sha256", sha256(bytes)]);
    expect(right.code, right.err).toBe(0);
    expect((await place.run(["path"])).out).toBe(`${place.binary("v16.2")}\n`);
  });

  test("a program put there by hand is taken", async () => {
    const place = new Place(room);
    mkdirSync(path.dirname(place.binary("v16.1")), { recursive: true });
    writeFileSync(place.binary("v16.1"), standIn("16.1"));
    expect((await place.run(["path"])).code).toBe(2);
    chmodSync(place.binary("v16.1"), 0o755);
    expect((await place.run(["path"])).out).toBe(`${place.binary("v16.1")}\n`);
    expect((await place.run(["list"])).out).toContain("put there by hand");
  });

  test("GitHub's own addresses, through the environment's proxy; the token goes to its API alone", async () => {
    const place = new Place(room);
    const bytes = await good("v16.2");
    const name = assetOf("v16.2");
    const tunnel = await openTunnel(room.server.port);
    room.server.at.set(
      "/repos/PostgREST/postgrest/releases/latest",
      describeRelease("v16.2", [{ name, bytes }]),
    );
    room.server.at.set(
      `/PostgREST/postgrest/releases/download/v16.2/${name}`,
      redirectTo("https://release-assets.githubusercontent.com/asset"),
    );
    room.server.at.set("/asset", sendBytes(bytes));
    const before = room.server.asked.length;
    const env = { HTTPS_PROXY: tunnel.url.replace("//", "//me:pass%20word@"), GITHUB_TOKEN: "ghp_secret" };
    const { code, err, out } = await place.run(["install"], env);
    await tunnel.stop();
    expect(code, err).toBe(0);
    expect(tunnel.asked.map(({ to }) => to)).toEqual([
      "api.github.com:443",
      "github.com:443",
      "release-assets.githubusercontent.com:443",
    ]);
    const basic = `Basic ${Buffer.from("me:pass word").toString("base64")}`;
    expect(new Set(tunnel.asked.map(({ authorization }) => authorization))).toEqual(new Set([basic]));
    expect(room.server.asked.slice(before).map(({ authorization }) => authorization)).toEqual([
      "Bearer ghp_secret",
      undefined,
      undefined,
    ]);
    expect(out + err).not.toContain("ghp_secret");
  });

  test("NO_PROXY, and another list of releases, which gets no token", async () => {
    const place = new Place(room);
    place.publish("v16.2", await good("v16.2"));
    const tunnel = await openTunnel(room.server.port);
    const env = { HTTPS_PROXY: tunnel.url, NO_PROXY: "localhost", GITHUB_TOKEN: "ghp_secret" };
    const before = room.server.asked.length;
    const args = ["install", "v16.2", "--releases", place.releases, "--mirror", place.mirror];
    const { code } = await place.run(args, env);
    await tunnel.stop();
    expect(code).toBe(0);
    expect(tunnel.asked).toEqual([]);
    expect(room.server.asked.slice(before).map(({ authorization }) => authorization)).toEqual([
      undefined,
      undefined,
    ]);
  });

  test("two at once, and one whole program", async () => {
    const place = new Place(room);
    const bytes = await good("v16.2");
    place.publish("v16.2", bytes);
    // Both have asked before either gets its answer.
    const waiting: (() => void)[] = [];
    room.server.at.set(place.assetPath("v16.2"), (response, request) => {
      waiting.push(() => sendBytes(bytes)(response, request));
      if (waiting.length === 2) for (const send of waiting) send();
    });
    const both = await Promise.all([place.install("v16.2"), place.install("v16.2")]);
    for (const { code, err } of both) expect(code, err).toBe(0);
    expect(place.files()).toHaveLength(3);
  });
});

/** Half an asset, and then nothing. */
const half: Respond = (response) => {
  response.writeHead(200, { "content-length": 1_000_000 }).write(Buffer.alloc(1000));
};

/** Runs an install until its file is there, and sends it a signal. */
async function stopInTheMiddle(place: Place, signal: NodeJS.Signals): Promise<number | null> {
  place.publish("v16.2", Buffer.alloc(1_000_000));
  place.answer(place.assetPath("v16.2"), half);
  const args = ["gateway", "install", "v16.2", "--releases", place.releases, "--mirror", place.mirror];
  const { code } = await rowgate(args, {
    cwd: room.folder,
    env: place.env,
    watch: async (child) => {
      while (!place.files().some((name) => name.endsWith("asset"))) await sleep(20);
      child.kill(signal);
    },
  });
  return code;
}

describe.skipIf(!canRun)("an install that is stopped in the middle", () => {
  test.each([
    { signal: "SIGINT", code: 130 },
    { signal: "SIGTERM", code: 143 },
  ] as const)("$signal leaves nothing", async ({ signal, code }) => {
    const place = new Place(room);
    expect(await stopInTheMiddle(place, signal)).toBe(code);
    expect(place.files()).toEqual([]);
  });

  test("SIGKILL leaves nothing that looks whole, and a later install removes it", async () => {
    const place = new Place(room);
    expect(await stopInTheMiddle(place, "SIGKILL")).toBe(null);
    expect((await place.run(["path"])).code).toBe(2);
    const cache = path.join(place.cache, "rowgate", "postgrest", platform);
    const [left = ""] = readdirSync(cache);
    place.publish("v16.2", await good("v16.2"));
    await place.install("v16.2");
    // Not at once: it could be somebody's work.
    expect(readdirSync(cache)).toContain(left);
    utimesSync(path.join(cache, left), 0, 0);
    place.publish("v16.1", await good("v16.1"));
    await place.install("v16.1");
    expect(readdirSync(cache).toSorted()).toEqual(["current", "v16.1", "v16.2"]);
  });
});
