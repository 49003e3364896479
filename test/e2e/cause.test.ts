import { afterAll, beforeAll, expect, test } from "vitest";
import type { Cause } from "../../src/model/run.ts";
import type { EmbeddedServer } from "../../src/stage/postgres/server.ts";
import { startEmbedded } from "../../src/stage/postgres/server.ts";
import { type Proved, prove } from "../support/prove.ts";

// What lets unexpected rows through is found by evaluating each policy with them. Two rows each: ana's own and luis's.
const ana = "a0000000-0000-4000-8000-000000000001";
const luis = "a0000000-0000-4000-8000-000000000002";
const own = "using (owner = (select auth.uid()))";

const tables: Readonly<Record<string, string>> = {
  one_policy: `create policy own on public.one_policy for select ${own};
    create policy wide on public.one_policy for select using (true)`,
  // Each lets another of the two unexpected rows through, one of them both.
  two_policies: `insert into public.two_policies values (3, '${luis}', 'secret');
    create policy own on public.two_policies for select ${own};
    create policy middle on public.two_policies for select using (id > 1);
    create policy upper on public.two_policies for select using (id > 2)`,
  narrowed: `create policy wide on public.narrowed for all using (true);
    create policy narrow on public.narrowed as restrictive for select using (id < 3)`,
  rls_off: "alter table public.rls_off disable row level security",
  hidden_column: `revoke all on public.hidden_column from authenticated;
    grant select (id, owner) on public.hidden_column to authenticated;
    create policy by_note on public.hidden_column for select using (note <> 'x')`,
  by_helper: `create policy helped on public.by_helper for select using (exists (
      select from public.members m where m.id = by_helper.id and m.owner = (select auth.uid())))`,
  written: `create policy reads on public.written for select ${own};
    create policy adds on public.written for insert with check (note is not null)`,
  moved: `create policy reads on public.moved for select ${own};
    create policy moves on public.moved for update ${own} with check (true)`,
  deleted: `create policy reads on public.deleted for select using (true);
    create policy removes on public.deleted for delete using (true)`,
  emptied: `create policy own on public.emptied for select ${own}; grant truncate on public.emptied to authenticated`,
  unkeyed: `alter table public.unkeyed drop constraint unkeyed_pkey;
    create policy wide on public.unkeyed for select using (true)`,
  unset: `create policy nobody on public.unset for select to anon using (coalesce(current_setting('app.tenant', true), '') = '')`,
  // Its policy lets a row through as long as the statement is the probe's own.
  ticking: `create policy probe on public.ticking for select using (current_query() not like '%polroles%')`,
  // A column of the table's own name, and one of the alias that a row might have.
  named: `alter table public.named add column named int default 1, add column t int default 1;
    create policy odd on public.named for select using (named = 1 and named.t = 1)`,
};

const sql = `
create table public.members (id int, owner uuid);
insert into public.members values (1, '${ana}'), (2, '${ana}');
alter table public.members enable row level security;
create policy m on public.members for select using (owner = (select auth.uid()));
grant select on public.members to authenticated;
${Object.entries(tables)
  .map(
    ([name, more]) => `
create table public.${name} (id int primary key, owner uuid, note text default 'new');
insert into public.${name} values (1, '${ana}', 'a'), (2, '${luis}', 'b');
alter table public.${name} enable row level security;
grant select, insert, update, delete on public.${name} to authenticated, anon;
${more};`,
  )
  .join("\n")}
create view public.seen as select * from public.narrowed;
grant select, insert on public.seen to authenticated;
create view public.self as select id, owner from public.narrowed where owner = (select auth.uid());
grant select on public.self to authenticated;
create function public.store_it() returns trigger language plpgsql security definer
  as $$ begin insert into public.narrowed values (new.id + 100, new.owner); return new; end $$;
create trigger writes instead of insert on public.seen for each row execute function public.store_it();
create function public.all_notes() returns setof public.one_policy security definer language sql stable
  as $$ select * from public.one_policy $$;
`;

const mine = `{ rows: "owner = '${ana}'" }`;
const expected: Readonly<Record<string, string>> = {
  two_policies: `{ ana: { select: ${mine} } }`,
  written: `{ ana: { select: ${mine}, insert: { accept: [own], reject: [other] } } }`,
  moved: `{ ana: { select: ${mine}, update: { rows: "owner = '${ana}'", never: { away: { owner: '${luis}' } } } } }`,
  deleted: "{ ana: { select: allow, delete: deny } }",
  emptied: `{ ana: { select: ${mine} } }`,
};
const candidates: Readonly<Record<string, string>> = {
  written: `\n    insert: { own: { id: 7, owner: '${ana}' }, other: { id: 8, owner: '${luis}' } }`,
};

const matrix = `matrix: causes
exposes: [public]
personas:
  ana: { role: authenticated, claims: { sub: ${ana} } }
  anon: { role: anon }
relations:
  members: { expect: { ana: { select: allow }, anon: deny } }
  self: { key: [id], expect: { ana: { select: deny } } }
  seen: { key: [id], insert: { one: { id: 50 } }, expect: { ana: { select: deny, insert: deny } } }
${Object.keys(tables)
  .map((name) => `  ${name}:${candidates[name] ?? ""}\n    expect: ${expected[name] ?? "{ ana: deny }"}`)
  .join("\n")}
functions:
  all_notes: { calls: { whole: {} }, key: [id], expect: { ana: deny } }
`;

let server: EmbeddedServer;
let proved: Proved;
beforeAll(async () => {
  server = await startEmbedded();
  proved = await prove({ server, sql, matrix, channels: ["direct"], withoutRest: true });
});
afterAll(async () => {
  await server.stop();
});

const unseen =
  "no policy lets these rows through when it is evaluated with them; a trigger, a rule or another moment may";
type Found = readonly [name: string, command: string, rows: number];

function policies(relation: string, rows: number, found: readonly Found[], restrictive = 0): Cause {
  const each = found.map(([name, command, count]) => ({ name, command: command as "select", rows: count }));
  return { kind: "policies", relation: `public.${relation}`, rows, policies: each, restrictive };
}

const off = (role: string): Cause => ({ kind: "no-rls", relation: "public.rls_off", why: "off", role });

test.each<{ cell: string; cause: Cause }>([
  {
    cell: "ana/public.one_policy/select",
    cause: policies("one_policy", 2, [
      ["wide", "select", 2],
      ["own", "select", 1],
    ]),
  },
  { cell: "anon/public.one_policy/select", cause: policies("one_policy", 2, [["wide", "select", 2]]) },
  {
    cell: "ana/public.two_policies/select",
    cause: policies("two_policies", 2, [
      ["middle", "select", 2],
      ["upper", "select", 1],
    ]),
  },
  { cell: "ana/public.narrowed/select", cause: policies("narrowed", 2, [["wide", "all", 2]], 1) },
  // Its candidate is stopped by the primary key, after the policy has let it in.
  { cell: "ana/public.narrowed/insert", cause: policies("narrowed", 1, [["wide", "all", 1]]) },
  { cell: "ana/public.narrowed/update", cause: policies("narrowed", 2, [["wide", "all", 2]]) },
  { cell: "ana/public.narrowed/blind_delete", cause: policies("narrowed", 2, [["wide", "all", 2]]) },
  { cell: "ana/public.narrowed/upsert", cause: policies("narrowed", 2, [["wide", "all", 2]]) },
  { cell: "ana/public.rls_off/select", cause: off("authenticated") },
  { cell: "anon/public.rls_off/insert", cause: off("anon") },
  // A policy may read what the persona may not.
  {
    cell: "ana/public.hidden_column/select",
    cause: policies("hidden_column", 2, [["by_note", "select", 2]]),
  },
  { cell: "ana/public.by_helper/select", cause: policies("by_helper", 2, [["helped", "select", 2]]) },
  { cell: "ana/public.written/insert", cause: policies("written", 1, [["adds", "insert", 1]]) },
  { cell: "ana/public.moved/update", cause: policies("moved", 1, [["moves", "update", 1]]) },
  { cell: "ana/public.deleted/delete", cause: policies("deleted", 2, [["removes", "delete", 2]]) },
  { cell: "ana/public.unkeyed/select", cause: policies("unkeyed", 2, [["wide", "select", 2]]) },
  { cell: "anon/public.unset/select", cause: policies("unset", 2, [["nobody", "select", 2]]) },
  { cell: "ana/public.named/select", cause: policies("named", 2, [["odd", "select", 2]]) },
  {
    cell: "ana/public.emptied/truncate",
    cause: { kind: "grant", privilege: "TRUNCATE", on: "public.emptied", role: "authenticated" },
  },
  {
    cell: "ana/public.seen/select",
    cause: {
      kind: "no-rls",
      relation: "public.narrowed",
      why: "superuser",
      role: "postgres",
      view: "public.seen",
    },
  },
  {
    cell: "ana/public.all_notes/execute",
    cause: { kind: "definer", function: "public.all_notes", owner: "postgres", bypasses: true },
  },
  // What does not hold when it is asked again is not guessed.
  { cell: "ana/public.ticking/select", cause: { kind: "unknown", because: unseen } },
])("$cell", ({ cell, cause }) => {
  expect(proved.cells.get(cell)?.verdict).toBe("leak");
  expect(proved.cells.get(cell)?.cause).toEqual(cause);
});

test.each([
  {
    cell: "ana/public.written/insert",
    shows: 'insert into "public"."written" ("id", "owner") values (\'8\', \'',
  },
  { cell: "ana/public.moved/update", shows: `update "public"."moved" set "owner" = '${luis}'` },
])("$cell: what reproduces it is what was let in, not the first that was tried", ({ cell, shows }) => {
  expect(proved.cells.get(cell)?.reproduce?.psql).toContain(shows);
});

test("a view whose INSTEAD OF trigger decides says so", () => {
  const inForce = proved.cells.get("ana/public.seen/insert")?.inForce;
  expect(inForce?.find((line) => line.startsWith("trigger"))).toMatch(
    /^trigger "writes" INSTEAD OF INSERT runs store_it/,
  );
});

test("a view that filters by who asks: the baseline's rows are not enough, and what to declare is said", () => {
  const { verdict, channels } = proved.cells.get("ana/public.self/select") ?? {};
  expect([verdict, channels?.direct?.because]).toEqual([
    "leak",
    expect.stringContaining("`control: { from: <table> }`"),
  ]);
});

test("nothing stays of what was written to find a cause", () => {
  for (const { relation, before, after } of proved.run.fingerprints) expect(after, relation).toEqual(before);
});
