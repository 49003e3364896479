import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, expect, test } from "vitest";
import { latestArchive } from "../../src/archive/chain.ts";
import { readRun } from "../../src/archive/read.ts";
import type { RunRecord } from "../../src/model/run.ts";
import { images } from "./build.ts";
import { leftBehind } from "./claim.ts";
import { docker } from "./engine.ts";
import { root, runOnContainers } from "./rowgate.ts";

export const cases = (): void =>
  void describe("a run on containers", () => {
    const logs = mkdtempSync(path.join(tmpdir(), "rowgate-container-logs-"));
    afterAll(() => {
      rmSync(logs, { recursive: true, force: true });
    });

    async function recordOf(name: string): Promise<RunRecord> {
      const folder = path.join(logs, name);
      const latest = await latestArchive(folder);
      return readRun(path.join(folder, latest?.id.slice(0, 8) ?? "", latest?.id ?? ""));
    }

    // The first after the images are made: once a busy disk has kept a request for longer than the 15 s of its limit.
    const twice = { retry: 1 };
    test(
      "fne-lms passes on an older Postgres than the embedded one, and says what it ran on",
      twice,
      async () => {
        const result = await runOnContainers(["matrices/fne-lms.yaml", "--logs", path.join(logs, "pass")], {
          cwd: root,
        });
        expect(result.err).not.toContain("rowgate:");
        expect(result.code, result.out).toBe(0);
        expect(result.out).toMatch(
          /fne-lms on container {2}PASS {2}1,229 cells \(direct 1,229, rest 1,011\)/,
        );
        expect(result.out.replaceAll(/\s+/g, " ")).toContain("rest: builtin gateway, not PostgREST");
        const { target } = await recordOf("pass");
        const [postgres, gateway] = await Promise.all(
          [images.postgres, images.gateway].map((name) =>
            docker("image", "inspect", "--format", "{{.Id}}", name),
          ),
        );
        expect(target).toMatchObject({
          name: "container",
          posture: "container",
          rest: { gateway: { kind: "builtin", image: images.gateway } },
          containers: {
            reused: false,
            images: [
              { use: "postgres", name: images.postgres, id: postgres },
              { use: "postgrest", name: images.gateway, id: gateway },
            ],
          },
        });
        expect(target.serverVersion).not.toMatch(/^17\./);
        expect(await leftBehind()).toEqual([]);
      },
    );

    test("a flaw that people ship is the same leak as on the embedded target", async () => {
      const flaw = "policies/fne-lms/flawed/broad-activity-policy.sql";
      const args = ["matrices/fne-lms.yaml", "--overlay", flaw, "--only", "*/public.activity_feed/select"];
      const result = await runOnContainers([...args, "--logs", path.join(logs, "leak")], { cwd: root });
      expect(result.code, result.err).toBe(1);
      expect(result.out).toMatch(/^LEAK {2}public\.activity_feed · select: 9 personas/m);
      expect(await leftBehind()).toEqual([]);
    });

    test("an image with Supabase's roles: they stay as they are, its superuser has another name", async () => {
      const env = { ROWGATE_POSTGRES_IMAGE: images.supabase };
      const args = ["matrices/fne-lms.yaml", "--logs", path.join(logs, "supabase")];
      const result = await runOnContainers(args, { cwd: root, env });
      expect(result.code, result.out + result.err).toBe(0);
      expect(result.out).toMatch(/PASS {2}1,229 cells/);
    });

    test("without a gateway, no image of PostgREST is looked for", async () => {
      const env = { ROWGATE_POSTGREST_IMAGE: "rowgate-test/there-is-none:1" };
      const args = ["matrices/fne-lms.yaml", "--channel", "direct", "--only", "anon/*/select"];
      const result = await runOnContainers(
        [...args, "--gateway", "builtin", "--logs", path.join(logs, "direct")],
        {
          cwd: root,
          env,
        },
      );
      expect(result.code, result.err).toBe(0);
      const { containers } = (await recordOf("direct")).target;
      expect(containers?.images.map(({ use }) => use)).toEqual(["postgres"]);
    });

    test("--keep: what it published is this machine's alone, and stays until Ctrl-C", async () => {
      const args = ["matrices/fne-lms.yaml", "--only", "anon/*/select", "--keep"];
      const result = await runOnContainers([...args, "--logs", path.join(logs, "kept")], {
        cwd: root,
        watch: async (child, err) => {
          while (child.exitCode === null && !err().includes("until Ctrl-C")) await sleep(100);
          await sleep(1_000);
          const ports = await docker("ps", "--filter", "label=rowgate.session", "--format", "{{.Ports}}");
          expect(ports).toMatch(/127\.0\.0\.1:\d+->5432/);
          expect(ports).toMatch(/127\.0\.0\.1:\d+->3000/);
          expect(ports).not.toMatch(/0\.0\.0\.0|\[::\]/);
          // No password is in any process's command line.
          const password = /postgres:([^@]+)@/.exec(err())?.[1] ?? "";
          expect(password.length).toBeGreaterThan(30);
          expect(execFileSync("ps", ["-eo", "args"], { encoding: "utf8" })).not.toContain(password);
          child.kill("SIGINT");
        },
      });
      expect(result.code).toBe(130);
      expect(await leftBehind()).toEqual([]);
    });
  });
