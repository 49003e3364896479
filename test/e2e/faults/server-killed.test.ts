import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { verifyArchive } from "../../../src/archive/verify.ts";
import { makeProject, removeProject } from "../../cli/system.ts";
import { rowgate } from "../../support/cli.ts";
import { processesIn, until } from "../../support/processes.ts";
import { crowd } from "./support.ts";

// Postgres is killed (SIGKILL) while rowgate probes it: the whole program, as a person runs it.

const { sql, matrix } = crowd();
/** Slow enough that most tables are still to come when the first is told. */
const slow = `create function slow() returns boolean language plpgsql as $$ begin perform pg_sleep(0.01); return true; end $$;
${sql.replaceAll("using (owner = auth.uid())", "using (owner = auth.uid() and slow())")}`;

let project: string;
beforeAll(async () => {
  project = await makeProject({ "matrices/crowd.yaml": matrix, "policies/crowd/010_crowd.sql": slow });
});
afterAll(async () => {
  await removeProject(project);
});

function postmasterOf(room: string): number {
  const found = processesIn(room).find((line) => / -D .* -p \d/.test(line)) ?? "";
  return Number(/^\d+/.exec(found)?.[0]);
}

/** One that serves rowgate's own login: when it is killed, the server drops all others and recovers. */
function childOf(postmaster: number): number {
  const pids = readFileSync(`/proc/${postmaster}/task/${postmaster}/children`, "utf8").trim().split(" ");
  return Number(
    pids.find((pid) => readFileSync(`/proc/${pid}/cmdline`, "utf8").startsWith("postgres: postgres crowd")),
  );
}

const victims: Readonly<Record<string, (room: string) => number>> = {
  "the postmaster": postmasterOf,
  "one of its processes": (room) => childOf(postmasterOf(room)),
};

if (process.platform !== "linux")
  process.stderr.write("server-killed.test.ts is not run: it finds processes in /proc\n");

describe.skipIf(process.platform !== "linux")("at the first verdict", () => {
  test.each(Object.entries(victims))(
    "%s: what was seen is archived, and that is no PASS",
    async (name, find) => {
      const room = path.join(project, `tmp ${name}`);
      const logs = path.join(project, `logs ${name}`);
      mkdirSync(room);
      const result = await rowgate(["run", "matrices/crowd.yaml", "--logs", logs], {
        cwd: project,
        env: { TMPDIR: room },
        watch: async (_, err) => {
          await until(() => err().includes("first verdict"));
          process.kill(find(room), "SIGKILL");
        },
      });
      expect(result.code, result.err).toBe(2);
      expect(result.out).not.toMatch(/\bPASS\b/);
      expect(result.err).not.toContain("    at ");
      const days = readdirSync(logs).filter((one) => /^\d{8}$/.test(one));
      const archives = days.flatMap((day) =>
        readdirSync(path.join(logs, day)).map((one) => path.join(logs, day, one)),
      );
      expect(archives).toHaveLength(1);
      const [archive = ""] = archives;
      expect(await verifyArchive(archive)).toEqual([]);
      const cells = readFileSync(path.join(archive, "cells.ndjson"), "utf8");
      expect(cells).toContain('"verdict":"pass"');
      expect(cells).toContain('"verdict":"error"');
      await until(() => processesIn(room).length === 0 && readdirSync(room).length === 0);
      expect([...processesIn(room), ...readdirSync(room)]).toEqual([]);
    },
  );
});
