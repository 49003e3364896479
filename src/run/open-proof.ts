import type { Client } from "pg";
import type { Identity } from "../model/channel.ts";
import { readSql } from "../lib/sql-file.ts";
import type { Json, Matrix } from "../model/matrix.ts";
import { addressOf, postureRules, readsOnly } from "../model/posture.ts";
import { connect, disconnect } from "../probe/sql/session.ts";
import { sessionRules, type SessionRules } from "../probe/sql/sessions.ts";
import { Prover } from "../prove/prover.ts";
import type { PreflightedRun } from "./2-inspect.ts";
import type { RunRequest } from "./request.ts";

/** What the proof works with: connections of its own, on which everything is undone. */
export interface OpenProof {
  readonly prover: Prover;
  /** Some policy or function asks who logged in, which on the proof's connections is rowgate. */
  readonly asksWhoLoggedIn: boolean;
  readonly sessions: SessionRules;
}

/**
 * Witnesses are written, and undone: where nothing may be written there is no proof, and passes rest on the rows at hand.
 */
export async function openProof(
  { target, matrix, proof }: RunRequest,
  plan: PreflightedRun,
  identities: ReadonlyMap<string, Identity>,
  closers: (() => Promise<unknown>)[],
): Promise<OpenProof | undefined> {
  if (proof === "rows-at-hand" || readsOnly(target) || !postureRules[target.posture].takesWrites)
    return undefined;
  const { catalog, settings: inForce } = plan;
  const prover = await Prover.open({
    open: async () => connect(addressOf(target), target.limits),
    close: (client: Client) => disconnect(client),
    heldClaims: heldClaims(matrix, identities),
    statementTimeoutMs: target.limits.statementTimeoutMs,
  });
  closers.push(() => prover.close());
  const gateway = target.rest !== undefined;
  const asksWhoLoggedIn =
    matrix.personas.some(({ login }) => login !== undefined) && (await readsSessionUser(target));
  return {
    prover,
    asksWhoLoggedIn,
    sessions: sessionRules({ identities, inForce, gateway, home: catalog.login.name }),
  };
}

async function readsSessionUser(target: RunRequest["target"]): Promise<boolean> {
  const client = await connect(addressOf(target), target.limits);
  try {
    const { rows } = await client.query<{ reads: boolean }>(readSql("reads_session_user.sql"));
    return rows[0]?.reads !== false;
  } finally {
    await disconnect(client);
  }
}

function heldClaims(matrix: Matrix, identities: ReadonlyMap<string, Identity>): ReadonlySet<string> {
  const claims = matrix.personas.map(({ name, claims: own }) => identities.get(name)?.claims ?? own);
  return new Set(["sub", "role", ...claims.flatMap(keysOf)]);
}

function keysOf(value: Json | undefined): readonly string[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [];
  return Object.entries(value).flatMap(([key, one]) => [key, ...keysOf(one as Json)]);
}
