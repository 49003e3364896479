import { chmodSync, copyFileSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import path from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { copyNative, findNative } from "../../src/stage/postgres/binaries.ts";
import { startEmbedded } from "../../src/stage/postgres/server.ts";
import { ask, clearRooms, copyProject, isRoot, launch, left, makeRoom, nobody } from "./embedded-support.ts";
import { environmentsOf, leftInTheEnd, processesIn, supervisorIn } from "./embedded-support.ts";
import type { Launch } from "./embedded-support.ts";

afterEach(clearRooms);

describe("an embedded server", () => {
  test("answers, makes databases, and leaves nothing when it is stopped", async () => {
    const room = makeRoom("Räume mit Leerzeichen 'é'");
    const server = await startEmbedded({ tempRoot: room });
    const made = await server.createDatabase('a "quoted" name');
    expect(await ask(made, "select current_database(), upper('ñ'), current_setting('TimeZone')")).toEqual([
      ['a "quoted" name', "Ñ", "UTC"],
    ]);
    await expect(server.createDatabase('a "quoted" name')).rejects.toMatchObject({
      code: "embedded/prepare",
    });
    expect(left(room)).not.toEqual([]);
    await server.stop();
    expect(left(room)).toEqual([]);
    await server.stop();
    await expect(server.createDatabase("late")).rejects.toMatchObject({ code: "embedded/prepare" });
  });

  test("is stopped by `await using`", async () => {
    const room = makeRoom();
    {
      await using server = await startEmbedded({ tempRoot: room });
      expect(await ask(server.database, "select 1")).toEqual([[1]]);
    }
    expect(left(room)).toEqual([]);
  });

  test("runs beside others in the same folder, each on its own", async () => {
    const room = makeRoom();
    const servers = await Promise.all([1, 2, 3].map(async () => startEmbedded({ tempRoot: room })));
    expect(new Set(servers.map(({ database }) => database.port)).size).toBe(3);
    await servers[0]?.stop();
    for (const server of servers.slice(1)) expect(await ask(server.database, "select 1")).toEqual([[1]]);
    await expect(
      ask({ ...servers[1]?.database, port: servers[2]?.database.port } as never, ""),
    ).rejects.toThrow(/password/);
    await Promise.all(servers.map(async (server) => server.stop()));
    expect(left(room)).toEqual([]);
  });

  test("takes settings", async () => {
    await using server = await startEmbedded({ tempRoot: makeRoom(), settings: { max_connections: "7" } });
    expect(await ask(server.database, "show max_connections")).toEqual([["7"]]);
  });

  test("listens on 127.0.0.1 only, shows its secrets nowhere, and inherits none", async () => {
    const room = makeRoom();
    const {
      outcome,
      process: launcher,
      exit,
    } = launch({
      room,
      env: {
        ROWGATE_TEST_SECRET: "caller's secret",
        PGDATA: "/nowhere",
        PGPORT: "1",
        PGOPTIONS: "-c nonsense=1",
      },
    });
    const server = await outcome;
    expect(server.error).toBeUndefined();
    expect(await ask(server, "show listen_addresses")).toEqual([["127.0.0.1"]]);
    expect(await ask(server, "show unix_socket_directories")).toEqual([[""]]);
    const running = [...processesIn(room), { pid: supervisorIn(room), command: "" }];
    expect(running.length).toBeGreaterThan(1);
    const shown = [...running.map(({ command }) => command), ...environmentsOf(running)].join("\n");
    expect(shown).not.toContain(server.password);
    expect(shown).not.toMatch(/caller's secret|PGDATA|PGOPTIONS/);
    launcher.kill();
    await exit;
    expect(await leftInTheEnd(room)).toEqual([]);
  });
});

// As root both sides can be shown; as anybody else only that one's own.
const users = isRoot ? [{ who: "root" }, { who: "an ordinary user", as: nobody }] : [{ who: "oneself" }];
const installations = [
  { what: "with the library links in place", spoil: () => undefined },
  { what: "with the library links missing", spoil: removeLinks },
];
const cases = users.flatMap((user) => installations.map((installation) => ({ ...user, ...installation })));

test.each(cases)("starts as $who $what", async ({ as, spoil }) => {
  const project = makeProject();
  spoil(project.native);
  expect(await tryOut({ ...project, ...(as === undefined ? {} : { as }) })).toEqual(worked);
});

describe.runIf(isRoot)("root's own server, which runs as another user", () => {
  test("starts from a folder that only root may read", async () => {
    const project = makeProject();
    chmodSync(project.project, 0o700);
    expect(await tryOut(project)).toEqual(worked);
  });

  test("starts with a library that only root may read", async () => {
    const project = makeProject();
    const library = path.join(project.native, "lib", "libssl.so.1.1");
    copyFileSync(library, `${library}.own`);
    chmodSync(`${library}.own`, 0o600);
    renameSync(`${library}.own`, library);
    expect(await tryOut(project)).toEqual(worked);
    expect(statSync(library).mode & 0o777).toBe(0o600);
  });

  test("passes over a temporary folder that the other user may not enter", async () => {
    const room = makeRoom();
    chmodSync(room, 0o700);
    const { error } = await launch({ room, ...makeProject() }).outcome;
    expect(error).toMatchObject({
      code: "embedded/no-directory",
      details: expect.stringContaining("may not enter"),
    });
    expect(left(room)).toEqual([]);
  });
});

/** Starts a server, asks it something, kills its caller: what is said, and what is left. */
async function tryOut(how: Omit<Launch, "room">): Promise<unknown> {
  const room = makeRoom();
  chmodSync(room, 0o777);
  const { outcome, process: launcher } = launch({ room, ...how });
  const server = await outcome;
  const said = server.error ?? (await ask(server, "select current_user"));
  launcher.kill("SIGKILL");
  return { said, left: await leftInTheEnd(room) };
}

const worked = { said: [["postgres"]], left: [] };

function makeProject(): { project: string; native: string } {
  const project = copyProject(makeRoom("project"));
  const native = path.join(project, "native");
  copyNative(findNative(), native);
  return { project, native };
}

function removeLinks(native: string): void {
  const list = JSON.parse(readFileSync(path.join(native, "pg-symlinks.json"), "utf8")) as {
    target: string;
  }[];
  expect(list).not.toEqual([]);
  for (const { target } of list) rmSync(path.join(path.dirname(native), target));
}
