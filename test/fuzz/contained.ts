import type { Client } from "pg";
import { loadParser } from "../../src/lib/sql-tree.ts";
import { Material } from "../../src/prove/ask/material.ts";
import { readSchema } from "../../src/prove/ask/read-schema.ts";
import { ProofSession } from "../../src/prove/ask/session.ts";
import { privileged } from "../../src/prove/ask/step.ts";
import { holdsForAnyTables, type Sides } from "../../src/prove/contained.ts";
import { type Context, personaAnswers } from "../../src/prove/context.ts";
import { Knowledge } from "../../src/prove/knowledge.ts";
import type { EmbeddedServer } from "../../src/stage/postgres/server.ts";
import { connectTo } from "../support/proof.ts";
import {
  asRowSet,
  ConditionMaker,
  everyColumn,
  type FuzzTable,
  kinds,
  type Spelled,
  variationOf,
} from "./contained-grammar.ts";
import { type Expression, me, type Random, random, smaller, sqlOf } from "./grammar.ts";

/** A policy, and a row set that is nearly the same. */
export interface Pair {
  readonly policy: Expression;
  readonly rows: Expression;
}

export interface ContainedOptions {
  readonly seed: number;
  readonly count: number;
  /** With how many contents of the tables each pair is tried that is said to be contained. */
  readonly contents: number;
  /** What the analysis is asked about, instead of the pair's row set: a fault that is planted. */
  readonly altered?: (rows: string) => string;
}

export interface ContainedOutcome {
  readonly tables: readonly FuzzTable[];
  readonly functions: readonly string[];
  /** Pairs that Postgres takes. */
  readonly taken: number;
  readonly contained: readonly Pair[];
  readonly unsound: readonly Pair[];
}

export const claims = ["request.jwt.claims", JSON.stringify({ sub: me, role: "authenticated" })] as const;
const persona = { role: "authenticated", settings: [claims] };

export function tablesOf(r: Random): readonly FuzzTable[] {
  return ["p", "q", "s"].slice(0, 2 + r(2)).map((name) => {
    const rest = everyColumn.filter((one) => one !== "a" && one !== "u" && r(3) === 0).slice(0, 3);
    return { name, columns: ["a", "u", ...rest].map((each) => ({ name: each, notNull: r(3) === 0 })) };
  });
}

export const whole: FuzzTable = {
  name: "t",
  columns: everyColumn.map((name) => ({ name, notNull: name === "b" })),
};

/** Rows of few values, so that they meet; of NULLs as well; of a table none now and then. */
function fillSql({ name, columns }: FuzzTable, most: string): string {
  const values = columns.map((column) => {
    const { values: all } = kinds[column.name] ?? { values: [] };
    const list = [...all.map((one) => `'${one}'`), ...(column.notNull ? [] : ["null"])];
    return `((array[${list.join(", ")}])[1 + floor(random() * ${list.length})])::${typeOf(column.name)}`;
  });
  return `delete from ${name}; insert into ${name} select ${values.join(", ")} from generate_series(1, ${most});`;
}

export function typeOf(column: string): string {
  return (kinds[column]?.type ?? "").replace(/ (?:check|collate).*/, "");
}

/** Tables, each with what is said of it besides its columns, and a function `stored`. */
export function tablesSql(all: readonly (FuzzTable & { readonly rules?: readonly string[] })[]): string {
  return `
create collation fuzz_nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
create type fuzz_state as enum ('on', 'idle', 'off');
${all
  .map(({ name, columns, rules = [] }) => {
    const list = [
      ...columns.map((one) => `${one.name} ${kinds[one.name]?.type}${one.notNull ? " not null" : ""}`),
      ...rules,
    ];
    return `create table ${name} (${list.join(", ")}); grant select on ${name} to authenticated;`;
  })
  .join("\n")}
-- As Postgres prints it for everyone, whatever their search path; NULL where it is refused.
create function stored(condition text) returns text language plpgsql as $$
  declare made text;
  begin
    execute 'create policy fuzz on t using (' || condition || ')';
    perform set_config('search_path', '', true);
    select pg_get_expr(polqual, polrelid) into made from pg_catalog.pg_policy;
    perform set_config('search_path', 'public', true);
    drop policy fuzz on t;
    return made;
  exception when others then
    perform set_config('search_path', 'public', true);
    return null;
  end $$;
`;
}

function worldSql(tables: readonly FuzzTable[]): string {
  return `
${tablesSql([whole, ...tables])}
-- Which of these queries has a row with some contents.
create function found(queries text[], contents int) returns setof int language plpgsql as $$
  declare
    n int; yes boolean; open int[] := array(select generate_subscripts(queries, 1));
  begin
    for i in 1..contents loop
      ${fillSql(whole, "24")}
      ${tables.map((one) => fillSql(one, "floor(random() * 5)::int")).join("\n      ")}
      foreach n in array open loop
        begin
          execute 'select exists (' || queries[n] || ')' into yes;
          if yes then open := array_remove(open, n); return next n; end if;
        exception when others then null;
        end;
      end loop;
    end loop;
  end $$;
`;
}

interface Given extends Pick<ContainedOutcome, "tables" | "functions"> {
  readonly seed: number;
}

interface World {
  readonly client: Client;
  readonly seed: number;
  readonly contained: (policy: string, rows: string) => Promise<boolean>;
}

let databases = 0;

async function inWorld<T>(
  server: EmbeddedServer,
  { seed, tables, functions }: Given,
  use: (world: World) => Promise<T>,
): Promise<T> {
  databases += 1;
  const address = await server.createDatabase(`contained_${process.pid}_${databases}`);
  const [client, asking] = [await connectTo(address), await connectTo(address)];
  try {
    await client.query(worldSql(tables));
    // Of those that Postgres refuses the calls are refused as well.
    for (const one of functions) await client.query(one).catch(() => undefined);
    await loadParser();
    const knowledge = new Knowledge(await readSchema(client));
    const context = await contextIn(asking, knowledge);
    const contained = (policy: string, rows: string): Promise<boolean> =>
      holdsForAnyTables(context, sidesOf(context, policy, rows));
    return await use({ client, seed, contained });
  } finally {
    await Promise.all([client.end(), asking.end()]);
  }
}

/** In a transaction that is opened on the connection. */
export async function contextIn(asking: Client, knowledge: Knowledge): Promise<Context> {
  const relation = knowledge.schema.relation("public", "t");
  if (relation === undefined) throw new Error("t is not in the catalogue");
  const proofs = new ProofSession(asking, 5_000);
  await proofs.begin();
  const session = proofs.about({ timedOut: false });
  const material = new Material(session, knowledge.schema.relations);
  return {
    knowledge,
    session,
    space: { session, relation, material, checks: [], fixed: new Map() },
    as: persona,
    identities: [me],
    everybody: [me],
    stranger: undefined,
    answer: personaAnswers(session, persona),
    raises: [],
    full: privileged,
    heldClaims: new Set(["sub", "role"]),
    personas: [persona],
  };
}

export function sidesOf({ knowledge, space }: Context, policy: string, rows: string): Sides {
  const read = (text: string): Sides["policy"] => knowledge.declared(space.relation, text);
  return { policy: read(policy), declared: read(rows) };
}

/** Pairs that are said to be contained, and those of them that some contents refute. */
async function ask(
  { client, seed, contained }: World,
  pairs: readonly Pair[],
  { contents, altered = (rows) => rows }: Pick<ContainedOptions, "contents" | "altered">,
): Promise<Pick<ContainedOutcome, "taken" | "contained" | "unsound">> {
  const texts = pairs.map(({ policy, rows }) => [sqlOf(policy, "t"), asRowSet(sqlOf(rows, "t"))]);
  const { rows: stored } = await client.query<{ policy: string | null; rows: string | null }>(
    "select stored(policy) as policy, stored(rows) as rows from unnest($1::text[], $2::text[]) as s (policy, rows)",
    [texts.map(([policy]) => policy), texts.map(([, rows]) => rows)],
  );
  const taken = pairs.flatMap((pair, index) => {
    const [policy, rows] = [stored[index]?.policy, texts[index]?.[1] ?? ""];
    return typeof policy === "string" && stored[index]?.rows !== null ? [{ pair, policy, rows }] : [];
  });
  const said = await Promise.all(taken.map(({ policy, rows }) => contained(policy, altered(rows))));
  const held = taken.filter((_, index) => said[index]);
  const queries = held.map(({ policy, rows }) => `select from t where (${policy}) and (${rows}) is not true`);
  await client.query("begin");
  const [name, value] = claims;
  await client.query("select set_config($1, $2, true), setseed($3)", [name, value, (seed % 1000) / 1000]);
  const { rows: found } = await client.query<{ found: number }>("select found from found($1, $2)", [
    queries,
    contents,
  ]);
  await client.query("rollback");
  const wrong = new Set(found.map((one) => one.found - 1));
  return {
    taken: taken.length,
    contained: held.map(({ pair }) => pair),
    unsound: held.filter((_, index) => wrong.has(index)).map(({ pair }) => pair),
  };
}

export async function fuzzContained(
  server: EmbeddedServer,
  options: ContainedOptions,
): Promise<ContainedOutcome> {
  const r = random(options.seed);
  const tables = tablesOf(r);
  const maker = new ConditionMaker(r, tables);
  const scope = [{ alias: "t", columns: everyColumn }];
  const pairs = Array.from({ length: options.count }, (): Pair => {
    const policy: Spelled = r(3) === 0 ? maker.condition(scope, 2) : maker.membership(scope, 1 + r(2));
    return { policy, rows: variationOf(r, policy, 3 + r(20)) };
  });
  return checkPairs(server, { seed: options.seed, tables, functions: maker.functions }, pairs, options);
}

export async function checkPairs(
  server: EmbeddedServer,
  given: Given,
  pairs: readonly Pair[],
  options: Pick<ContainedOptions, "contents" | "altered">,
): Promise<ContainedOutcome> {
  return inWorld(server, given, async (world) => {
    const found = await ask(world, pairs, options);
    const [first, ...others] = found.unsound;
    const smallest = first === undefined ? [] : [await shrunk(world, first, options), ...others];
    return { ...found, ...given, unsound: smallest };
  });
}

/** The smallest pair that goes wrong in the same way. */
async function shrunk(
  world: World,
  pair: Pair,
  options: Pick<ContainedOptions, "contents" | "altered">,
): Promise<Pair> {
  let best = pair;
  for (let rounds = 0; rounds < 40; rounds++) {
    const tries = [
      ...smaller(best.rows).map((rows) => ({ ...best, rows })),
      ...smaller(best.policy).map((policy) => ({ ...best, policy })),
    ];
    const [next] = (await ask(world, tries, options)).unsound.filter((one) => sizeOf(one) < sizeOf(best));
    if (next === undefined) return best;
    best = next;
  }
  return best;
}

const sizeOf = ({ policy, rows }: Pair): number => sqlOf(policy, "t").length + sqlOf(rows, "t").length;

export function describePair({ tables, functions }: ContainedOutcome, { policy, rows }: Pair): string {
  const texts = [sqlOf(policy, "t"), asRowSet(sqlOf(rows, "t"))];
  return [
    ...[whole, ...tables].map(
      ({ name, columns }) =>
        `${name} (${columns.map((one) => one.name + (one.notNull ? " not null" : "")).join(", ")})`,
    ),
    ...functions.filter((one) => texts.some((text) => text.includes(`${/fuzz_f\d+/.exec(one)?.[0]}(`))),
    `policy: ${texts[0]}`,
    `row set: ${texts[1]}`,
  ].join("\n  ");
}
