import type { Client } from "pg";
import type { RestsOn } from "../../src/model/proof.ts";
import { columns, me, other } from "./grammar.ts";
import { declaredText, policyText, type Sample } from "./sample.ts";

/** How far the clock is moved: other relations' moments are moved back, since a row's own are any already. */
const ahead = ["4 days", "31 days", "366 days"] as const;

/** Other contents of the table that policies and declarations read. */
const contents: readonly string[] = [
  "delete from par",
  `update par set owner = case when owner = '${me}' then '${other}'::uuid else '${me}' end, lvl = 5 - lvl`,
  `insert into par select n, case when n % 2 = 0 then '${me}'::uuid end, n, now() - interval '1 hour' from generate_series(-1, 9) as s(n) on conflict (id) do update set owner = excluded.owner, lvl = null`,
];

interface Slice {
  readonly names: string;
  readonly settings: string;
  readonly wanted: string;
  readonly from: number;
  readonly step: number;
  readonly table: string;
}

/**
 * Rows really put in, and Postgres's own policies asked.
 * @param rests what the proof says that it rests on: it has to hold at later moments and, where it says so, whatever other tables hold, as to rows that are too many
 */
export async function differsInTruth(
  client: Client,
  sample: Sample,
  rests: RestsOn | undefined,
): Promise<boolean> {
  if (await differsNow(client, sample)) return true;
  if (rests === undefined) return false;
  const asks = (what: RegExp): boolean => what.test(policyText(sample) ?? "");
  // A proof that rests on the time is no pass, at this moment either.
  const moved = ahead.map((by) => `update par set opens = opens - interval '${by}'`);
  const changes = [
    ...(rests.time.length === 0 && asks(/opens|has_opened/) ? moved : []),
    ...(rests.anyTables === true && asks(/\bpar\b|owns|level|has_opened/) ? contents : []),
  ];
  for (const one of changes) if (await differsNow(client, sample, one)) return true;
  return false;
}

async function differsNow(client: Client, sample: Sample, change?: string): Promise<boolean> {
  const { table, persona } = sample;
  const alone = sentAlone(sample);
  const names = Object.keys(columns).filter((name) => !sample.ungranted.includes(name));
  const settings = Object.entries(persona.settings).map(
    ([name, value]) => `select set_config('${name}', '${value}', true);`,
  );
  await client.query("begin");
  try {
    if (change !== undefined) await client.query(change);
    // The same condition decides what is seen: rows with errors are left out one by one.
    if (!alone)
      await client.query(
        `drop policy if exists seen on ${table}; create policy truth on ${table} as permissive for select to public using (${policyText(sample) ?? "false"}); `,
      );
    const wanted =
      sample.declared === undefined ? "false" : `(${declaredText(sample, sample.declared)}) is true`;
    const { rows: numbers } = await client.query<{ count: number }>(
      "select count(*)::int as count from pool",
    );
    const all = numbers[0]?.count ?? 0;
    const [step, total] = alone ? [1, Math.min(200, all)] : [500, all];
    const slice = { names: names.join(", "), settings: settings.join(" "), wanted, step, table };
    for (let from = 0; from < total; from += step) {
      const differs = alone
        ? await differsOne(client, sample, { ...slice, from })
        : await differsAmong(client, sample, { ...slice, from }, change === undefined);
      if (differs) return true;
    }
    return false;
  } finally {
    await client.query("rollback");
  }
}

/** Where more than the policy's expression decides: the row itself, once it is there, or defaults of columns that are not granted. */
function sentAlone({ self, ungranted, operation }: Sample): boolean {
  return (self && operation !== "select") || ungranted.length > 0;
}

async function differsAmong(client: Client, sample: Sample, slice: Slice, both: boolean): Promise<boolean> {
  const { names, settings, wanted, from, step, table } = slice;
  await client.query("savepoint one");
  try {
    await client.query(
      `insert into ${table} (${names}) select ${names} from pool offset ${from} limit ${step}`,
    );
    const { rows: ours } = await client.query<{ ids: string }>(
      `select coalesce(string_agg(id::text, ',' order by id), '') as ids from ${table} where ${wanted} and a is distinct from 99`,
    );
    await client.query(`${settings} set local role ${sample.persona.role}`);
    const { rows: theirs } = await client.query<{ ids: string }>(
      `select coalesce(string_agg(id::text, ',' order by id), '') as ids from ${table} where a is distinct from 99`,
    );
    const [seen, declared] = [theirs[0]?.ids ?? "", ours[0]?.ids ?? ""];
    if (sample.operation === "select" && both) return seen !== declared;
    const allowed = new Set(declared.split(","));
    return seen !== "" && seen.split(",").some((id) => !allowed.has(id));
  } catch {
    if (step === 1) return false;
    await client.query("rollback to savepoint one");
    const size = Math.max(1, Math.floor(step / 8));
    for (let at = from; at < from + step; at += size)
      if (await differsAmong(client, sample, { ...slice, from: at, step: size }, both)) return true;
    return false;
  } finally {
    await client.query("rollback to savepoint one");
  }
}

/** The statement itself, about one row of the pool: did it go through, though the row is not declared? */
async function differsOne(client: Client, { operation, persona }: Sample, slice: Slice): Promise<boolean> {
  const { names, settings, wanted, from, table } = slice;
  const one = `select ${names} from pool offset ${from} limit 1`;
  const put = `insert into ${table} (${names}) ${one}`;
  const outside = `select count(*)::int as count from ${table} where (${wanted}) is not true and a is distinct from 99`;
  const count = async (sql: string): Promise<number> =>
    (await client.query<{ count: number }>(sql)).rows[0]?.count ?? 0;
  const send = async (sql: string): Promise<number> => {
    await client.query(`${settings} set local role ${persona.role}`);
    return (await client.query(sql)).rowCount ?? 0;
  };
  await client.query("savepoint one");
  try {
    switch (operation) {
      case "insert":
        await send(put);
        break;
      case "update":
        await send(`update ${table} set (${names}) = (${one}) where a = 99`);
        break;
      default: {
        await client.query(put);
        if ((await count(outside)) === 0) return false;
        const reached =
          operation === "change"
            ? `update ${table} set flag = flag where a is distinct from 99`
            : `delete from ${table}${operation === "delete" ? " where a is distinct from 99" : ""}`;
        const touched = await send(reached);
        await client.query("reset role");
        const left = await count(`select count(*)::int as count from ${table} where a is distinct from 99`);
        return operation === "change" ? touched > 0 : left === 0;
      }
    }
    await client.query("reset role");
    return (await count(outside)) > 0;
  } catch {
    return false;
  } finally {
    await client.query("rollback to savepoint one");
  }
}
