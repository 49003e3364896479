import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, rmdirSync, statSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeProject, removeProject } from "../../cli/system.ts";
import { type CliResult, rowgate } from "../../support/cli.ts";
import { crowd } from "./support.ts";

// The disk that archives go to is full, in the middle of a run: the whole program, on a file system of a few kilobytes.
// test/unit/archive/write.test.ts shows what the writer does of it by itself, also where nothing can be mounted.

let project: string;
const { sql, matrix } = crowd();
beforeAll(async () => {
  project = await makeProject({ "matrices/crowd.yaml": matrix, "policies/crowd/010_crowd.sql": sql });
});
afterAll(async () => {
  await removeProject(project);
});

function mounted(folder: string, size: string): boolean {
  mkdirSync(folder, { recursive: true });
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "rowgate-test", folder], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

const mayMount = ((): boolean => {
  const folder = path.join(import.meta.dirname, "mount-probe");
  const may = mounted(folder, "16k");
  if (may) execFileSync("umount", [folder]);
  else process.stderr.write("disk.test.ts is not run: this user may not mount a small file system (tmpfs)\n");
  rmdirSync(folder);
  return may;
})();

async function runOn(
  size: string,
): Promise<CliResult & { readonly left: readonly string[]; readonly bytes: number }> {
  const logs = path.join(project, `logs ${size}`);
  mounted(logs, size);
  try {
    const args = ["run", "matrices/crowd.yaml", "--quiet", "--logs", logs];
    const result = await rowgate(args, { cwd: project });
    const left = readdirSync(logs, { recursive: true, encoding: "utf8" });
    const bytes = left.reduce((sum, name) => sum + statSync(path.join(logs, name)).size, 0);
    return { ...result, left, bytes };
  } finally {
    execFileSync("umount", [logs]);
  }
}

describe.skipIf(!mayMount)("a disk for archives", () => {
  test("that is large enough, and then some that are not: exit 2, in a sentence, and nothing that looks like an archive", async () => {
    const enough = await runOn("16m");
    expect(enough.code, enough.err).toBe(0);
    expect(enough.out).toMatch(/\bPASS\b/);
    const kilobytes = Math.floor(enough.bytes / 1024);
    // Full at once, in the middle of the cells, and when nearly all is written.
    for (const size of [4, Math.floor(kilobytes / 2), Math.floor(kilobytes * 0.95)]) {
      const { code, err, out, left } = await runOn(`${size}k`);
      expect(code, `${size}k: ${err}`).toBe(2);
      expect(err).toMatch(/Could not .*: the disk is full/);
      expect(err).toContain("--logs");
      expect(err).not.toContain("    at ");
      expect(out).not.toMatch(/\bPASS\b/);
      expect(left.filter((name) => !/^\d{8}$/.test(name))).toEqual([]);
    }
  });
});
