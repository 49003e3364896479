import { afterAll, beforeAll, expect, test } from "vitest";
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
