import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { chooseBaseline } from "../../../src/stage/baseline.ts";

test.each([
  { sql: "create table notes (id int)", name: "plain" },
  { sql: "create policy own on notes using (owner = auth.uid())", name: "plain" },
  { sql: "create policy own on storage.objects using (true)", name: "supabase" },
  { sql: 'create policy own on "storage"."objects" using (true)', name: "supabase" },
  { sql: "create policy two on notes using (exists (select from auth.mfa_factors))", name: "supabase" },
  { sql: "create table auth.mfa_factors (id uuid); select * from auth.mfa_factors", name: "plain" },
  { sql: "create schema storage; create table storage.objects (id uuid)", name: "plain" },
  { sql: "create schema if not exists extensions; select * from storage.objects", name: "supabase" },
])("$sql: $name", async ({ sql, name }) => {
  const folder = await mkdtemp(path.join(tmpdir(), "baseline-"));
  await writeFile(path.join(folder, "010_app.sql"), sql);
  const chosen = await chooseBaseline({ baseline: undefined, defaultPrivileges: undefined }, folder, folder);
  await rm(folder, { recursive: true });
  expect(chosen.name).toBe(name);
});
