import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { rowgate } from "../support/cli.ts";
import { makeProject, removeProject } from "./system.ts";

const root = path.resolve(import.meta.dirname, "../..");

let project: string;
beforeAll(async () => {
  project = await makeProject();
});
afterAll(async () => {
  await removeProject(project);
});

describe("--target container where it cannot work", () => {
  test("no engine: told where it was looked for and what to do, exit 2, no archive", async () => {
    const socket = path.join(project, "there-is-none.sock");
    const result = await rowgate(["run", "--target", "container"], {
      cwd: project,
      env: { DOCKER_HOST: `unix://${socket}` },
    });
    expect(result.code).toBe(2);
    expect(result.err).toMatch(/no container engine answers|nothing answers at DOCKER_HOST/);
    expect(result.err).toContain("point DOCKER_HOST to it");
    expect(result.err).toContain(socket);
    expect(result.out).toBe("");
    expect(readdirSync(project)).not.toContain("logs");
  });

  test("an engine's address holds a password: it is not told", async () => {
    const result = await rowgate(["run", "--target", "container"], {
      cwd: project,
      env: { DOCKER_HOST: "tcp://somebody:a-secret-of-mine@127.0.0.1:1" },
    });
    expect(result.code).toBe(2);
    expect(result.err).toContain("127.0.0.1:1");
    expect(result.err).not.toContain("a-secret-of-mine");
  });

  test("no testcontainers beside it: told how to install it, while the embedded target works", async () => {
    const bare = installWithout("testcontainers");
    try {
      const program = path.join(bare, "dist/cli.js");
      const options = { cwd: project, program };
      const result = await rowgate(["run", "--target", "container"], options);
      expect(result.code).toBe(2);
      expect(result.err).toContain("the npm package testcontainers, and it is not installed");
      expect(result.err).toContain("npm install --save-dev testcontainers@11");
      expect((await rowgate(["run", "--logs", "logs embedded"], options)).code).toBe(0);
    } finally {
      rmSync(bare, { recursive: true, force: true });
    }
  });
});

/** A copy of the built program whose packages are the project's, but for one. */
function installWithout(missing: string): string {
  const folder = mkdtempSync(path.join(tmpdir(), "rowgate-bare-"));
  for (const name of ["dist", "sql", "package.json"]) {
    cpSync(path.join(root, name), path.join(folder, name), { recursive: true });
  }
  mkdirSync(path.join(folder, "node_modules"));
  for (const name of readdirSync(path.join(root, "node_modules"))) {
    if (name !== missing)
      symlinkSync(path.join(root, "node_modules", name), path.join(folder, "node_modules", name));
  }
  return folder;
}

test.each([
  [["--reuse"], "--reuse is for containers"],
  [["--postgres-image", "postgres:16", "--reuse"], "--postgres-image, --reuse are for containers"],
  [["--target", "kontainer"], "did you mean `container`?"],
])("%j is a mistake and not ignored", async (args, says) => {
  const result = await rowgate(["run", ...args], { cwd: project });
  expect(result.code).toBe(2);
  expect(result.err).toContain(says);
});
