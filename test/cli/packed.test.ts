import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";

const root = path.resolve(import.meta.dirname, "../..");
const sql = `
create table public.notes (id int primary key, owner uuid not null, body text);
alter table public.notes enable row level security;
grant select on public.notes to authenticated;
create policy own on public.notes for select to authenticated using (owner = auth.uid());
`;

let folder: string;
/** Why it could not be installed: without a registry there is nothing to try. */
let offline: string | undefined;
const runFile = promisify(execFile);
const sh = async (command: string, args: readonly string[], cwd: string): Promise<string> =>
  (await runFile(command, args, { cwd, maxBuffer: 1 << 24 })).stdout;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "rowgate packed-"));
  const packed = await sh("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", folder], root);
  const [{ filename }] = JSON.parse(packed) as [{ filename: string }];
  await mkdir(path.join(folder, "app/supabase/migrations"), { recursive: true });
  await writeFile(path.join(folder, "app/package.json"), '{ "name": "@org/my-app", "private": true }');
  await writeFile(path.join(folder, "app/supabase/migrations/20260101000000_notes.sql"), sql);
  await sh(
    "npm",
    ["install", "--prefer-offline", "--no-audit", "--no-fund", path.join(folder, filename)],
    path.join(folder, "app"),
  ).catch((error: unknown) => {
    const text = String((error as { readonly stderr?: string }).stderr ?? error);
    if (!/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENOTCACHED|E403|E503/.test(text)) throw error;
    offline = text.split("\n")[0];
  });
}, 300_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

test("the packed tarball, installed elsewhere, writes a first matrix and proves it", async (context) => {
  if (offline !== undefined) context.skip(`npm could not install the tarball's dependencies: ${offline}`);
  const app = path.join(folder, "app");
  const installed = path.join(app, "node_modules/rowgate");
  for (const name of ["llms.txt", "SKILL.md", "docs/matrix.md"])
    expect((await readFile(path.join(installed, name), "utf8")).length).toBeGreaterThan(500);
  await sh("npx", ["--no-install", "rowgate", "init"], app);
  const matrix = await readFile(path.join(app, "matrices/my-app.yaml"), "utf8");
  expect(matrix).toContain("rows: { own: owner = :sub }");
  expect(matrix).toContain("$schema=../node_modules/rowgate/matrix.schema.json");
  const report = await sh("npx", ["--no-install", "rowgate", "run", "--escalation", "off"], app);
  expect(report).toMatch(/my-app on embedded\s+PASS/);
}, 300_000);
