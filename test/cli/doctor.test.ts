import { afterAll, beforeAll, expect, test } from "vitest";
import { checkNames } from "../../src/model/diagnosis.ts";
import { rowgate } from "../support/cli.ts";
import { makeProject, notesMatrix, removeProject } from "./system.ts";

let project: string;
beforeAll(async () => {
  project = await makeProject({
    "odd.yaml": notesMatrix
      .replace("  notes:\n    rows", "  nots:\n    rows")
      .replace("matrix: notes", "matrix: notes\npolicies: policies/notes"),
    "direct.yaml": notesMatrix.replace(
      "matrix: notes",
      "matrix: notes\nchannels: [direct]\npolicies: policies/notes",
    ),
    "broken.yaml": notesMatrix.replace("anon: {", "anon: ["),
  });
});
afterAll(async () => {
  await removeProject(project);
});

test("the embedded target and a matrix that fits it: every check is ok", async () => {
  const result = await rowgate(["doctor"], { cwd: project });
  expect(result.err).toBe("");
  expect(result.out).toContain("✓ matrix        matrices/notes.yaml fits: ");
  expect(result.out).toContain("it is rowgate's builtin gateway, not PostgREST");
  expect(result.out).toMatch(/\nOK {2}checks: \d+ ok\n$/);
  expect(result.out).not.toContain("\u001b[");
  for (const line of result.out.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  expect(result.code).toBe(0);
});

test("for programs: every check once, by name and status", async () => {
  const result = await rowgate(["doctor", "--json"], { cwd: project });
  const answer = JSON.parse(result.out) as { checks: { check: string; status: string }[] };
  expect(answer).toMatchObject({ target: "embedded", posture: "embedded", exitCode: 0 });
  expect(answer.checks.map(({ check }) => check)).toEqual(checkNames);
});

test("a matrix that names what is not there is wrong, with its mistakes by file and line", async () => {
  const result = await rowgate(["doctor", "--matrix", "odd.yaml"], { cwd: project });
  expect(result.code).toBe(1);
  expect(result.out).toContain("✗ matrix        odd.yaml does not fit the target");
  expect(result.out.replaceAll(/\s+/g, " ")).toContain("missing relation: public.nots does not exist");
  expect(result.out).toMatch(/FAILED {2}1 problem that a run would hit; checks: \d+ ok\n$/);
});

test("a system without PostgREST has no gateway to look at", async () => {
  const result = await rowgate(["doctor", "--matrix", "direct.yaml"], { cwd: project });
  expect(result.out).toContain("· gateway       the target has no PostgREST");
  expect(result.out).not.toContain("rollback");
  expect(result.code).toBe(0);
});

test("a matrix that cannot be read is a mistake of the command's, and nothing is examined", async () => {
  const result = await rowgate(["doctor", "--matrix", "broken.yaml"], { cwd: project });
  expect(result.code).toBe(2);
  expect(result.out).toBe("");
  expect(result.err).toContain("broken.yaml:");
});
