import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { makeProject, removeProject } from "../cli/system.ts";
import { leftBehind } from "./claim.ts";
import { images } from "./build.ts";
import { docker } from "./engine.ts";
import { runOnContainers } from "./rowgate.ts";

async function kept(): Promise<readonly string[]> {
  const filter = ["--filter", "label=rowgate.reuse", "--filter", `ancestor=${images.postgres}`];
  return (await docker("ps", "--all", ...filter, "--format", "{{.Names}}"))
    .split("\n")
    .filter((name) => name !== "");
}

async function databases(name: string): Promise<readonly string[]> {
  const sql =
    "select datname from pg_database union all select rolname from pg_roles where rolname !~ '^pg_'";
  return (await docker("exec", name, "psql", "-U", "postgres", "-Atc", sql)).split("\n").toSorted();
}

/** Removes what was kept, as the documentation says. @returns what is left even so */
async function clear(): Promise<readonly string[]> {
  for (const name of await kept()) await docker("rm", "--force", "--volumes", name);
  const networks = await docker("network", "ls", "--filter", "label=rowgate.reuse", "--format", "{{.Name}}");
  for (const name of networks.split("\n").filter((one) => one !== "")) await docker("network", "rm", name);
  return leftBehind(2);
}

export const cases = (): void =>
  void describe("--reuse", () => {
    let project: string;
    beforeAll(async () => {
      project = await makeProject({
        "policies/notes/020_role.sql": "create role teacher; grant teacher to authenticated;",
        "spoils.sql": "alter role authenticated set statement_timeout = '7s';",
        "leaks.sql": "create policy open on public.notes for select to authenticated using (true);",
      });
    });
    afterAll(async () => {
      await removeProject(project);
    });
    afterEach(async () => {
      const left = await clear();
      if (left.length > 0) throw new Error(`left behind: ${left.join(", ")}`);
    });

    async function run(logs: string, ...args: readonly string[]) {
      return runOnContainers(["--reuse", "--logs", logs, ...args], { cwd: project });
    }

    test("the next run takes what the first has left, as it was when it was new", async () => {
      const first = await run("first");
      expect(first.code, first.err).toBe(0);
      const [name = "", ...others] = await kept();
      expect(others).toEqual([]);
      const own = [
        "anon",
        "authenticated",
        "authenticator",
        "postgres",
        "postgres",
        "rowgate_reuse",
        "service_role",
        "template0",
        "template1",
      ];
      expect(await databases(name)).toEqual(own);

      const second = await run("second", "--overlay", "leaks.sql");
      expect(second.code, second.err).toBe(1);
      expect(second.out).toContain("left by an earlier run");
      expect(await kept()).toEqual([name]);

      // What the run before leaked into its own database is gone with it.
      const third = await run("third");
      expect(third.code, third.out).toBe(0);
      expect(await databases(name)).toEqual(own);
    });

    test("a server whose roles a system has changed is not handed on", async () => {
      const first = await run("spoils", "--overlay", "spoils.sql");
      expect(first.code, first.err).toBe(0);
      expect(await kept()).toEqual([]);
    });

    test("one that somebody changed meanwhile is removed, not used", async () => {
      expect((await run("before")).code).toBe(0);
      const [name = ""] = await kept();
      await docker("exec", name, "psql", "-U", "postgres", "-c", "alter role authenticated bypassrls");
      const next = await run("after");
      expect(next.code, next.out).toBe(0);
      expect(next.out).not.toContain("left by an earlier run");
      expect(await kept()).not.toContain(name);
    });

    test("two at a time never share one", async () => {
      const both = await Promise.all([run("one"), run("two")]);
      expect(both.map(({ code }) => code)).toEqual([0, 0]);
      expect((await kept()).length).toBe(2);
    });

    test("Ctrl-C gives it back like any other end", async () => {
      const result = await runOnContainers(["--reuse", "--logs", "broken off", "--keep"], {
        cwd: project,
        watch: async (child, err) => {
          while (child.exitCode === null && !err().includes("until Ctrl-C"))
            await new Promise((resolve) => setTimeout(resolve, 100));
          child.kill("SIGINT");
        },
      });
      expect(result.code).toBe(130);
      const [name = ""] = await kept();
      expect(await databases(name)).not.toContain("notes_1");
    });
  });
