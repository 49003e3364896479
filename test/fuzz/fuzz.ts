import type { Client } from "pg";
import { readCatalog } from "../../src/catalog/catalog.ts";
import type { Catalog } from "../../src/model/catalog.ts";
import type { ProofAnswer as Answer } from "../../src/model/proof.ts";
import type { Declared } from "../../src/prove/proof-cell.ts";
import { Prover } from "../../src/prove/prover.ts";
import type { EmbeddedServer } from "../../src/stage/postgres/server.ts";
import { connectTo } from "../support/proof.ts";
import { columns, type Expression, random, sqlOf } from "./grammar.ts";
import { declaredText, type FuzzOperation, heldClaims, type Sample, sampleOf } from "./sample.ts";
import { differsInTruth } from "./truth.ts";
import { poolSql, tableSql, worldSql } from "./world.ts";

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

export interface FuzzOptions {
  readonly seed: number;
  readonly count: number;
  readonly rows: number;
  /** What the proof's answers become: a fault that is planted. */
  readonly altered?: (sample: Sample, answer: Answer) => Answer;
}

let databases = 0;

export async function fuzz(server: EmbeddedServer, options: FuzzOptions): Promise<readonly Outcome[]> {
  const r = random(options.seed);
  const samples = Array.from({ length: options.count }, (_, index) => sampleOf(r, `f${index}`));
  return proveAndCheck(server, samples, options);
}

export async function proveAndCheck(
  server: EmbeddedServer,
  samples: readonly Sample[],
  { rows, seed, altered = (_, answer) => answer }: Omit<FuzzOptions, "count">,
): Promise<readonly Outcome[]> {
  databases += 1;
  const address = await server.createDatabase(`fuzz_${process.pid}_${databases}`);
  const client = await connectTo(address);
  try {
    await client.query(worldSql);
    await client.query(poolSql(rows, seed));
    for (const sample of samples) await create(client, sample);
    const catalog = await readCatalog(client, ["public"], ["authenticated", "anon"]);
    const answers = await answersOf(catalog, samples, () => connectTo(address));
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
      for (const [index, sample] of samples.entries()) {
        const given = answers[index];
        if (given === undefined) continue;
        const answer = altered(sample, given);
        const rests = "restsOn" in answer ? answer.restsOn : undefined;
        const differs =
          answer.kind === "hit" ? undefined : await differsInTruth(await clientOf(sample), sample, rests);
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

const clauses: Readonly<Record<FuzzOperation, string>> = {
  insert: "for insert to $to with check ($is)",
  select: "for select to $to using ($is)",
  delete: "for delete to $to using ($is)",
  blind_delete: "for delete to $to using ($is)",
  update: "for update to $to using (true) with check ($is)",
  change: "for update to $to using ($is) with check (true)",
};

/** Fails where the grammar makes what Postgres refuses: each policy counts. */
async function create(client: Client, sample: Sample): Promise<void> {
  const { table, operation, permissive, restrictive, seen, ungranted } = sample;
  const policy = (name: string, of: Expression, kind: string, to: string): string =>
    `create policy ${name} on ${table} as ${kind} ${clauses[operation].replace("$to", to).replace("$is", () => sqlOf(of, table))};`;
  const written = Object.keys(columns).filter((name) => !ungranted.includes(name));
  const sql = [
    tableSql(table, sample.kind),
    `alter table ${table} enable row level security; grant select, update, delete on ${table} to authenticated, anon;`,
    `grant insert${ungranted.length > 0 ? ` (${written.join(", ")})` : ""} on ${table} to authenticated, anon;`,
    ...permissive.map((one, index) => policy(`p${index}`, one, "permissive", sample.to)),
    ...restrictive.map((one, index) => policy(`r${index}`, one, "restrictive", "public")),
    // Whom it is for is not whom it is about.
    policy("others", { text: "true", parts: [] }, "permissive", "fuzz_keeper"),
    readsRows(operation)
      ? `create policy seen on ${table} for select to public using (${sqlOf(seen, table)});`
      : "",
    sample.declared === undefined
      ? ""
      : `explain select 1 from ${table} where (${declaredText(sample, sample.declared)});`,
  ].join("\n");
  await client.query(sql).catch((error: unknown) => {
    throw new Error(`the grammar made what Postgres refuses: ${String(error)}\n${sql}`);
  });
}

/** Statements with a WHERE, which meet the policies of SELECT as well. */
function readsRows(operation: FuzzOperation): boolean {
  return operation === "delete" || operation === "update" || operation === "change";
}

async function answersOf(
  catalog: Catalog,
  samples: readonly Sample[],
  open: () => Promise<Client>,
): Promise<readonly Answer[]> {
  const prover = await Prover.open({ open, close: (client) => client.end(), heldClaims });
  try {
    const requests = samples.map((sample) => {
      const relation = catalog.relations.find(({ name }) => name === sample.table);
      const role = catalog.roles.find(({ name }) => name === sample.persona.role);
      if (relation === undefined || role === undefined)
        throw new Error(`${sample.table} is not in the catalogue`);
      const { persona } = sample;
      const operation = sample.operation === "change" ? "update" : sample.operation;
      const predicate = sample.declared && declaredText(sample, sample.declared);
      const writes = sample.operation === "insert" || sample.operation === "update";
      const declared: Declared =
        predicate === undefined ? { kind: "deny" } : writes ? { kind: "allow" } : { kind: "rows", predicate };
      return {
        relation,
        role,
        operation,
        declared,
        check: writes ? predicate : undefined,
        key: ["id"],
        persona,
      };
    });
    const answers: Answer[] = [];
    for (let from = 0; from < requests.length; from += 20)
      answers.push(...(await prover.prove(requests.slice(from, from + 20))));
    return answers;
  } finally {
    await prover.close();
  }
}

export function isProved({ kind }: Answer): boolean {
  return kind === "all-rows" || kind === "keys-that-exist" || kind === "no-policy";
}

export function isUnsound({ answer, differs }: Outcome): boolean {
  return isProved(answer) && differs === true;
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
  for (const one of outcomes) {
    const { answer, differs } = one;
    if (isProved(answer)) counts.proved += 1;
    else if (answer.kind === "hit") counts.shown += 1;
    else if (answer.kind === "undecided") counts.undecided += 1;
    else if (answer.kind === "mismatch") counts.mismatch += 1;
    else counts.constraint += 1;
    if (isUnsound(one)) counts.unsound += 1;
    if (!isProved(answer) && differs === true) counts.missed += 1;
  }
  return counts;
}
