import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { rowgate } from "../support/cli.ts";
import { makeProject, removeProject } from "./system.ts";

const root = path.resolve(import.meta.dirname, "../..");
const links = readdirSync(path.join(root, "policies/ogelbase")).filter((name) => name.endsWith(".sql"));
const last = links.at(-1) ?? "";

/** The project's own chain of migrations, without some of its links. */
async function run(without: readonly string[]): Promise<{ code: number | null; err: string; logs: boolean }> {
  const files = ["matrices/ogelbase.yaml", ...links.map((name) => `policies/ogelbase/${name}`)]
    .filter((name) => !without.includes(path.basename(name)))
    .map((name) => [name, readFileSync(path.join(root, name), "utf8")] as const);
  const cwd = await makeProject(Object.fromEntries(files));
  try {
    const { code, err } = await rowgate(
      ["run", "matrices/ogelbase.yaml", "--only", "anon/platform.users/select"],
      { cwd },
    );
    return { code, err, logs: existsSync(path.join(cwd, "logs")) };
  } finally {
    await removeProject(cwd);
  }
}

test("a chain that misses a link fails where the next one needs it: file, line, statement, relation, exit 2", async () => {
  const { code, err, logs } = await run(["003_membership.sql"]);
  const sql = readFileSync(path.join(root, "policies/ogelbase", last), "utf8").split("\n");
  const line = sql.findIndex((text) => text.startsWith("insert into platform.organization_members")) + 1;
  const statement = sql.slice(0, line).filter((text) => text.startsWith("insert into ")).length;
  expect(code).toBe(2);
  expect(err).toContain(
    `policies/ogelbase/004_first_customers.sql:${line}:13: 004_first_customers.sql, statement ${statement} (insert into platform.organization_members`,
  );
  expect(err).toContain('relation "platform.organization_members" does not exist [42P01]');
  expect(err).toContain("before it came 001_platform.sql, 002_organizations.sql; and there is no 003");
  // A run that did not come about leaves no archive that somebody could take for one.
  expect(logs).toBe(false);
});

test("a chain without its last link leaves nothing to prove anything by", async () => {
  const { code, err, logs } = await run([last]);
  expect(code).toBe(1);
  expect(err).not.toContain("rowgate:");
  expect(logs).toBe(true);
});

test("the whole chain passes", async () => {
  const { code, err } = await run([]);
  expect(err).not.toContain("rowgate:");
  expect(code).toBe(0);
});
