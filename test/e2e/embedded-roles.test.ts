import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startEmbedded } from "../../src/stage/postgres/server.ts";
import type { EmbeddedServer } from "../../src/stage/postgres/server.ts";
import { readSql } from "../../src/lib/sql-file.ts";
import { ask } from "./embedded-support.ts";

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startEmbedded();
});
afterAll(async () => server.stop());

const ana = "7c9e6679-7425-40de-944b-e07fc1f90ae7";
const claims = JSON.stringify({ sub: ana, role: "authenticated", email: "ana@a.test", app: { school: 1 } });
const allFour = "select auth.uid()::text, auth.role(), auth.email(), auth.jwt() #>> '{app,school}'";

describe("the roles", () => {
  test("are Supabase's", async () => {
    const rows = await ask(
      server.database,
      `select rolname, rolcanlogin, rolinherit, rolbypassrls, rolsuper or rolcreaterole or rolcreatedb or rolreplication
       from pg_roles where rolname in ('anon', 'authenticated', 'service_role', 'authenticator') order by rolname`,
    );
    expect(rows).toEqual([
      ["anon", false, true, false, false],
      ["authenticated", false, true, false, false],
      ["authenticator", true, false, false, false],
      ["service_role", false, true, true, false],
    ]);
  });

  test("are made again without harm, and made right where they were wrong", async () => {
    await ask(server.database, "alter role service_role nobypassrls login", readSql("supabase_roles.sql"));
    expect(
      await ask(
        server.database,
        "select rolcanlogin, rolbypassrls from pg_roles where rolname = 'service_role'",
      ),
    ).toEqual([[false, true]]);
  });

  const login = (): { port: number; user: string; password: string } => ({
    port: server.database.port,
    ...server.authenticator,
  });

  test.each(["anon", "authenticated", "service_role"])("the authenticator may become %s", async (role) => {
    expect(await ask(login(), `set role ${role}`, "select current_user, session_user")).toEqual([
      [role, "authenticator"],
    ]);
  });

  const refused = [
    {
      what: "has nothing of them by itself",
      queries: ["select auth.uid()"],
      error: /permission denied for schema auth/,
    },
    {
      what: "may not become postgres",
      queries: ["set role postgres"],
      error: /permission denied to set role/,
    },
  ];
  test.each(refused)("the authenticator $what", async ({ queries, error }) => {
    await expect(ask(login(), ...queries)).rejects.toThrow(error);
  });

  test("nobody gets in with another password, the superuser neither", async () => {
    for (const user of ["authenticator", "postgres"]) {
      await expect(ask({ ...login(), user, password: "postgres" }, "select 1")).rejects.toThrow(
        /password authentication/,
      );
    }
  });
});

describe("the auth helpers answer", () => {
  const nothing = [null, null, null, null];
  const cases: { what: string; before: string[]; answer: unknown[] }[] = [
    { what: "nothing where no setting was ever set", before: [], answer: nothing },
    { what: "nothing for a setting that is ''", before: [setting("claims", "")], answer: nothing },
    {
      what: "what the claims say",
      before: [setting("claims", claims)],
      answer: [ana, "authenticated", "ana@a.test", "1"],
    },
    { what: "nothing for claims without them", before: [setting("claims", '{"iss":"x"}')], answer: nothing },
    {
      what: "what PostgREST before version 9 set",
      before: [setting("claim.sub", ana), setting("claim.role", "anon"), setting("claim.email", "b@b.test")],
      answer: [ana, "anon", "b@b.test", null],
    },
    {
      what: "the single setting rather than the claims, unless it is ''",
      before: [setting("claims", claims), setting("claim.role", "anon"), setting("claim.email", "")],
      answer: [ana, "anon", "ana@a.test", "1"],
    },
    {
      what: "nothing once the transaction that set the claims is over",
      before: ["begin", `select set_config('request.jwt.claims', '${claims}', true)`, "rollback"],
      answer: nothing,
    },
  ];
  test.each(cases)("$what", async ({ before, answer }) => {
    for (const role of ["anon", "authenticated", "service_role"]) {
      expect(await ask(server.database, `set role ${role}`, ...before, allFour)).toEqual([answer]);
    }
  });

  test("errors where a claim is not what it should be", async () => {
    await expect(ask(server.database, setting("claims", "{"), allFour)).rejects.toThrow(
      /invalid input syntax for type json/,
    );
    await expect(ask(server.database, setting("claim.sub", "x"), allFour)).rejects.toThrow(/type uuid/);
  });

  test("in every database that is made, twice if need be", async () => {
    const made = await server.createDatabase("other");
    expect(await ask(made, "set role anon", allFour)).toEqual([nothing]);
    expect(await ask(made, readSql("supabase_auth.sql"), "set role anon", allFour)).toEqual([nothing]);
  });
});

describe("the API roles hold nothing", () => {
  const cases = [
    { what: "on auth.users", query: "select * from auth.users", error: /permission denied for table users/ },
    {
      what: "on a table of public",
      query: "select * from public.bare",
      error: /permission denied for table bare/,
    },
    {
      what: "to create in public",
      query: "create table public.own ()",
      error: /permission denied for schema public/,
    },
    {
      what: "to create in auth",
      query: "create table auth.own ()",
      error: /permission denied for schema auth/,
    },
  ];
  test.each(cases)("$what", async ({ query, error }) => {
    await ask(server.database, "create table if not exists public.bare (id int)");
    for (const role of ["anon", "authenticated", "service_role"]) {
      await expect(ask(server.database, `set role ${role}`, query)).rejects.toThrow(error);
    }
  });
});

function setting(name: string, value: string): string {
  return `set "request.jwt.${name}" = '${value}'`;
}
