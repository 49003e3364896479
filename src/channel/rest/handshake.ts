import type { Answer, Failure } from "../../model/observation.ts";
import type { RestHandshake } from "../../model/run.ts";
import type { SigningKey } from "../../model/target.ts";
import { Caller } from "./caller.ts";
import { failureOf } from "./failure.ts";
import type { Place } from "./places.ts";
import { said, saysRolledBack } from "./reply.ts";
import type { RoleCheckInput } from "./role-check.ts";
import { checkPersonas } from "./role-check.ts";
import { tamperedToken, tokenOfNobody } from "./tokens.ts";

export interface HandshakeInput extends RoleCheckInput {
  readonly signingKey: SigningKey | undefined;
  /** The target takes no writes: how it would undo them is not asked. */
  readonly readOnly: boolean;
}

export interface Handshaken {
  readonly handshake: RestHandshake;
  /** Set: no answer of this gateway can be believed. */
  readonly distrust: Failure | undefined;
  /** Personas whose answers cannot be believed, and why. */
  readonly personas: ReadonlyMap<string, Failure>;
  /** Set: no write may be sent. */
  readonly noWrites: string | undefined;
}

/** Before anything is believed: are signatures verified, are roles switched, are writes undone? Sends GETs only. */
export async function shakeHands(input: HandshakeInput): Promise<Handshaken> {
  const distrusted = await checkTokens(input);
  const personas = distrusted.failure === undefined ? await checkPersonas(input) : new Map<string, Failure>();
  const rollback =
    distrusted.failure === undefined && !input.readOnly ? await checkRollback(input, personas) : undefined;
  return {
    handshake: {
      rollbackHonoured: rollback?.honoured ?? false,
      tamperedTokenRefused: distrusted.tampered,
      unknownRoleRefused: distrusted.unknown,
      identityShown: undefined,
    },
    distrust: distrusted.failure,
    personas,
    noWrites: rollback?.honoured === true ? undefined : (rollback?.message ?? "the target takes no writes"),
  };
}

interface TokenCheck {
  readonly tampered: boolean;
  readonly unknown: boolean | undefined;
  readonly failure: Failure | undefined;
}

async function checkTokens(input: HandshakeInput): Promise<TokenCheck> {
  const { identities, signingKey } = input;
  const place = input.places.find(({ usage }) => usage) ?? input.places[0];
  if (place === undefined) {
    return {
      tampered: false,
      unknown: undefined,
      failure: protocol("no relation in the exposed schemas to ask for"),
    };
  }
  try {
    const tampered = await ask(input, place, tamperedToken(identities));
    if (tampered.code !== "PGRST301") {
      const failure = protocol(
        `the gateway did not refuse a token with a tampered signature: it answered ${said(tampered)}`,
      );
      return { tampered: false, unknown: undefined, failure };
    }
    if (signingKey === undefined) return { tampered: true, unknown: undefined, failure: undefined };
    const nobody = await ask(input, place, tokenOfNobody(identities, signingKey));
    const unknown = nobody.code === "22023";
    return { tampered: true, unknown, failure: unknown ? undefined : protocol(notHonoured(nobody)) };
  } catch (error) {
    return { tampered: false, unknown: undefined, failure: failureOf(error) };
  }
}

function notHonoured(nobody: Answer): string {
  return nobody.code === "PGRST301"
    ? "the gateway refused a token signed with our key: PGRST301 — the gateway's JWT secret is not the one that rowgate signs with"
    : `the gateway did not refuse a token that names a role which does not exist (22023): it answered ${said(nobody)}`;
}

async function checkRollback(
  input: HandshakeInput,
  distrusted: ReadonlyMap<string, Failure>,
): Promise<{ honoured: boolean; message: string }> {
  const trusted = input.identities.filter(({ persona }) => !distrusted.has(persona.name));
  for (const place of input.places) {
    const identity = trusted.find(({ persona }) => persona.role === place.role);
    if (place.readable === null || !place.usage || identity === undefined) continue;
    const caller = new Caller(input.clients.of(identity, place.schema), input.sender, {
      ...place,
      columns: [],
    });
    const answer = await caller
      .read({ columns: [place.readable], limit: 1, rollback: true })
      .then((reply) => reply.answer)
      .catch(() => undefined);
    // Errors never name applied preferences: only a success tells.
    if (answer === undefined || answer.code !== null) continue;
    const honoured = saysRolledBack(answer.http);
    const message =
      "the gateway does not honour Prefer: tx=rollback, so a write would stay (a forced rollback cannot be told from a commit): " +
      "set db-tx-end to commit-allow-override or rollback-allow-override";
    return { honoured, message };
  }
  return {
    honoured: false,
    message:
      "no persona could read any relation, so nothing shows that the gateway honours Prefer: tx=rollback",
  };
}

async function ask(input: HandshakeInput, place: Place, token: string): Promise<Answer> {
  const client = input.clients.withToken(token, place.schema);
  const reply = await new Caller(client, input.sender, { ...place, columns: [] }).read({
    columns: [],
    limit: 1,
  });
  return reply.answer;
}

function protocol(message: string): Failure {
  return { kind: "protocol", message };
}
