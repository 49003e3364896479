import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { latestArchive } from "../../src/archive/chain.ts";
import { readCells, readRun } from "../../src/archive/read.ts";
import { rowgate } from "../support/cli.ts";
import { makeProject, removeProject } from "./system.ts";

const ana = "10000000-0000-4000-8000-000000000001";

/** Extensions that no Postgres has by itself, as migrations make and use them. */
const extensions = `create extension if not exists vector with schema extensions version '0.4.0';
create extension postgis;
create extension "pg_cron" with schema extensions;
create extension pg_net;
create extension http with schema extensions;
create extension pgjwt with schema extensions;
create extension pgmq;
create extension pg_jsonschema;
create extension pg_hashids;
create extension pg_graphql;
create extension supabase_vault cascade;
comment on extension vector is 'lists of numbers';
do $$ begin
  if not exists (select from pg_extension where extname = 'vector') then raise 'no vector'; end if;
end $$;
select cron.schedule('nightly', '0 0 * * *', 'delete from public.places');
select net.http_post(url := 'http://localhost', body := '{}'::jsonb);
select pgmq.create('mails');
select pgmq.send('mails', '{"to": "ana"}');
select pgmq.send(queue_name => 'mails', msg => '{}', delay => 3);
do $$ begin
  if (select message from pgmq.read('mails', 30, 5)) <> '{"to": "ana"}' then raise 'no message'; end if;
  if not pgmq.archive('mails', 1) then raise 'no archive'; end if;
  if not (select valid from extensions.verify(extensions.sign('{"a": 1}', 'secret'), 'secret')) then raise 'no signature'; end if;
  -- The example of RFC 7515, appendix A.1, by its header and payload of one line each.
  if extensions.sign('{"sub":"1234567890","name":"John Doe","iat":1516239022}', 'your-256-bit-secret')
    not like '%.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ.%' then raise 'another payload'; end if;
  if id_decode(id_encode(array[3, 255]::bigint[])) <> array[3, 255]::bigint[] then raise 'another number'; end if;
end $$;
`;
const tables = `create table public.places (
  id int primary key, owner uuid, at geometry(Point, 4326), area geography(Polygon, 4326), embedding vector(1536),
  doc jsonb check (jsonb_matches_schema('{"type": "object"}', doc)), code text default id_encode(7));
create index places_embedding on public.places using hnsw (embedding vector_cosine_ops) with (m = 16);
create index places_at on public.places using gist (at);
insert into public.places (id, owner, at, embedding, doc) values
  (1, '${ana}', st_setsrid(st_makepoint(1, 2), 4326), '[1,2,3]', '{}'), (2, null, 'POINT(1 2)'::geometry, '[4,5,6]', '{}');
alter table public.places enable row level security;
create policy own on public.places for select to authenticated using (owner = auth.uid());
create function public.near(place int) returns boolean language plpgsql stable as $$
begin
  return (select st_dwithin(at, st_makepoint(0, 0), 10) from public.places where id = place);
exception when others then
  return false;
end $$;
create table public.visits (id int primary key, place int);
insert into public.visits values (1, 1);
alter table public.visits enable row level security;
create policy near on public.visits for select to authenticated using (public.near(place));
create table public.direct (id int primary key, at geometry);
insert into public.direct values (1, 'POINT(0 0)');
alter table public.direct enable row level security;
create policy near on public.direct for select to authenticated using (at && st_makepoint(0, 0));
-- Arrays have && as well, and a comment calls nothing.
create function public.has_tag(wanted text[]) returns boolean language plpgsql stable as $$
begin
  return wanted && array['a']; -- and not st_dwithin(at, st_makepoint(0, 0), 10), nor http_get('http://localhost')
end $$;
create table public.tagged (id int primary key, tags text[]);
insert into public.tagged values (1, '{b}'), (2, '{a}');
alter table public.tagged enable row level security;
create policy tag on public.tagged for select to authenticated using (public.has_tag(tags));
create function public.put_together(place int) returns boolean language plpgsql stable as $$
declare
  found boolean;
begin
  execute format('select %I(at, st_makepoint(0, 0), 10) from public.places where id = $1', 'st_dwithin') into found using place;
  return found;
exception when others then
  return false;
end $$;
create table public.dynamic (id int primary key, place int);
insert into public.dynamic values (1, 1);
alter table public.dynamic enable row level security;
create policy near on public.dynamic for select to authenticated using (public.put_together(place));
create table public.nearby (id int primary key, owner uuid references auth.users, at geometry);
alter table public.nearby enable row level security;
create policy near on public.nearby for select to authenticated
  using (owner = auth.uid() or st_dwithin(at, st_makepoint(0, 0), 10));
create table public.spots (id int primary key, owner uuid references auth.users, at geometry not null default 'POINT(0 0)');
alter table public.spots enable row level security;
create policy own on public.spots to authenticated using (owner = auth.uid());
create policy near on public.spots to authenticated using (st_dwithin(at, st_makepoint(0, 0), 10));
create function public.log() returns trigger language plpgsql as $$
begin
  perform net.http_post(url := 'http://localhost', body := '{}'::jsonb);
  return new;
end $$;
create table public.hooks (id int primary key);
insert into public.hooks values (1);
alter table public.hooks enable row level security;
create policy none on public.hooks for all to authenticated using (false) with check (false);
create trigger log before insert on public.hooks for each row execute function public.log();
create trigger webhook after insert on public.hooks for each row
  execute function supabase_functions.http_request('http://localhost', 'POST', '{}', '{}', '1000');
create function public.ask() returns trigger language plpgsql as $$
begin
  perform extensions.http_get('http://localhost');
  return new;
exception when others then
  return null;
end $$;
create table public.asked (id int primary key);
alter table public.asked enable row level security;
create policy anyone on public.asked for insert to authenticated with check (true);
create trigger ask before insert on public.asked for each row execute function public.ask();
-- A policy that reads a table fires none of its triggers.
create table public.about (id int primary key);
insert into public.about values (1);
alter table public.about enable row level security;
create policy of_asked on public.about for select to authenticated using (id in (select a.id from public.asked a));
select pg_create_logical_replication_slot('slot', 'pgoutput');
`;
/** Nothing of the SQL is wrong with these; what rests on a stand-in must not pass. */
const matrix = `matrix: app
policies: ../supabase/migrations
channels: [direct]
personas: { ana: { role: authenticated, claims: { sub: ${ana} } } }
relations:
  places: { rows: { mine: 'owner = :sub' }, expect: { ana: { select: mine } } }
  visits: { expect: { ana: { select: deny } } }
  direct: { expect: { ana: { select: deny } } }
  tagged: { rows: { a: "tags && '{a}'" }, expect: { ana: { select: a } } }
  dynamic: { expect: { ana: { select: deny } } }
  hooks: { expect: { ana: { select: deny, insert: deny } } }
  asked: { expect: { ana: { insert: deny } } }
  about: { expect: { ana: { select: deny } } }
`;

let project: string;
beforeAll(async () => {
  project = await makeProject({
    "supabase/migrations/20240101000000_extensions.sql": extensions,
    "supabase/migrations/20240102000000_tables.sql": tables,
    "matrices/app.yaml": matrix,
  });
});
afterAll(async () => {
  await removeProject(project);
});

test("extensions that Postgres lacks are imitated, and what calls them never passes", async () => {
  const { code, out, err } = await rowgate(["run", "matrices/app.yaml", "--json", "--logs", "logs"], {
    cwd: project,
  });
  expect(err).not.toContain("rowgate:");
  expect(code, out).toBe(1);
  const { id = "" } = (await latestArchive(path.join(project, "logs"))) ?? {};
  const folder = path.join(project, "logs", id.slice(0, 8), id);
  const { target } = await readRun(folder);
  expect(target.baseline?.standIns.filter((one) => one.startsWith("extension"))).toContain(
    "extension postgis (what calls its functions is inconclusive)",
  );
  expect(
    target.baseline?.skipped.map(({ line, because }) => `${line} ${because.split(" ", 3).join(" ")}`),
  ).toEqual(["4 an index that", "5 an index that", "82 a replication slot,"]);
  const verdicts = new Map<string, string>();
  for await (const { relation, operation, verdict, channels } of readCells(folder))
    verdicts.set(`${relation} ${operation}`, `${verdict}: ${channels.direct?.because}`);
  const of = (...places: readonly string[]): unknown => places.map((one) => verdicts.get(one));
  expect(verdicts.get("tagged select")).not.toContain("stand-in");
  expect(of("about select", "places select", "hooks insert", "hooks select")).toEqual([
    expect.stringMatching(/^pass: /),
    expect.stringMatching(/^pass: /),
    expect.stringMatching(/^pass: /),
    expect.stringMatching(/^pass: /),
  ]);
  expect(of("dynamic select")).toEqual([
    expect.stringMatching(
      /^inconclusive: .*function public\.put_together reads the stand-in for extension postgis/,
    ),
  ]);
  expect(of("visits select", "direct select", "direct update", "asked insert", "visits insert")).toEqual([
    expect.stringMatching(
      /^inconclusive: policy near on visits, through function public\.near reads the stand-in for extension postgis/,
    ),
    "inconclusive: RG001 geometry_overlaps is a function of PostGIS, which is not installed",
    expect.stringMatching(/^inconclusive: policy near on direct reads the stand-in for extension postgis/),
    expect.stringMatching(/^inconclusive: /),
    expect.stringMatching(/^pass: /),
  ]);
});

test("without stand-ins the extensions are missing, all of them, and the way out is named", async () => {
  const { code, err } = await rowgate(["run", "matrices/app.yaml", "--no-stand-ins"], { cwd: project });
  expect(code).toBe(2);
  for (const name of [
    "vector",
    "postgis",
    "pg_cron",
    "pg_net",
    "http",
    "pgjwt",
    "pgmq",
    "pg_jsonschema",
    "pg_hashids",
  ])
    expect(err).toContain(`extension "${name}" is not available`);
  expect(err).toContain("--postgres-bin");
});

test("a scan shows what a stand-in decides as unknown", async () => {
  const { code, out, err } = await rowgate(["scan", "--json"], { cwd: project });
  expect(code, err).toBe(0);
  const { relations } = JSON.parse(out) as {
    readonly relations: readonly {
      readonly relation: string;
      readonly personas: Readonly<
        Record<
          string,
          Readonly<Record<string, { readonly access: { readonly kind: string; readonly own?: boolean } }>>
        >
      >;
    }[];
  };
  const access = (
    relation: string,
    persona: string,
    operation: string,
  ): { readonly kind: string; readonly own?: boolean } | undefined =>
    relations.find((one) => one.relation === `public.${relation}`)?.personas[persona]?.[operation]?.access;
  const kind = (relation: string, persona: string): string | undefined =>
    access(relation, persona, "select")?.kind;
  // Rows that name somebody else may be accepted as well: the extension would say.
  expect(access("spots", "newcomer", "insert")).toEqual({ kind: "accepted", own: false });
  expect(
    ["nearby", "spots", "visits", "tagged", "places"].map((one) => `${one} ${kind(one, "newcomer")}`),
  ).toEqual(["nearby unknown", "spots unknown", "visits unknown", "tagged rows", "places possible"]);
});
