import { claimAnywhere, memberOf, shownClaim } from "../prove/analyse/claims.ts";
import type { Client } from "pg";
import type { Turns } from "../lib/turns.ts";
import type { Identity } from "../model/channel.ts";
import type { Json, Matrix, Persona } from "../model/matrix.ts";
import { addressOf, postureRules, readsOnly } from "../model/posture.ts";
import { connect, disconnect } from "../probe/sql/session.ts";
import { Prover } from "../prove/prover.ts";
import type { RunRequest } from "./request.ts";

/**
 * Witness rows are written, and undone: where nothing may be written there is no proof, and passes rest on the existing rows.
 */
export async function openProof(
  { target, matrix, proof, known }: Pick<RunRequest, "target" | "matrix" | "proof" | "known">,
  identities: ReadonlyMap<string, Identity>,
  closers: (() => Promise<unknown>)[],
  /** `changes`: made first in each transaction, and undone with it. */
  { changes = [], turns }: { readonly changes?: readonly string[]; readonly turns?: Turns | undefined } = {},
): Promise<Prover | undefined> {
  if (proof === "rows-at-hand" || readsOnly(target) || !postureRules[target.posture].takesWrites)
    return undefined;
  const prover = await Prover.open({
    open: async () => {
      const client = await connect(addressOf(target), target.limits);
      if (changes.length > 0)
        await client.query(["begin isolation level repeatable read", ...changes].join(";\n"));
      return client;
    },
    close: (client: Client) => disconnect(client),
    heldClaims: heldClaims(matrix, identities),
    personas: [...identities.values()].map(({ persona, claims, settings }) => ({
      role: persona.role,
      settings: [["request.jwt.claims", JSON.stringify(claims ?? {})], ...Object.entries(settings)],
    })),
    identities: matrix.personas.flatMap((one) => identitiesOf(one, identities)),
    exposes: matrix.exposes,
    statementTimeoutMs: target.limits.statementTimeoutMs,
    turns,
    known: changes.length === 0 ? known : undefined,
  });
  closers.push(() => prover.close());
  return prover;
}

/** `sub` and `email`. A token of Supabase's without an address holds an empty one, which names nothing. */
export function namingClaims(claims: Persona["claims"]): readonly string[] {
  return [claims?.["sub"], claims?.["email"]].filter(
    (one): one is string => typeof one === "string" && one !== "",
  );
}

/** What names a persona in rows and arguments. */
export function identitiesOf(persona: Persona, identities: ReadonlyMap<string, Identity>): readonly string[] {
  const claims = identities.get(persona.name)?.claims ?? persona.claims;
  const settings = Object.values(persona.settings).filter((one) => one !== "");
  return [...new Set([...namingClaims(claims), ...settings])];
}

/**
 * How a user signed in is held where the matrix says it: what every token brings is one of the ways that the same user has. Of a
 * second factor a persona must have one.
 */
function heldClaims(matrix: Matrix, identities: ReadonlyMap<string, Identity>): ReadonlySet<string> {
  const own = matrix.personas.flatMap(({ claims }) => claimNames(claims));
  const brought = matrix.personas.flatMap(({ name }) => claimNames(identities.get(name)?.claims));
  const usual = brought.filter((one) => !/^(?:aal|amr)\b/.test(shownClaim(one)));
  const members = [...identities.values()].flatMap(({ claims }) => membersOf(claims));
  const always = ["sub", "role"].flatMap((one) => [one, claimAnywhere(one)]);
  const held = new Set([...always, ...own, ...usual, ...members.map(memberOf)]);
  if (!matrix.personas.some(({ claims }) => claims?.["aal"] === "aal2"))
    for (const one of ["aal", claimAnywhere("aal")]) held.delete(one);
  return held;
}

/** Keys and texts in lists, at any depth. */
function membersOf(value: Json | undefined): readonly string[] {
  if (typeof value !== "object" || value === null) return [];
  if (Array.isArray(value))
    return value.flatMap((one) => (typeof one === "string" ? one : membersOf(one as Json)));
  return Object.entries(value).flatMap(([key, one]) => [key, ...membersOf(one as Json)]);
}

/** Names, and names within names (`app_metadata.role`). Of a claim that is `false` or empty (a guest's, a telephone number) nothing is held: another token has it. */
export function claimNames(value: Json | undefined, within = ""): readonly string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, one]) =>
    one === false || one === "" || one === null
      ? []
      : [`${within}${key}`, claimAnywhere(key), ...claimNames(one as Json, `${within}${key}.`)],
  );
}
