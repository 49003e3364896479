import type { Client } from "pg";
import { loadParser } from "../../src/lib/sql-tree.ts";
import { holdingAfter } from "../../src/prove/after-changes.ts";
import { type Change, changedBy } from "../../src/prove/analyse/changes.ts";
import { readSchema } from "../../src/prove/ask/read-schema.ts";
import { holdsForAnyTables } from "../../src/prove/contained.ts";
import { Knowledge } from "../../src/prove/knowledge.ts";
import type { EmbeddedServer } from "../../src/stage/postgres/server.ts";
import { connectTo } from "../support/proof.ts";
import {
  effectsOf,
  keyed,
  type KeyedTable,
  PairMaker,
  type PlainChange,
  rowSetOf,
  valueSql,
} from "./changed-grammar.ts";
import { claims, contextIn, type Pair, sidesOf, tablesOf, tablesSql, typeOf, whole } from "./contained.ts";
import { random, smaller, sqlOf } from "./grammar.ts";

/** Tables with rows, and what happens when they change. */
export interface Standing {
  readonly seed: number;
  readonly tables: readonly KeyedTable[];
  readonly functions: readonly string[];
  readonly effects: readonly string[];
  /** Statements that put the rows in; absent: random ones. */
  readonly rows?: readonly string[];
}

/** A pair, and changes after which it is said to hold. */
interface Case {
  readonly pair: Pair;
  readonly changes: readonly PlainChange[];
}

export interface ChangedOptions {
  /** How often each of the changes is made. */
  readonly times: number;
  /** A fault that is planted: other changes than those that are made are told. */
  readonly told?: (changes: readonly PlainChange[]) => readonly PlainChange[];
}

export interface ChangedOutcome {
  /** Pairs that Postgres takes and that do not hold whatever the tables hold. */
  readonly open: number;
  /** Cases of these pairs. */
  readonly asked: number;
  readonly held: number;
  /** Changes that were made and that Postgres did not refuse. */
  readonly made: number;
  readonly unsound: readonly string[];
}

function worldSql({ tables }: Standing): string {
  return `
${tablesSql(tables)}
-- One row, with random values where none are said; refused where a key says so.
create function put(into_table text, given jsonb) returns boolean language plpgsql as $$
  begin
    case into_table
    ${tables.map((one) => `when '${one.name}' then ${putSql(one)}`).join("\n    ")}
    end case;
    return true;
  exception when others then return false;
  end $$;
create function set_some(of_table text, given jsonb) returns boolean language plpgsql as $$
  declare place tid; odds float := random(); done boolean := false; assigned text;
  begin
    select string_agg(format('%I = %L', key, value), ', ') into assigned from jsonb_each_text(given);
    for place in execute format('select ctid from %I order by random()', of_table) loop
      if random() < odds then
        begin
          execute format('update %I set %s where ctid = %L', of_table, assigned, place);
          done := true;
        exception when others then null;
        end;
      end if;
    end loop;
    return done;
  end $$;
-- Which of these queries has a row with the changes made, each time anew.
create function found_after(queries text[], changes jsonb, times int, out refuted int[], out made int) language plpgsql as $$
  declare
    n int; yes boolean; one jsonb; done boolean;
  begin
    refuted := '{}'; made := 0;
    for i in 1..times loop
      begin
        done := false;
        for one in select value from jsonb_array_elements(changes) loop
          if (one ->> 'isNew')::boolean then done := put(one ->> 'table', one -> 'row') or done;
          else done := set_some(one ->> 'table', one -> 'row') or done; end if;
        end loop;
        if done then made := made + 1; end if;
        for n in select generate_subscripts(queries, 1) loop
          if not n = any (refuted) then
            begin
              execute 'select exists (' || queries[n] || ')' into yes;
              if yes then refuted := refuted || n; end if;
            exception when others then null;
            end;
          end if;
        end loop;
        raise exception 'undone' using errcode = 'RG000';
      exception when sqlstate 'RG000' then null;
      end;
    end loop;
  end $$;
`;
}

function putSql({ name, columns }: KeyedTable): string {
  const values = columns.map((column) => {
    const any = `case when ${column.notNull ? "false" : "random() < 0.15"} then null else ${valueSql(column.name)} end`;
    return `case when given ? '${column.name}' then (given ->> '${column.name}')::${typeOf(column.name)} else ${any} end`;
  });
  return `insert into ${name} (${columns.map((one) => one.name).join(", ")}) values (${values.join(", ")});`;
}

/** Few rows of each, so that what stands decides. */
const fillSql = ({ name }: KeyedTable): string =>
  `select put('${name}', '{}') from generate_series(1, ${name === "t" ? "6" : "floor(random() * 4)::int"})`;

interface World {
  readonly client: Client;
  readonly standing: Standing;
  readonly asks: (policy: string, rows: string) => Promise<Asked>;
  readonly holdsAlways: (policy: string, rows: string) => Promise<boolean>;
}
type Asked = (changes: readonly PlainChange[]) => Promise<boolean>;

const isTrigger = (sql: string): boolean => sql.startsWith("create trigger");

let databases = 0;

async function inWorld<T>(
  server: EmbeddedServer,
  standing: Standing,
  use: (world: World) => Promise<T>,
): Promise<T> {
  databases += 1;
  const address = await server.createDatabase(`changed_${process.pid}_${databases}`);
  const [client, asking] = [await connectTo(address), await connectTo(address)];
  try {
    await client.query(worldSql(standing));
    const made = [
      ...standing.tables.flatMap((one) => one.besides),
      ...standing.effects,
      ...standing.functions,
    ];
    // What stands is put in before there are triggers, and after there are keys.
    for (const sql of made.filter((one) => !isTrigger(one))) await client.query(sql).catch(() => undefined);
    await client.query("select setseed($1)", [(standing.seed % 1000) / 1000]);
    for (const sql of standing.rows ?? standing.tables.toReversed().map(fillSql)) await client.query(sql);
    for (const sql of made.filter(isTrigger)) await client.query(sql).catch(() => undefined);
    await loadParser();
    const knowledge = new Knowledge(await readSchema(client));
    const { schema } = knowledge;
    const context = await contextIn(asking, knowledge);
    const changeOf = ({ table, row, isNew }: PlainChange): readonly Change[] => {
      const relation = schema.relation("public", table);
      return relation === undefined ? [] : [{ relation, row, isNew }];
    };
    const asks = async (policy: string, rows: string): Promise<Asked> => {
      const holds = await holdingAfter(context, sidesOf(context, policy, rows));
      return (changes) => holds(changedBy(schema, changes.flatMap(changeOf)));
    };
    const holdsAlways = (policy: string, rows: string): Promise<boolean> =>
      holdsForAnyTables(context, sidesOf(context, policy, rows));
    return await use({ client, standing, asks, holdsAlways });
  } finally {
    await Promise.all([client.end(), asking.end()]);
  }
}

interface Found extends Omit<ChangedOutcome, "unsound"> {
  readonly wrong: readonly Case[];
}

/** Of each of the changes, the pairs that are said to hold after it, and that some way to make it refutes. */
async function ask(
  { client, standing, asks, holdsAlways }: World,
  pairs: readonly Pair[],
  all: readonly (readonly PlainChange[])[],
  { times, told = (changes) => changes }: ChangedOptions,
): Promise<Found> {
  const texts = pairs.map(({ policy, rows }) => [sqlOf(policy, "t"), rowSetOf(rows)]);
  const { rows: stored } = await client.query<{ policy: string | null; rows: string | null }>(
    "select stored(policy) as policy, stored(rows) as rows from unnest($1::text[], $2::text[]) as s (policy, rows)",
    [texts.map(([policy]) => policy), texts.map(([, rows]) => rows)],
  );
  const open = await Promise.all(
    pairs.map(async (pair, index) => {
      const [policy, rows] = [stored[index]?.policy, texts[index]?.[1] ?? ""];
      if (typeof policy !== "string" || stored[index]?.rows === null) return [];
      if (await holdsAlways(policy, rows)) return [];
      return [{ pair, policy, rows, holds: await asks(policy, rows) }];
    }),
  );
  const taken = open.flat();
  let [held, made] = [0, 0];
  const wrong: Case[] = [];
  for (const changes of all) {
    const said = await Promise.all(taken.map(({ holds }) => holds(told(changes))));
    const holding = taken.filter((_, index) => said[index]);
    held += holding.length;
    if (holding.length === 0) continue;
    const queries = holding.map(
      ({ policy, rows }) => `select from t where (${policy}) and (${rows}) is not true`,
    );
    await client.query("begin");
    const [name, value] = claims;
    const set = "set_config($1, $2, true), setseed($3)";
    await client.query(`select ${set}`, [name, value, (standing.seed % 1000) / 1000]);
    await client.query("set constraints all deferred");
    const { rows } = await client.query<{ refuted: number[]; made: number }>(
      "select refuted, made from found_after($1, $2, $3)",
      [queries, JSON.stringify(changes), times],
    );
    await client.query("rollback");
    made += rows[0]?.made ?? 0;
    wrong.push(
      ...(rows[0]?.refuted ?? []).flatMap((n) => {
        const { pair } = holding[n - 1] ?? {};
        return pair === undefined ? [] : [{ pair, changes }];
      }),
    );
  }
  return { open: taken.length, asked: taken.length * all.length, held, made, wrong };
}

export async function fuzzChanged(
  server: EmbeddedServer,
  { seed, count, ...options }: ChangedOptions & { readonly seed: number; readonly count: number },
): Promise<ChangedOutcome> {
  const r = random(seed);
  const [own, ...others] = keyed(r, [whole, ...tablesOf(r)]);
  if (own === undefined) throw new Error("there is no table");
  const effects = effectsOf(r, others);
  const maker = new PairMaker(r, others, own);
  const pairs = Array.from({ length: count }, () => maker.pair());
  const changes = Array.from({ length: 12 }, () => maker.changes());
  const standing = { seed, tables: [own, ...others], functions: maker.functions, effects };
  return checkChanged(server, standing, pairs, changes, options);
}

export async function checkChanged(
  server: EmbeddedServer,
  standing: Standing,
  pairs: readonly Pair[],
  changes: readonly (readonly PlainChange[])[],
  options: ChangedOptions,
): Promise<ChangedOutcome> {
  return inWorld(server, standing, async (world) => {
    const { wrong, ...found } = await ask(world, pairs, changes, options);
    const [first, ...rest] = wrong;
    const smallest = first === undefined ? [] : [await shrunk(world, first, options), ...rest];
    const unsound: string[] = [];
    for (const one of smallest) unsound.push(await describe(world, one));
    return { ...found, unsound };
  });
}

/** The smallest case that goes wrong in the same way. */
async function shrunk(world: World, first: Case, options: ChangedOptions): Promise<Case> {
  let best = first;
  for (let rounds = 0; rounds < 40; rounds++) {
    const { pair, changes } = best;
    const tries = [
      ...smaller(pair.rows).map((rows) => ({ ...pair, rows })),
      ...smaller(pair.policy).map((policy) => ({ ...pair, policy })),
    ].filter((one) => sizeOf(one) < sizeOf(pair));
    const [next] = (await ask(world, tries, [changes], options)).wrong;
    if (next === undefined) break;
    best = next;
  }
  const fewer = best.changes.map((one) => best.changes.filter((other) => other !== one));
  return (await ask(world, [best.pair], fewer, options)).wrong[0] ?? best;
}

const sizeOf = ({ policy, rows }: Pair): number => sqlOf(policy, "t").length + sqlOf(rows, "t").length;

async function describe({ client, standing }: World, { pair, changes }: Case): Promise<string> {
  const texts = [sqlOf(pair.policy, "t"), rowSetOf(pair.rows)];
  const lines = standing.tables.map(({ name, columns, rules, besides }) => {
    const list = [...columns.map((one) => one.name + (one.notNull ? " not null" : "")), ...rules];
    return [`${name} (${list.join(", ")})`, ...besides].join("; ");
  });
  for (const { name } of standing.tables) {
    const { rows } = await client.query<{ row: string }>(`select ${name}::text as row from ${name}`);
    lines.push(`${name}: ${rows.map((one) => one.row).join(" ")}`);
  }
  return [
    ...lines,
    ...standing.effects,
    ...standing.functions.filter((one) =>
      texts.some((text) => text.includes(`${/fuzz_f\d+/.exec(one)?.[0]}(`)),
    ),
    ...changes.map(
      ({ table, row, isNew }) => `${isNew ? "put into" : "set in"} ${table}: ${JSON.stringify(row)}`,
    ),
    `policy: ${texts[0]}`,
    `row set: ${texts[1]}`,
  ].join("\n  ");
}
