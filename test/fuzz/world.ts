import { columns, me, other } from "./grammar.ts";

/** What random policies compare with and call. */
export const worldSql = `
create collation fuzz_nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
create domain fuzz_small as int check (value between 1 and 5);
create type fuzz_state as enum ('draft', 'open', 'closed');
create domain fuzz_word as text check (value <> 'zz');
create table par (id int primary key, owner uuid, lvl int, opens timestamptz);
insert into par values (1, '${other}', 1, now() - interval '1 day'), (2, '${me}', 2, now() + interval '3 days'), (3, '${me}', 3, now() + interval '20 days'),
  (4, null, 4, null), (7, '${other}', null, now() + interval '200 days');
do $$ begin create role fuzz_keeper nologin; exception when duplicate_object then null; end $$;
do $$ begin create role fuzz_group nologin; exception when duplicate_object then null; end $$;
grant fuzz_group to authenticated;
grant usage on schema public, auth to fuzz_keeper;
create function my_level() returns int language sql stable security definer set search_path = '' as
  $$ select max(lvl) from public.par where owner = auth.uid() $$;
create function my_plan() returns text language plpgsql stable as $$ declare p text; begin p := auth.jwt() ->> 'plan'; if p is null then return 'none'; end if; return p; end $$;
create function owns(x int) returns boolean language sql stable security definer set search_path = '' as
  $$ select exists (select 1 from public.par where id = x and owner = auth.uid()) $$;
create function owns_pl(x int) returns boolean language plpgsql stable security definer set search_path = '' as
  $$ declare l int; begin if x is null then return false; end if; select lvl into l from public.par where id = x and owner = auth.uid(); return l > 2; end $$;
create function level_of(x int) returns int language sql stable strict security definer set search_path = '' as $$ select lvl from public.par where id = x $$;
create function owns_by_setting(x int) returns boolean language sql stable security definer set search_path = '' set app."user" = '${other}' as
  $$ select exists (select 1 from public.par p where p.id = x and p.owner::text = current_setting('app.user', true)) $$;
alter function owns_by_setting(int) owner to fuzz_keeper;
create function level_as_keeper(x int) returns int language sql stable security definer set search_path = '' as $$ select p.lvl from public.par p where p.id = x $$;
alter function level_as_keeper(int) owner to fuzz_keeper;
create function has_opened(x int) returns boolean language sql stable security definer set search_path = '' as
  $$ select exists (select 1 from public.par p where p.id = x and p.opens < now()) $$;
create function has_opened_pl(x int) returns boolean language plpgsql stable security definer set search_path = '' as
  $$ begin return exists (select 1 from public.par p where p.id = x and p.opens < now()); end $$;
create function same_owner(a uuid, b uuid) returns boolean language sql immutable strict as $$ select a = b $$;
create function owns_as_keeper(x int) returns boolean language plpgsql stable security definer set search_path = '' as
  $$ begin if exists (select 1 from public.par p where p.id = x and p.lvl >= 2) then return true; elsif x = 6 then return null; end if; return false; end $$;
grant select on par to authenticated, anon, fuzz_keeper;
alter function owns_as_keeper(int) owner to fuzz_keeper;
alter table par enable row level security;
create policy seen on par for select to authenticated, anon using (lvl < 4 or owner is null);
create policy kept on par for select to fuzz_keeper using (owner is not null and (id <> 3 or auth.uid() is null));
`;

export type Kind = "table" | "partitioned";

export function tableSql(name: string, kind: Kind): string {
  const list = Object.entries(columns).map(
    ([column, { type, initial }]) => `${column} ${type}${initial === undefined ? "" : ` default ${initial}`}`,
  );
  const generated = "g int generated always as (a * 2) stored, u text generated always as (lower(k)) stored";
  const head = {
    table: `create table ${name} (id int generated always as identity primary key, ${list.join(", ")}, ${generated});\n`,
    partitioned:
      `create sequence ${name}_id; grant usage on ${name}_id to authenticated, anon; ` +
      `create table ${name} (id int default nextval('${name}_id'), ${list.join(", ")}, ${generated}) partition by list (e);\n` +
      `create table ${name}_open partition of ${name} for values in ('open'); create table ${name}_rest partition of ${name} default;\n`,
  };
  return (
    head[kind] +
    `create function owns_row(r ${name}) returns boolean language sql stable as $$ select r.o = auth.uid() and r.a > 1 $$;\n` +
    `insert into ${name} (a, k) values (99, 'seed');\n`
  );
}

const moments: Readonly<Record<string, string>> = {
  "now-2h": "now() - interval '2 hours'",
  "now-30min": "now() - interval '30 minutes'",
  "now+1day": "now() + interval '1 day'",
  "now+3days": "now() + interval '3 days'",
  today: "current_date",
  yesterday: "current_date - 1",
  tomorrow: "current_date + 1",
};

/** Random rows over the pool's values, the same for every table of a run. */
export function poolSql(rows: number, seed: number): string {
  const cases = Object.entries(columns).map(([name, { type, values }]) => {
    const plain = type.replace(/ collate.*/, "");
    const arms = values.map(
      (one, index) =>
        `when ${index} then (${one === null ? "null" : (moments[one] ?? `'${one}'`)})::${plain}`,
    );
    return `case floor(random() * ${values.length})::int ${arms.join(" ")} end as ${name}`;
  });
  return `select setseed(${(seed % 1000) / 1000}); create table pool as select ${cases.join(", ")} from generate_series(1, ${rows}); grant select on pool to authenticated, anon;`;
}
