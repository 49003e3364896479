import { readdirSync, readFileSync } from "node:fs";
import { parse } from "yaml";
import type { Client } from "pg";
import { readCatalog } from "../../../src/catalog/catalog.ts";
import type { ProofAnswer as Answer } from "../../../src/model/proof.ts";
import type { Declared } from "../../../src/prove/proof-cell.ts";
import { type ProofPersona, type ProofRequest, Prover } from "../../../src/prove/prover.ts";
import type { EmbeddedServer } from "../../../src/stage/postgres/server.ts";
import { connectTo } from "../../support/proof.ts";

/** One question of a case: `ana select docs`, what is declared, and what the proof must answer. */
export interface AskedCell {
  readonly who: string;
  readonly may: ProofRequest["operation"];
  readonly on: string;
  /** `deny`, `allow`, a predicate over the rows, or `at most` and a predicate that bounds them. */
  readonly declared: string;
  readonly check?: string;
  readonly never?: ProofRequest["never"];
  /** As `wordsOf` says it. */
  readonly answer: string;
  /** A part of what an undecided answer names. */
  readonly because?: string;
  /** A claim, `time`, or a relation that the proof must say it rests on; `any tables`: no more is let through whatever others hold. */
  readonly restsOn?: string;
}

export interface ProofCase {
  readonly name: string;
  readonly sql: string;
  /** Settings of a session, `{ sub: … }` for claims alone, `null` for none at all. */
  readonly personas: Readonly<Record<string, PersonaText>>;
  readonly cells: readonly AskedCell[];
}

interface PersonaText {
  readonly role?: string;
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly settings?: Readonly<Record<string, string>>;
}

export function readYaml<T>(file: string): T {
  return parse(readFileSync(new URL(file, import.meta.url), "utf8")) as T;
}

export function readCases(folder: string): readonly (ProofCase & { readonly file: string })[] {
  return readdirSync(new URL(folder, import.meta.url))
    .toSorted()
    .map((file) => ({ file, ...readYaml<ProofCase>(`${folder}${file}`) }));
}

/** `hit more own`, `all-rows`, `undecided`. */
function wordsOf(answer: Answer): string {
  return answer.kind === "hit" ? `hit ${answer.side} ${answer.own ? "own" : "anybody"}` : answer.kind;
}

function personaOf(
  name: string,
  { role = "authenticated", claims, settings = {} }: PersonaText,
): ProofPersona {
  const own =
    claims === undefined
      ? settings
      : { ...settings, "request.jwt.claims": JSON.stringify({ ...claims, role }) };
  const identities = [claims?.["sub"], claims?.["email"], ...Object.values(settings)].filter(
    (one) => typeof one === "string",
  );
  return { name, role, settings: own, identities };
}

function declaredOf(text: string): Declared {
  if (text === "deny" || text === "allow") return { kind: text };
  const bound = /^at most (.*)$/s.exec(text)?.[1];
  return bound === undefined ? { kind: "rows", predicate: text } : { kind: "within", predicate: bound };
}

let databases = 0;

/** Runs the SQL in a new database and asks for every cell at once. */
export async function answersOf(
  server: EmbeddedServer,
  { sql, personas, cells }: Pick<ProofCase, "sql" | "personas" | "cells">,
): Promise<readonly Answer[]> {
  databases += 1;
  const address = await server.createDatabase(`prove_${process.pid}_${databases}`);
  const client = await connectTo(address);
  try {
    await client.query(sql);
    const all = Object.entries(personas).map(([name, one]) => personaOf(name, one));
    const catalog = await readCatalog(client, ["public"], [...new Set(all.map(({ role }) => role))]);
    const requests = cells.map(({ who, may, on, declared, check, never }): ProofRequest => {
      const persona = all.find(({ name }) => name === who);
      const relation = catalog.relations.find(({ name }) => name === on);
      const role = catalog.roles.find(({ name }) => name === persona?.role);
      if (persona === undefined || relation === undefined || role === undefined)
        throw new Error(`${who} ${may} ${on}: no such persona, relation or role`);
      return {
        persona,
        relation,
        role,
        operation: may,
        declared: declaredOf(declared),
        check,
        never,
        key: relation.primaryKey,
      };
    });
    return await withProver(
      () => connectTo(address),
      all,
      (prover) => prover.prove(requests),
    );
  } finally {
    await client.end();
  }
}

async function withProver<T>(
  open: () => Promise<Client>,
  all: readonly ProofPersona[],
  work: (prover: Prover) => Promise<T>,
): Promise<T> {
  const personas = all.map(({ role, settings }) => ({ role, settings: Object.entries(settings) }));
  const heldClaims = new Set(["sub", "role"]);
  const prover = await Prover.open({ open, close: (one) => one.end(), heldClaims, personas });
  try {
    return await work(prover);
  } finally {
    await prover.close();
  }
}

type Named = Partial<Record<"because" | "restsOn", string | undefined>>;

/** What a case expects, in the words of `shownAnswer`. */
export function expectedAnswer({ answer, because, restsOn }: Named & { readonly answer: string }): object {
  return { answer, because: because ?? "", restsOn: restsOn ?? "" };
}

/** An answer in a case's words, with what it was to name if it names it. */
export function shownAnswer(answer: Answer | undefined, { because, restsOn }: Named): object {
  const found = answer?.kind === "undecided" ? answer.because : "";
  const rests = answer === undefined ? [] : named(answer);
  return {
    answer: answer && wordsOf(answer),
    because: because === undefined || found.includes(because) ? (because ?? "") : found,
    restsOn: restsOn === undefined || rests.includes(restsOn) ? (restsOn ?? "") : rests.join(),
  };
}

function named(answer: Answer): readonly string[] {
  if (!("restsOn" in answer)) return [];
  const { claims, time, relations, anyTables } = answer.restsOn;
  const all = [...claims.map(({ claim }) => claim), ...(time.length > 0 ? ["time"] : []), ...relations];
  return [...(all.length === 0 ? ["nothing"] : all), anyTables === true ? "any tables" : "these tables"];
}
