import { Client, type DatabaseError } from "pg";
import { expect, test } from "vitest";
import type { DatabaseAddress } from "../../../src/model/target.ts";
import { asSuperuser } from "../../support/as-superuser.ts";
import { oneServer } from "./proof.ts";

const server = oneServer();

/** What `login-bypass-path` and `login-role-escalation` say of Postgres, done by a login of its own: each would fail if it were not so. */
const world = `
  do $$ begin
    if not exists (select from pg_roles where rolname = 'ways_app') then create role ways_app login password 'ways'; end if;
    if not exists (select from pg_roles where rolname = 'ways_owner') then create role ways_owner; end if;
    revoke ways_owner from ways_app cascade;
  end $$;
  create table docs (id int primary key, title text);
  insert into docs values (1, 'secret');
  create table members (who name);
  alter table docs enable row level security, force row level security;
  grant select on docs to ways_app;
  create function is_member() returns boolean language sql stable set search_path = public as
    'select exists (select from members where who = session_user)';
  create policy members_see on docs using (is_member());
  grant select on members to ways_app;`;

let databases = 0;

function told(proof: string): string {
  return `create function told(one text, other text) returns boolean language plpgsql immutable cost 0.0001 ${proof} as
    $$ begin raise exception 'there is %', one; end $$`;
}

async function made(sql: string): Promise<DatabaseAddress> {
  databases += 1;
  const database = await server().createDatabase(`ways_${databases}`);
  await asSuperuser(database, world, sql);
  return { ...database, user: "ways_app", password: "ways" };
}

async function titles(
  address: DatabaseAddress,
  before: string,
  read = "select title from docs",
): Promise<unknown> {
  const client = new Client({ ...address, ssl: false });
  await client.connect();
  try {
    await client.query(before);
    const { rows } = await client.query<{ title: string }>(read);
    return rows.map(({ title }) => title);
  } catch (error) {
    return (error as DatabaseError).message;
  } finally {
    await client.end();
  }
}

const standIn = "create temporary table members as select session_user as who";

test("a temporary table stands in for what a pinned search_path finds, unless pg_temp is named last", async () => {
  const address = await made("");
  expect(await titles(address, "select")).toEqual([]);
  expect(await titles(address, standIn)).toEqual(["secret"]);
  const named = await made("alter function is_member() set search_path = public, pg_temp");
  expect(await titles(named, standIn)).toEqual([]);
  const empty = await made(
    "create or replace function is_member() returns boolean language sql stable set search_path = '' as 'select exists (select from pg_class where relname = session_user)'",
  );
  expect(await titles(empty, "create temporary table pg_class as select session_user as relname")).toEqual([
    "secret",
  ]);
});

test("a condition of the caller's own is tried on rows that a view hides, unless security_barrier keeps it from them", async () => {
  const view =
    "create view mine with (security_barrier = %) as select * from docs where title <> 'secret'; grant select on mine to ways_app";
  const tell = `create function pg_temp.tell(title text) returns boolean language plpgsql cost 0.0001 as
    $$ begin raise exception 'there is %', title; end $$`;
  const leaky = "select title from mine where pg_temp.tell(title)";
  expect(await titles(await made(view.replace("%", "off")), tell, leaky)).toBe("there is secret");
  expect(await titles(await made(view.replace("%", "on")), tell, leaky)).toEqual([]);
});

test("a LEAKPROOF function is evaluated on rows that policies hide, another one is not", async () => {
  const leaky = "select title from docs where told(title, '')";
  expect(await titles(await made(told("leakproof")), "select", leaky)).toBe("there is secret");
  expect(await titles(await made(told("not leakproof")), "select", leaky)).toEqual([]);
});

test("who may hang a trigger on a table sees what others write, and with which rights", async () => {
  const address = await made("grant trigger on docs to ways_app; grant create on schema public to ways_app");
  await titles(
    address,
    `create table public.heard (title text, who name);
     grant insert on public.heard to public;
     create function public.listen() returns trigger language plpgsql as
       'begin insert into public.heard values (new.title, current_user); return new; end';
     create trigger listen before insert on public.docs for each row execute function public.listen()`,
  );
  const { user: _, password: __, ...place } = address;
  const superuser = await server().createDatabase("ways_superuser");
  await asSuperuser({ ...superuser, ...place }, "insert into docs values (2, 'later')");
  expect(await titles(address, "select", "select title || ' by ' || who as title from heard")).toEqual([
    "later by postgres",
  ]);
});

test("ADMIN OPTION is enough to become the role, and the owner takes FORCE away", async () => {
  const address = await made(
    "alter table docs owner to ways_owner; grant ways_owner to ways_app with admin true, inherit false, set false",
  );
  expect(await titles(address, "set role ways_owner")).toMatch(/permission denied/);
  const taken =
    "grant ways_owner to ways_app with set true; set role ways_owner; alter table docs no force row level security";
  expect(await titles(address, taken)).toEqual(["secret"]);
});

test("the owner of a schema drops what others own in it", async () => {
  const address = await made("alter table docs owner to ways_owner; alter schema public owner to ways_app");
  expect(
    await titles(address, "drop table docs", "select to_regclass('public.docs')::text as title"),
  ).toEqual([null]);
});
