import { readFileSync } from "node:fs";
import { Client } from "pg";
import { readCatalog } from "../../src/catalog/catalog.ts";
import { parseMatrix } from "../../src/matrix/parse.ts";
import type { Matrix, Persona } from "../../src/model/matrix.ts";
import type { DatabaseAddress } from "../../src/model/target.ts";
import { expandCells } from "../../src/plan/plan.ts";
import { planRelation } from "../../src/plan/relation.ts";
import { claimNames } from "../../src/run/open-proof.ts";
import type { ProofAnswer as Answer } from "../../src/model/proof.ts";
import type { Declared } from "../../src/prove/proof-cell.ts";
import { type ProofPersona, type ProofRequest, Prover } from "../../src/prove/prover.ts";
import type { EmbeddedServer } from "../../src/stage/postgres/server.ts";
import { applySystemSql } from "../../src/stage/system.ts";

export interface ProvedCell {
  readonly id: string;
  readonly declared: string;
  readonly answer: Answer;
}

export interface ProvedSystem {
  readonly cells: readonly ProvedCell[];
  readonly wallMs: number;
  readonly nodeMs: number;
  readonly backendMs: number;
  readonly roundTrips: number;
}

export async function connectTo(address: DatabaseAddress): Promise<Client> {
  const client = new Client({ ...address, ssl: false });
  client.on("error", () => {});
  await client.connect();
  return client;
}

/** The session that the direct channel would give a persona. */
export function proofPersona(persona: Persona, gateway: boolean): ProofPersona {
  const claims = persona.claims !== undefined || gateway;
  const settings: Record<string, string> = { ...persona.settings };
  if (claims) settings["request.jwt.claims"] = JSON.stringify({ ...persona.claims, role: persona.role });
  const identities = [persona.claims?.["sub"], persona.claims?.["email"], ...Object.values(persona.settings)];
  return {
    name: persona.name,
    role: persona.role,
    settings,
    identities: identities.filter((one) => typeof one === "string"),
  };
}

export function heldClaims(matrix: Matrix): ReadonlySet<string> {
  return new Set(["sub", "role", ...matrix.personas.flatMap(({ claims }) => claimNames(claims))]);
}

let databases = 0;

/** Proves every cell of a relation that a matrix has. */
export async function proveMatrix(
  server: EmbeddedServer,
  {
    matrix: text,
    policies,
    overlays = [],
    sql,
    only = "",
  }: { matrix: string; policies?: string; overlays?: readonly string[]; sql?: string; only?: string },
): Promise<ProvedSystem> {
  const matrix = parseMatrix(text, "matrix.yaml", "2026-11-28");
  databases += 1;
  const address = await server.createDatabase(`proof_${process.pid}_${databases}`);
  if (policies !== undefined) await applySystemSql(address, { policies, overlays });
  const client = await connectTo(address);
  try {
    if (sql !== undefined) await client.query(sql);
    const schemas = [...new Set([...matrix.relations.map(({ schema }) => schema), ...matrix.exposes])];
    const catalog = await readCatalog(client, schemas, [...new Set(matrix.personas.map(({ role }) => role))]);
    const work = matrix.relations.map((spec) => ({ spec, relation: planRelation(spec, catalog, []) }));
    const opened: Client[] = [];
    const started = performance.now();
    const cpu = process.cpuUsage();
    const prover = await Prover.open({
      open: async () => {
        const one = await connectTo(address);
        opened.push(one);
        return one;
      },
      close: (one) => one.end(),
      heldClaims: heldClaims(matrix),
      personas: matrix.personas.map((one) => {
        const { role, settings } = proofPersona(one, matrix.channels.includes("rest"));
        return { role, settings: Object.entries(settings) };
      }),
    });
    const cells: ProvedCell[] = [];
    const gateway = matrix.channels.includes("rest");
    for (const { spec, relation } of work) {
      const options = {
        channels: ["direct"],
        exposed: [],
        visible: new Map(),
        wants: (id: string) => id.includes(only),
      } as const;
      const own = expandCells(matrix, spec, relation, catalog, matrix.personas, options).filter(
        (one) => one.column === undefined,
      );
      const requests = own.map((cell): ProofRequest => {
        const { expectation } = cell;
        const declared: Declared = expectation.kind === "candidates" ? { kind: "allow" } : expectation;
        return {
          relation: relation.info,
          role: cell.role,
          operation: cell.operation as ProofRequest["operation"],
          declared,
          check: cell.check?.predicate,
          key: relation.key,
          persona: proofPersona(cell.persona, gateway),
        };
      });
      const answers = await prover.prove(requests);
      for (const [index, answer] of answers.entries()) {
        const cell = own[index];
        if (cell !== undefined) cells.push({ id: cell.id, declared: cell.expectation.kind, answer });
      }
    }
    const used = process.cpuUsage(cpu);
    const backendMs = (await Promise.all(opened.map(backendTicks))).reduce((a, b) => a + b, 0);
    const roundTrips = await prover.roundTrips;
    await prover.close();
    return {
      cells,
      wallMs: performance.now() - started,
      nodeMs: (used.user + used.system) / 1000,
      backendMs,
      roundTrips,
    };
  } finally {
    await client.end();
  }
}

/** Milliseconds that the backend has used; 0 where the system does not say. */
async function backendTicks(client: Client): Promise<number> {
  try {
    const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
    const fields = readFileSync(`/proc/${rows[0]?.pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    return (Number(fields[11]) + Number(fields[12])) * 10;
  } catch {
    return 0;
  }
}
