import { afterAll, beforeAll, expect, test } from "vitest";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { rowgate } from "../support/cli.ts";
import { makeProject, removeProject } from "./system.ts";

const migration = `create table public.notes (id int primary key);
create schema api;
create table api.drafts (id int primary key);
revoke all on public.notes from anon, authenticated;
grant usage on schema api to authenticated;
grant select on api.drafts to authenticated;
`;
const matrix = (exposes: string): string => `matrix: app
${exposes}policies: ../supabase/migrations
personas:
  ana: { role: authenticated, claims: { sub: 10000000-0000-4000-8000-000000000001 } }
relations:
  notes: { expect: { ana: deny } }
  api.drafts: { expect: { ana: { select: allow } } }
`;

let project: string;
beforeAll(async () => {
  project = await makeProject({
    "supabase/migrations/20260101000000_all.sql": migration,
    "supabase/config.toml": "",
  });
});
afterAll(() => removeProject(project));

test.each([
  {
    name: "one that the matrix does not list",
    config:
      '# [api]\n# schemas = ["none"]\n[api]\nport = 54321\nschemas = ["public", "graphql_public", "api"]\n',
    exposes: "",
    says: "supabase/config.toml:5:1: schemas = [public, graphql_public, api]; matrices/app.yaml:1:9: exposes: [public]",
  },
  {
    name: "one that only the matrix lists",
    config: '[db]\nschemas = 1\n[api]\nschemas = [\n  "public",\n]\n',
    exposes: "exposes: [public, api]\n",
    says: "supabase/config.toml:4:1: schemas = [public]; matrices/app.yaml:2:10: exposes: [public, api]",
  },
  {
    name: "the same in another order",
    config: 'api.schemas = ["api", "public"]\n',
    exposes: "exposes: [public, api]\n",
  },
  { name: "config.toml does not say", config: "[api]\nport = 54321\n", exposes: "" },
])("schemas of config.toml and of the matrix: $name", async ({ config, exposes, says }) => {
  await writeFile(path.join(project, "supabase/config.toml"), config);
  await writeFile(path.join(project, "matrices/app.yaml"), matrix(exposes));
  const args = ["run", "matrices/app.yaml", "--escalation", "off", "--fail-on", "exposed-schemas-differ"];
  const { code, out, err } = await rowgate(args, { cwd: project });
  const text = out.replaceAll(/\s+/g, " ");
  expect(text, err).toContain(says ?? "PASS");
  expect(code, out + err).toBe(says === undefined ? 0 : 1);
});
