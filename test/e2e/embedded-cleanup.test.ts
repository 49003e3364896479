import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  lchownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { ask, clearRooms, isRoot, launch, left, makeRoom, nobody, until } from "./embedded-support.ts";
import { leftInTheEnd, processesIn, root, supervisorIn } from "./embedded-support.ts";
import type { Launched } from "./embedded-support.ts";

afterEach(clearRooms);

describe("nothing is left when the process that started the server", () => {
  const ends = [
    { how: "returns", afterwards: "" },
    { how: "throws", afterwards: "throw new Error('planned');" },
    { how: "aborts", afterwards: "process.abort();" },
  ];
  test.each(ends)("$how", async ({ afterwards }) => {
    const room = makeRoom();
    const { outcome, exit } = launch({ room, afterwards });
    expect((await outcome).error).toBeUndefined();
    await exit;
    expect(await leftInTheEnd(room)).toEqual([]);
  });

  // What a terminal or a service manager sends, to the whole process group.
  test.each(["SIGINT", "SIGHUP", "SIGKILL"] as const)("gets %s with its group", async (signal) => {
    const room = makeRoom();
    const { outcome, exit, process: launcher } = launch({ room });
    await outcome;
    process.kill(-pidOf(launcher), signal);
    await exit;
    expect(await leftInTheEnd(room)).toEqual([]);
  });

  const moments: { when: string; reached: (room: string) => boolean }[] = [
    { when: "before anything is made", reached: () => true },
    { when: "while the binaries are brought", reached: (room) => inside(room, "") },
    { when: "when initdb starts", reached: (room) => inside(room, "data/PG_VERSION") },
    { when: "in the middle of initdb", reached: (room) => inside(room, "data/global/pg_control") },
    {
      when: "when the server starts",
      reached: (room) => processesIn(room).some(({ command }) => / -p \d/.test(command)),
    },
  ];
  test.each(moments)("is killed $when", async ({ reached }) => {
    const room = makeRoom();
    const { process: launcher, exit } = launch({ room });
    await until(
      () => reached(room),
      () => `never came so far: ${left(room).join(", ")}`,
    );
    launcher.kill("SIGKILL");
    await exit;
    expect(await leftInTheEnd(room)).toEqual([]);
  });
});

test("an initdb that hangs and hears no signal is ended all the same", async () => {
  const room = makeRoom();
  const native = fakePrograms("#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 1; done\n");
  const { process: launcher } = launch({ room, native });
  await until(
    () => processesIn(room).some(({ command }) => command.includes("initdb")),
    () => "initdb was not started",
  );
  launcher.kill("SIGKILL");
  expect(await leftInTheEnd(room)).toEqual([]);
});

test("the supervisor's own end is noticed: by a signal it cleans up, after a SIGKILL its caller does", async () => {
  for (const signal of ["SIGTERM", "SIGINT", "SIGKILL"] as const) {
    const room = makeRoom();
    const launched = launch({ room });
    await launched.outcome;
    process.kill(supervisorIn(room), signal);
    expect(await leftInTheEnd(room)).toEqual([]);
    launched.process.kill();
  }
});

test("a supervisor whose caller is gone before it says a word makes nothing", async () => {
  const room = makeRoom();
  const program = path.join(root, "dist/stage/postgres/supervisor.js");
  const { status, stdout } = spawnSync(process.execPath, [program], {
    input: "",
    encoding: "utf8",
    env: { ...process.env, ROWGATE_CLUSTERS: "", TMPDIR: room },
  });
  expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
  expect(left(room)).toEqual([]);
});

describe("a start that fails leaves nothing, and says why", () => {
  const cases = [
    {
      what: "no binaries",
      how: { native: "/nowhere/native" },
      error: { code: "embedded/no-binaries", message: "there is no Postgres in /nowhere/native" },
    },
    {
      what: "initdb fails",
      initdb: "#!/bin/sh\necho 'initdb: no space' >&2\nexit 1\n",
      error: { code: "embedded/initdb", details: expect.stringContaining("initdb: no space") },
    },
    {
      what: "a setting that Postgres does not take",
      how: { settings: { shared_buffers: "much" } },
      error: {
        code: "embedded/start",
        details: expect.stringContaining('invalid value for parameter "shared_buffers"'),
      },
    },
    {
      what: "the server does not start",
      how: { settings: { listen_addresses: "203.0.113.1" } },
      error: {
        code: "embedded/start",
        details: expect.stringContaining('could not bind IPv4 address "203.0.113.1"'),
      },
    },
  ];
  test.each(cases)("$what", async ({ how, initdb, error }) => {
    const room = makeRoom();
    const native = initdb === undefined ? {} : { native: fakePrograms(initdb) };
    expect((await launch({ room, ...how, ...native }).outcome).error).toMatchObject(error);
    expect(left(room)).toEqual([]);
  });

  test("a program that is none", async () => {
    const room = makeRoom();
    const native = fakePrograms("#!/nowhere/interpreter\n");
    const { error } = await launch({ room, native }).outcome;
    expect(error).toMatchObject({
      code: "embedded/not-executable",
      message: expect.stringContaining("initdb"),
    });
    expect(left(room)).toEqual([]);
  });
});

describe("the next start", () => {
  test("ends and removes what a supervisor and a caller, both killed at once, left running", async () => {
    const room = makeRoom();
    const first = launch({ room });
    const lost = await first.outcome;
    first.process.kill("SIGSTOP");
    process.kill(supervisorIn(room), "SIGKILL");
    first.process.kill("SIGKILL");
    await first.exit;
    expect(await ask(lost, "select 1")).toEqual([[1]]);
    const [abandoned] = readdirSync(room);

    const second = launch({ room });
    const server = await second.outcome;
    await until(
      () => readdirSync(room).length === 1,
      () => `not swept: ${abandoned}`,
    );
    expect(existsSync(path.join(room, abandoned ?? ""))).toBe(false);
    await expect(ask(lost, "select 1")).rejects.toThrow(/ECONNREFUSED|password/);
    expect(await ask(server, "select 1")).toEqual([[1]]);
    second.process.kill("SIGKILL");
    expect(await leftInTheEnd(room)).toEqual([]);
  });

  test("leaves alone what is alive, what is named otherwise, what is a link, and what is another user's", async () => {
    const room = makeRoom();
    const alive = launch({ room });
    const server = await alive.outcome;
    const [name = ""] = readdirSync(room);
    // Nobody has the highest process number, and nothing started at tick 1.
    const dead = name.replace(/^rowgate-pg-\d+-\d+/, "rowgate-pg-4194303-1");
    const kept = [`${dead}-not-ours`, "rowgate-pg-1", dead.replace(/-\d+-(\w+)$/, "-7-$1")];
    for (const folder of kept) mkdirSync(path.join(room, folder));
    const link = dead.replace(/.$/, "_").replace(/_$/, "L");
    symlinkSync(path.join(room, name), path.join(room, link));
    kept.push(link, name);
    if (isRoot) {
      const foreign = dead.replace(/.$/, "F");
      mkdirSync(path.join(room, foreign));
      lchownSync(path.join(room, foreign), nobody.uid, nobody.gid);
      kept.push(foreign);
    }
    // The second has the number of a living process, which started at another time.
    const swept = [
      dead.replace(/.$/, "S"),
      name.replace(/^rowgate-pg-\d+-\d+/, `rowgate-pg-${process.pid}-1`),
    ];
    for (const folder of swept) mkdirSync(path.join(room, folder));

    const next = launch({ room });
    await next.outcome;
    await until(
      () => swept.every((folder) => !existsSync(path.join(room, folder))),
      () => `not swept: ${swept.join()}`,
    );
    next.process.kill();
    await until(
      () => readdirSync(room).length === kept.length,
      () => left(room).join(", "),
    );
    expect(readdirSync(room).toSorted()).toEqual(kept.toSorted());
    expect(await ask(server, "select 1")).toEqual([[1]]);
    alive.process.kill();
    await until(
      () => !existsSync(path.join(room, name)),
      () => `not removed: ${name}`,
    );
  });
});

test.runIf(process.platform === "linux")("no shared memory outlives a server", async () => {
  const room = makeRoom();
  const launched = launch({ room });
  await launched.outcome;
  const server = processesIn(room).find(({ command }) => / -p \d/.test(command));
  const own = segments().filter(({ creator }) => creator === server?.pid);
  expect(own).toHaveLength(1);
  launched.process.kill("SIGKILL");
  expect(await leftInTheEnd(room)).toEqual([]);
  expect(segments().map(({ id }) => id)).not.toContain(own[0]?.id);
});

/** System V shared memory of the whole machine. */
function segments(): { id: number; creator: number }[] {
  const lines = readFileSync("/proc/sysvipc/shm", "utf8").trim().split("\n").slice(1);
  return lines.map((line) => {
    const [, id, , , creator] = line.trim().split(/ +/).map(Number);
    return { id: id ?? 0, creator: creator ?? 0 };
  });
}

/** An installation whose programs are a script. */
function fakePrograms(script: string): string {
  const native = makeRoom("native");
  mkdirSync(path.join(native, "bin"));
  for (const name of ["initdb", "postgres"]) {
    writeFileSync(path.join(native, "bin", name), script);
    chmodSync(path.join(native, "bin", name), 0o755);
  }
  return native;
}

function inside(room: string, file: string): boolean {
  return readdirSync(room).some((name) => existsSync(path.join(room, name, file)));
}

function pidOf(of: Launched["process"]): number {
  if (of.pid === undefined) throw new Error("the process was not started");
  return of.pid;
}
