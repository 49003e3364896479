import type { Client } from "pg";
import { readCatalog } from "../../src/catalog/catalog.ts";
import type { Catalog } from "../../src/model/catalog.ts";
import type { ProofAnswer as Answer } from "../../src/model/proof.ts";
import type { Declared } from "../../src/prove/proof-cell.ts";
import { type ProofPersona, Prover } from "../../src/prove/prover.ts";
import type { EmbeddedServer } from "../../src/stage/postgres/server.ts";
import { connectTo } from "../support/proof.ts";
import {
  atom,
  columns,
  type Expression,
  expression,
  me,
  random,
  type Random,
  selfAtom,
  smaller,
  sqlOf,
} from "./grammar.ts";
import { type Kind, poolSql, tableSql, worldSql } from "./world.ts";

/** One random table: its policies, and what is declared of it. */
export interface Sample {
  readonly table: string;
  readonly permissive: readonly Expression[];
  readonly restrictive: readonly Expression[];
  /** `undefined`: deny. */
  readonly declared: Expression | undefined;
  /** An UPDATE may change every row, and its policies say what the row may become. */
  readonly operation: "insert" | "select" | "delete" | "update";
  readonly kind: Kind;
  readonly persona: ProofPersona;
  /** Its policies read the table itself: rows are put in one by one. */
  readonly self: boolean;
}

export interface Outcome {
  readonly sample: Sample;
  readonly answer: Answer;
  /** Does a row really put in differ from what is declared? `undefined`: not looked at. */
  readonly differs: boolean | undefined;
}

export interface Counts {
  proved: number;
  shown: number;
  undecided: number;
  constraint: number;
  mismatch: number;
  unsound: number;
  missed: number;
}

const ana: ProofPersona = {
  name: "ana",
  role: "authenticated",
  settings: { "request.jwt.claims": JSON.stringify({ sub: me, plan: "axzz", role: "authenticated" }) },
  identities: [me],
};
const setting: ProofPersona = {
  name: "setting",
  role: "authenticated",
  settings: { "app.user": me },
  identities: [me],
};
const bare: ProofPersona = { name: "bare", role: "anon", settings: {}, identities: [] };

export interface FuzzOptions {
  readonly seed: number;
  readonly count: number;
  readonly rows: number;
}

let databases = 0;

export async function fuzz(
  server: EmbeddedServer,
  { seed, count, rows }: FuzzOptions,
): Promise<readonly Outcome[]> {
  const r = random(seed);
  const samples = Array.from({ length: count }, (_, index) => sampleOf(r, `f${index}`));
  return proveAndCheck(server, samples, rows, seed);
}

export async function proveAndCheck(
  server: EmbeddedServer,
  samples: readonly Sample[],
  rows: number,
  seed: number,
): Promise<readonly Outcome[]> {
  databases += 1;
  const address = await server.createDatabase(`fuzz_${process.pid}_${databases}`);
  const client = await connectTo(address);
  try {
    await client.query(worldSql);
    await client.query(poolSql(rows, seed));
    const created: Sample[] = [];
    for (const sample of samples) if (await isCreated(client, sample)) created.push(sample);
    const catalog = await readCatalog(client, ["public"], ["authenticated", "anon"]);
    const answers = await answersOf(catalog, created, () => connectTo(address));
    const outcomes: Outcome[] = [];
    // What was set once is '' afterwards, and not NULL: a persona is asked where only its own settings ever were.
    const clients = new Map<string, Client>();
    const clientOf = async ({ persona }: Sample): Promise<Client> => {
      const key = Object.keys(persona.settings).join();
      const opened = clients.get(key) ?? (await connectTo(address));
      clients.set(key, opened);
      return opened;
    };
    try {
      for (const [index, sample] of created.entries()) {
        const answer = answers[index];
        if (answer === undefined) continue;
        const differs =
          answer.kind === "hit" ? undefined : await differsInTruth(await clientOf(sample), sample);
        outcomes.push({ sample, answer, differs });
      }
    } finally {
      await Promise.all([...clients.values()].map((one) => one.end()));
    }
    return outcomes;
  } finally {
    await client.end();
  }
}

function sampleOf(r: Random, table: string): Sample {
  const self = r(8) === 0;
  const leaf = self ? (one: Random): Expression => (one(3) === 0 ? selfAtom(one) : atom(one)) : atom;
  const shape = r(6);
  const permissive = Array.from({ length: shape === 0 ? 2 : 1 }, () => expression(r, 1 + r(3), leaf));
  const restrictive = shape === 1 || shape === 0 ? [expression(r, 1 + r(2), leaf)] : [];
  const operation = (["insert", "insert", "select", "select", "delete", "update"] as const)[r(6)] ?? "insert";
  const isDeclared = operation === "update" || r(3) > 0;
  const declared = isDeclared ? variation(r, permissive[0] ?? atom(r)) : undefined;
  const kind = r(5) === 0 ? "partitioned" : "table";
  const persona = [ana, ana, ana, setting, bare][r(5)] ?? ana;
  return { table, permissive, restrictive, declared, operation, persona, self, kind };
}

/** The same in other words, or nearly. */
function variation(r: Random, of: Expression): Expression {
  const one = atom(r);
  return (
    [
      { text: "not (not ($0))", parts: [of] },
      { text: "($0) and true", parts: [of] },
      { text: "(($0) and ($1)) or (($0) and not ($1)) or (($0) and ($1) is null)", parts: [of, one] },
      { text: "($0) or ($1)", parts: [of, one] },
      { text: "($0) and ($1)", parts: [of, one] },
      { text: "($0) is true", parts: [of] },
    ][r(6)] ?? of
  );
}

/** What the matrix says has no session: the persona's values are written out. */
function declaredText(sample: Sample, of: Expression): string {
  const claims = sample.persona.settings["request.jwt.claims"];
  return sqlOf(of, sample.table)
    .replaceAll("auth.uid()", claims === undefined ? "null::uuid" : `'${me}'::uuid`)
    .replaceAll("auth.role()", claims === undefined ? "null::text" : "'authenticated'")
    .replaceAll("auth.jwt()", claims === undefined ? "null::jsonb" : `'${claims}'::jsonb`)
    .replaceAll(
      "current_setting('app.user', true)",
      sample.persona.settings["app.user"] === undefined ? "null" : `'${me}'`,
    );
}

/** Functions read the session: with full sight they would answer for nobody. */
function isDeclarable(of: Expression): boolean {
  return !/my_level|my_plan|owns|level_of|from par/.test(sqlOf(of, "t"));
}

async function isCreated(client: Client, sample: Sample): Promise<boolean> {
  const { table, operation, permissive, restrictive } = sample;
  if (sample.declared !== undefined && !isDeclarable(sample.declared)) return false;
  const clause = (of: Expression): string =>
    `${{ insert: "with check", select: "using", delete: "using", update: "using (true) with check" }[operation]} (${sqlOf(of, table)})`;
  const policy = (name: string, of: Expression, kind: string): string =>
    `create policy ${name} on ${table} as ${kind} for ${operation} to public ${clause(of)};`;
  const seen =
    operation === "delete" || operation === "update"
      ? `create policy seen on ${table} for select to public using (true);`
      : "";
  const sql = [
    tableSql(table, sample.kind),
    `alter table ${table} enable row level security; grant select, insert, update, delete on ${table} to authenticated, anon;`,
    ...permissive.map((one, index) => policy(`p${index}`, one, "permissive")),
    ...restrictive.map((one, index) => policy(`r${index}`, one, "restrictive")),
    seen,
    sample.declared === undefined
      ? ""
      : `explain select 1 from ${table} where (${declaredText(sample, sample.declared)});`,
  ];
  try {
    await client.query("begin");
    await client.query(sql.join("\n"));
    await client.query("commit");
    return true;
  } catch {
    // Types that do not fit: no policy of anybody's.
    await client.query("rollback");
    return false;
  }
}

async function answersOf(
  catalog: Catalog,
  samples: readonly Sample[],
  open: () => Promise<Client>,
): Promise<readonly Answer[]> {
  const prover = await Prover.open({
    open,
    close: (client) => client.end(),
    heldClaims: new Set(["sub", "plan", "role"]),
  });
  try {
    const requests = samples.flatMap((sample) => {
      const relation = catalog.relations.find(({ name }) => name === sample.table);
      const role = catalog.roles.find(({ name }) => name === sample.persona.role);
      if (relation === undefined || role === undefined)
        throw new Error(`${sample.table} is not in the catalogue`);
      const { operation, persona } = sample;
      const predicate = sample.declared && declaredText(sample, sample.declared);
      const writes = operation === "insert" || operation === "update";
      const rows: Declared =
        predicate === undefined ? { kind: "deny" } : writes ? { kind: "allow" } : { kind: "rows", predicate };
      const check = writes ? predicate : undefined;
      return [{ relation, role, operation, declared: rows, check, key: ["id"], persona }];
    });
    const answers: Answer[] = [];
    for (let from = 0; from < requests.length; from += 20)
      answers.push(...(await prover.prove(requests.slice(from, from + 20))));
    return answers;
  } finally {
    await prover.close();
  }
}

/** Rows really put in, and Postgres's own policies asked. */
async function differsInTruth(client: Client, sample: Sample): Promise<boolean> {
  const { table, persona } = sample;
  const names = Object.keys(columns).join(", ");
  const settings = Object.entries(persona.settings).map(
    ([name, value]) => `select set_config('${name}', '${value}', true);`,
  );
  const conditions = policyText(sample);
  await client.query("begin");
  try {
    // The same condition decides what is seen: rows with errors are left out one by one.
    await client.query(
      `drop policy if exists seen on ${table}; create policy truth on ${table} as permissive for select to public using (${conditions}); `,
    );
    const wanted =
      sample.declared === undefined ? "false" : `(${declaredText(sample, sample.declared)}) is true`;
    const step = sample.self ? 1 : 500;
    const { rows: numbers } = await client.query<{ count: number }>(
      "select count(*)::int as count from pool",
    );
    const total = sample.self ? Math.min(400, numbers[0]?.count ?? 0) : (numbers[0]?.count ?? 0);
    for (let from = 0; from < total; from += step) {
      if (
        await differsAmong(client, sample, { names, settings: settings.join(" "), wanted, from, step, table })
      )
        return true;
    }
    return false;
  } finally {
    await client.query("rollback");
  }
}

interface Slice {
  readonly names: string;
  readonly settings: string;
  readonly wanted: string;
  readonly from: number;
  readonly step: number;
  readonly table: string;
}

async function differsAmong(client: Client, sample: Sample, slice: Slice): Promise<boolean> {
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
    if (sample.operation === "select") return seen !== declared;
    const allowed = new Set(declared.split(","));
    return seen !== "" && seen.split(",").some((id) => !allowed.has(id));
  } catch {
    if (step === 1) return false;
    await client.query("rollback to savepoint one");
    const size = Math.max(1, Math.floor(step / 8));
    for (let at = from; at < from + step; at += size)
      if (await differsAmong(client, sample, { ...slice, from: at, step: size })) return true;
    return false;
  } finally {
    await client.query("rollback to savepoint one");
  }
}

function policyText({ permissive, restrictive, table }: Sample): string {
  const any = permissive.map((one) => `(${sqlOf(one, table)})`).join(" or ");
  return [`(${any})`, ...restrictive.map((one) => `(${sqlOf(one, table)})`)].join(" and ");
}

export function isProved({ kind }: Answer): boolean {
  return kind === "all-rows" || kind === "keys-that-exist" || kind === "no-policy";
}

export function countOutcomes(outcomes: readonly Outcome[]): Counts {
  const counts: Counts = {
    proved: 0,
    shown: 0,
    undecided: 0,
    constraint: 0,
    mismatch: 0,
    unsound: 0,
    missed: 0,
  };
  for (const { answer, differs } of outcomes) {
    if (isProved(answer)) counts.proved += 1;
    else if (answer.kind === "hit") counts.shown += 1;
    else if (answer.kind === "undecided") counts.undecided += 1;
    else if (answer.kind === "mismatch") counts.mismatch += 1;
    else counts.constraint += 1;
    if (isProved(answer) && differs === true) counts.unsound += 1;
    if (!isProved(answer) && differs === true) counts.missed += 1;
  }
  return counts;
}

/** The smallest policy that goes wrong in the same way. */
export async function shrink(
  server: EmbeddedServer,
  sample: Sample,
  rows: number,
  seed: number,
): Promise<Sample> {
  let best = { ...sample, table: "f0" };
  for (let rounds = 0; rounds < 30; rounds++) {
    const tries = simpler(best)
      .slice(0, 24)
      .map((one, index) => ({ ...one, table: `f${index}` }));
    const outcomes = await proveAndCheck(server, tries, rows, seed);
    const next = outcomes.find(({ answer, differs }) => isProved(answer) && differs === true)?.sample;
    if (next === undefined) return best;
    best = { ...next, table: "f0" };
  }
  return best;
}

function simpler(sample: Sample): readonly Sample[] {
  const { permissive, restrictive, declared } = sample;
  const [first, ...others] = permissive;
  return [
    ...(others.length > 0 ? permissive.map((one) => ({ ...sample, permissive: [one] })) : []),
    ...restrictive.map((_, index) => ({
      ...sample,
      restrictive: restrictive.filter((_one, at) => at !== index),
    })),
    ...(first === undefined
      ? []
      : smaller(first).map((one) => ({ ...sample, permissive: [one, ...others] }))),
    ...restrictive.flatMap((one, index) =>
      smaller(one).map((less) => ({
        ...sample,
        restrictive: restrictive.map((each, at) => (at === index ? less : each)),
      })),
    ),
    ...(declared === undefined ? [] : smaller(declared).map((one) => ({ ...sample, declared: one }))),
  ];
}

export function describeSample({
  permissive,
  restrictive,
  declared,
  operation,
  persona,
  table,
  kind,
}: Sample): string {
  const list = (what: string, all: readonly Expression[]): readonly string[] =>
    all.map((one) => `  ${what}: ${sqlOf(one, table)}`);
  return [
    `${operation} on a ${kind} as ${persona.name}`,
    ...list("permissive", permissive),
    ...list("restrictive", restrictive),
    `  declared: ${declared === undefined ? "deny" : sqlOf(declared, table)}`,
  ].join("\n");
}
