import { afterAll, beforeAll, expect, test } from "vitest";
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { latestArchive } from "../../src/archive/chain.ts";
import { readRun } from "../../src/archive/read.ts";
import { rowgate } from "../support/cli.ts";
import { makeProject, removeProject } from "./system.ts";

/** A function that names an extension's function without its schema. Supabase's API searches `extensions`, PostgREST by itself does not. */
const sql = `create schema if not exists extensions;
create extension if not exists pgcrypto with schema extensions;
grant usage on schema extensions to anon, authenticated;
create function public.new_token() returns text language plpgsql as $$ begin return encode(gen_random_bytes(8), 'hex'); end $$;
create table public.tokens (id int generated always as identity primary key, owner uuid not null, token text not null default public.new_token());
alter table public.tokens enable row level security;
revoke all on public.tokens from anon, authenticated;
grant select, insert on public.tokens to authenticated;
create policy own on public.tokens to authenticated using (owner = auth.uid());
create policy known on public.tokens as restrictive for select to authenticated using (public.new_token() is not null);
insert into public.tokens (owner, token) values
  ('10000000-0000-4000-8000-000000000001', 'a'), ('10000000-0000-4000-8000-000000000002', 'b');
`;
const matrix = `matrix: tokens
personas:
  ana: { role: authenticated, claims: { sub: 10000000-0000-4000-8000-000000000001 } }
relations:
  tokens:
    rows: { mine: 'owner = :sub' }
    insert: { its_own: { owner: ':sub' } }
    expect: { ana: { select: mine, insert: { accept: [its_own] } } }
`;

let project: string;
beforeAll(async () => {
  project = await makeProject({ "policies/tokens/010_tokens.sql": sql, "matrices/tokens.yaml": matrix });
});
afterAll(() => removeProject(project));

/** A policy and a default call the function, on both channels. */
test.each([
  { baseline: "supabase", code: 0, says: "PASS" },
  { baseline: "plain", code: 2, says: "function gen_random_bytes(integer) does not exist" },
])(
  "on $baseline, what an unqualified name of an extension finds: $says",
  async ({ baseline, code, says }) => {
    const args = ["--baseline", baseline, "--escalation", "off", "--proof", "rows-at-hand"];
    const result = await rowgate(["run", "matrices/tokens.yaml", ...args], { cwd: project });
    expect(result.out.replaceAll(/\s+/g, " "), result.err).toContain(says);
    expect(result.code).toBe(code);
  },
);

const said = "alter role authenticator set pgrst.db_extra_search_path = 'public, tools';";

/** The same, with a function of the project's own in a schema that only a setting adds to the path. */
test.each([
  {
    where: "config.toml",
    path: '["public", "tools"]',
    sql: "",
    recorded: ["public", "tools"],
    code: 0,
    says: "PASS",
  },
  {
    where: "config.toml that leaves it out",
    path: '["public"]',
    sql: "",
    recorded: ["public"],
    code: 2,
    says: "function mark(integer) does not exist",
  },
  {
    where: "ALTER ROLE authenticator",
    path: undefined,
    sql: said,
    recorded: undefined,
    code: 0,
    says: "PASS",
  },
  {
    where: "ALTER ROLE authenticator, against config.toml",
    path: '["public"]',
    sql: said,
    recorded: ["public"],
    code: 0,
    says: "PASS",
  },
])(
  "$where says what is behind a request's schema: $says",
  async ({ path: listed, sql: setting, recorded, code, says }) => {
    const own = sql
      .replaceAll("extensions", "tools")
      .replace(
        /create extension .*;/,
        () => "create function tools.mark(int) returns bytea language sql as $$ select '\\x01'::bytea $$;",
      )
      .replace("gen_random_bytes(", "mark(");
    const folder = await makeProject({
      "policies/tokens/010_tokens.sql": `${own}${setting}`,
      "matrices/tokens.yaml": matrix,
    });
    try {
      if (listed !== undefined) {
        await mkdir(path.join(folder, "supabase"));
        await writeFile(path.join(folder, "supabase/config.toml"), `[api]\nextra_search_path = ${listed}\n`);
      }
      const args = [
        "--baseline",
        listed === undefined ? "plain" : "supabase",
        "--escalation",
        "off",
        "--proof",
        "rows-at-hand",
      ];
      const result = await rowgate(["run", "matrices/tokens.yaml", ...args], { cwd: folder });
      expect(result.out.replaceAll(/\s+/g, " "), result.err).toContain(says);
      expect(result.code).toBe(code);
      const { id = "" } = (await latestArchive(path.join(folder, "logs"))) ?? {};
      const run = await readRun(path.join(folder, "logs", id.slice(0, 8), id));
      expect(run.target.baseline?.extraSearchPath).toEqual(recorded);
    } finally {
      await removeProject(folder);
    }
  },
);
