import { randomUUID } from "node:crypto";
import type { Identity } from "../../model/channel.ts";
import { RowgateError } from "../../model/errors.ts";
import type { Matrix, Persona } from "../../model/matrix.ts";
import type { Target } from "../../model/target.ts";
import { identityOf } from "../../persona/identity.ts";
import { issuedClaims } from "../../persona/supabase.ts";
import { pastTheGateway } from "../../plan/channels.ts";
import type { DatabaseFacts, PersonaFacts } from "../facts.ts";

export interface NamedPersona {
  readonly persona: Persona;
  /** Its matrix uses the rest channel. */
  readonly usesRest: boolean;
}

/** Every persona of all matrices; where there are several, each by the name of its matrix too. `undefined` without one. */
export function personasOf(matrices: readonly Matrix[]): readonly NamedPersona[] | undefined {
  if (matrices.length === 0) return undefined;
  return matrices.flatMap(({ name, personas, channels }) =>
    personas.map((persona) => ({
      persona: matrices.length > 1 ? { ...persona, name: `${name}/${persona.name}` } : persona,
      usesRest: channels.includes("rest"),
    })),
  );
}

export interface PersonaContext {
  readonly target: Target;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: () => number;
  readonly database: DatabaseFacts;
}

export interface PreparedPersonas {
  readonly personas: readonly PersonaFacts[];
  /** Of the personas that go through the gateway, and have a token or need none. */
  readonly identities: readonly Identity[];
}

/** Seconds. */
const lifetime = 300;

export function preparePersonas(
  named: readonly NamedPersona[] | undefined,
  context: PersonaContext,
): PreparedPersonas {
  const { target, environment, clock } = context;
  const personas = named ?? standIns(context);
  const issuedAt = Math.floor(clock() / 1000);
  const options = {
    lifetime: { issuedAt, expiresAt: issuedAt + lifetime },
    anonRole: target.rest?.anonRole,
    key: target.signingKey,
  };
  const all = personas.map((one) => one.persona);
  const session = { sessionId: randomUUID(), signedInAt: issuedAt };
  const prepared = personas.map(({ persona, usesRest }) => {
    const throughGateway = usesRest && target.rest !== undefined && pastTheGateway(persona) === undefined;
    const needed = throughGateway && needsKey(persona, target);
    const facts = { ...factsOf(persona), throughGateway, needsKey: needed, unready: undefined };
    if (!throughGateway || (needed && target.signingKey === undefined)) return { facts, identity: undefined };
    const handedIn = persona.tokenFrom === undefined ? undefined : environment[persona.tokenFrom];
    const defaults = issuedClaims(persona, target.issuer, session, all);
    const signed = signIn(() => identityOf(persona, { ...options, handedIn, defaults }));
    return "unready" in signed
      ? { facts: { ...facts, ...signed }, identity: undefined }
      : { facts, identity: signed };
  });
  return {
    personas: prepared.map(({ facts }) => facts),
    identities: prepared.flatMap(({ identity }) => identity ?? []),
  };
}

/** The roles that the gateway may become, each as a persona with its name. */
function standIns({ database, target }: PersonaContext): readonly NamedPersona[] {
  const roles = database.kind === "connected" ? [...database.becomes.keys()] : [];
  const anonRole = target.rest?.anonRole;
  const names = new Set([...(anonRole === undefined ? [] : [anonRole]), ...roles]);
  return [...names].map((role) => ({ persona: standIn(role, role === anonRole), usesRest: true }));
}

function standIn(role: string, isAnonymous: boolean): Persona {
  return {
    name: role,
    role,
    login: undefined,
    claims: isAnonymous ? undefined : {},
    settings: {},
    tokenFrom: undefined,
    at: { file: "", line: 0, column: 0 },
  };
}

function factsOf({
  name,
  role,
  login,
  claims,
}: Persona): Pick<PersonaFacts, "name" | "role" | "login" | "sub"> {
  const sub = claims?.["sub"];
  return { name, role, login, sub: typeof sub === "string" ? sub : undefined };
}

function needsKey({ tokenFrom, claims, role }: Persona, { rest }: Target): boolean {
  return tokenFrom === undefined && (claims !== undefined || role !== rest?.anonRole);
}

function signIn(sign: () => Identity): Identity | Pick<PersonaFacts, "unready"> {
  try {
    return sign();
  } catch (error) {
    if (!(error instanceof RowgateError)) throw error;
    return { unready: { message: error.message, hint: error.hint } };
  }
}
