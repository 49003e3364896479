import { isCode } from "../../../model/answers.ts";
import type { Identity } from "../../../model/channel.ts";
import type { Answer, Failure } from "../../../model/observation.ts";
import type { GatewayChecks } from "../../../model/run.ts";
import type { SigningKey } from "../../../model/target.ts";
import { callerOfCall } from "../calls.ts";
import { Caller } from "../caller.ts";
import { failureOf } from "../failure.ts";
import { type Reply, describeAnswer, saysRolledBack } from "../reply.ts";
import { type RoleCheckInput, checkPersonas } from "./roles.ts";
import { tamperedToken, tokenOfUnknownRole } from "./tokens.ts";
import type { AnonymousFacts } from "./anonymous.ts";

export interface GatewayCheckInput extends RoleCheckInput {
  readonly signingKey: SigningKey | undefined;
  /** Rowgate has configured the gateway to honour `Prefer: tx=rollback`: where no GET can show it, it is taken as honoured. */
  readonly honoursRollback?: boolean | undefined;
  /** The target takes no writes: how it would undo them is not asked. */
  readonly readOnly: boolean;
  /** rowgate did not start this gateway, and the configuration names its database: is it this one? */
  /** As whom requests without a token are served; not asked of a gateway that rowgate has configured itself. */
  readonly anonymous?: (() => Promise<AnonymousFacts>) | undefined;
  /** The target's, for those. */
  readonly anonRole?: string | undefined;
  readonly sameDatabase?: ((trusted: readonly Identity[]) => Promise<Failure | undefined>) | undefined;
}

export interface CheckedGateway {
  readonly gatewayChecks: GatewayChecks;
  /** Set: no answer of this gateway can be believed. */
  readonly distrust: Failure | undefined;
  /** Personas whose answers cannot be believed, and why. */
  readonly personas: ReadonlyMap<string, Failure>;
  /** `undefined`: it was not asked. */
  readonly anonymous: AnonymousFacts | undefined;
  /** Set: no write may be sent. */
  readonly noWrites: string | undefined;
  /** Whether `Prefer: tx=rollback` is honoured, as far as a GET can show it; `undefined`: it was not asked. */
  readonly rollback: "honoured" | "not honoured" | "not shown" | undefined;
}

/** Before anything is believed: are signatures verified, are roles switched, are writes undone? Sends GETs only. */
export async function checkGateway(input: GatewayCheckInput): Promise<CheckedGateway> {
  const tokens = await checkTokens(input);
  const anonymous = tokens.failure === undefined ? await askAnonymous(input) : undefined;
  const personas =
    tokens.failure === undefined
      ? new Map([...(await checkPersonas(input)), ...misled(input, anonymous)])
      : new Map<string, Failure>();
  const met = tokens.failure === undefined ? await checkDatabase(input, personas) : undefined;
  const distrust = tokens.failure ?? met?.failure;
  const rollback =
    distrust === undefined && !input.readOnly ? await checkRollback(input, personas) : undefined;
  return {
    gatewayChecks: {
      rollbackHonoured: rollback === "honoured",
      tamperedTokenRefused: tokens.tampered,
      unknownRoleRefused: tokens.unknown,
      identityShown: undefined,
      ...(input.sameDatabase !== undefined && { sameDatabase: met !== undefined && distrust === undefined }),
    },
    distrust,
    personas,
    anonymous,
    noWrites: rollback === undefined ? "the target takes no writes" : whyNoWrites[rollback],
    rollback,
  };
}

interface TokenCheck {
  /** `undefined`: there was nothing to ask for. */
  readonly tampered: boolean | undefined;
  readonly unknown: boolean | undefined;
  readonly failure: Failure | undefined;
}

async function checkTokens(input: GatewayCheckInput): Promise<TokenCheck> {
  const { identities, signingKey } = input;
  try {
    const tampered = await ask(input, tamperedToken(identities));
    if (tampered === undefined) return { tampered, unknown: undefined, failure: protocol(noPlace) };
    if (!isCode(tampered.code, "tokenSignature")) {
      const why = `${letIn} it answered ${describeAnswer(tampered)}`;
      return { tampered: false, unknown: undefined, failure: protocol(why) };
    }
    if (signingKey === undefined) return { tampered: true, unknown: undefined, failure: undefined };
    const nobody = await ask(input, tokenOfUnknownRole(identities, signingKey));
    const unknown = isCode(nobody?.code, "unknownRole");
    const failure = unknown || nobody === undefined ? undefined : protocol(notHonoured(nobody));
    return { tampered: true, unknown, failure };
  } catch (error) {
    return { tampered: false, unknown: undefined, failure: failureOf(error) };
  }
}

function isAnonymous({ token }: Identity): boolean {
  return token === undefined;
}

/** What comes to nothing shows nothing; each cell will say so itself. */
async function askAnonymous({
  anonymous,
  identities,
}: GatewayCheckInput): Promise<AnonymousFacts | undefined> {
  return identities.some(isAnonymous)
    ? await anonymous?.().catch((): AnonymousFacts => ({ kind: "not shown" }))
    : undefined;
}

/** Personas without a token, where the gateway gives them another role. */
function misled(
  { identities, anonRole = "" }: GatewayCheckInput,
  anonymous: AnonymousFacts | undefined,
): readonly (readonly [string, Failure])[] {
  const why = anonymous && anotherRole(anonymous, anonRole);
  return why === undefined
    ? []
    : identities.filter(isAnonymous).map(({ persona }) => [persona.name, protocol(why)] as const);
}

/** `undefined`: nothing is wrong with it. */
function anotherRole(facts: AnonymousFacts, declared: string): string | undefined {
  if (facts.kind === "disabled")
    return `the gateway serves no request without a token (PGRST302), and the matrix's role ${declared} comes without one (db-anon-role)`;
  if (facts.kind !== "another") return undefined;
  const who = facts.role === undefined ? "another role" : `role ${facts.role}`;
  return `the gateway serves requests without a token as ${who}, the matrix says ${declared} (db-anon-role)`;
}

const noPlace = "there is neither relation nor declared call in the exposed schemas to ask the gateway for";
const letIn = "the gateway did not refuse a token with a tampered signature:";

function notHonoured(nobody: Answer): string {
  return isCode(nobody.code, "tokenSignature")
    ? "the gateway refused a token signed with our key: PGRST301 — the gateway's JWT secret is not the one that rowgate signs with"
    : `the gateway did not refuse a token that names a role which does not exist (22023): it answered ${describeAnswer(nobody)}`;
}

const whyNoWrites: Readonly<Record<NonNullable<CheckedGateway["rollback"]>, string | undefined>> = {
  honoured: undefined,
  "not honoured":
    "the gateway does not honour Prefer: tx=rollback, so a write would stay (a forced rollback looks the same as a commit): " +
    "set db-tx-end to commit-allow-override or rollback-allow-override",
  "not shown":
    "no persona could read any relation, or make a declared call by GET, so nothing shows that the gateway honours Prefer: tx=rollback",
};

/** Asked as personas that have access; where none has, each cell reports it. */
async function checkDatabase(
  { sameDatabase, identities }: GatewayCheckInput,
  distrusted: ReadonlyMap<string, Failure>,
): Promise<{ readonly failure: Failure | undefined } | undefined> {
  const trusted = identities.filter(({ persona }) => !distrusted.has(persona.name));
  if (sameDatabase === undefined || trusted.length === 0) return undefined;
  return { failure: await sameDatabase(trusted).catch(failureOf) };
}

async function checkRollback(
  input: GatewayCheckInput,
  distrusted: ReadonlyMap<string, Failure>,
): Promise<NonNullable<CheckedGateway["rollback"]>> {
  const trusted = input.identities.filter(({ persona }) => !distrusted.has(persona.name));
  for (const place of input.places) {
    const identity = trusted.find(({ persona }) => persona.role === place.role);
    if (place.readable === null || !place.usage || identity === undefined) continue;
    const caller = new Caller(input.clients.of(identity, place.schema), input.http, {
      ...place,
      columns: [],
    });
    const told = await rollbackShownBy(() =>
      caller.read({ columns: [place.readable ?? ""], limit: 1, rollback: true }),
    );
    if (told !== undefined) return told;
  }
  for (const cell of input.calls()) {
    const identity = trusted.find(({ persona }) => persona.name === cell.persona.name);
    if (identity === undefined) continue;
    const client = input.clients.of(identity, cell.relation.info.schema);
    const told = await rollbackShownBy(() => callerOfCall(client, input.http, cell).run({ rollback: true }));
    if (told !== undefined) return told;
  }
  // Every write must still say that it was rolled back.
  return input.honoursRollback === true ? "honoured" : "not shown";
}

/** Errors never name applied preferences: only a success tells. */
async function rollbackShownBy(send: () => Promise<Reply>): Promise<"honoured" | "not honoured" | undefined> {
  const answer = await send().then(
    (reply) => reply.answer,
    () => undefined,
  );
  if (answer === undefined || answer.code !== null) return undefined;
  return saysRolledBack(answer.http) ? "honoured" : "not honoured";
}

/** Asks for a relation that the gateway knows, or for a call; `undefined`: there is neither. */
async function ask(input: GatewayCheckInput, token: string): Promise<Answer | undefined> {
  let answer: Answer | undefined;
  const places = input.places.toSorted((a, b) => Number(b.usage) - Number(a.usage));
  for (const place of places.slice(0, placesAtMost)) {
    const client = input.clients.withToken(token, place.schema);
    const caller = new Caller(client, input.http, { ...place, columns: [] });
    answer = (await caller.read({ columns: [], limit: 1 })).answer;
    if (!isCode(answer.code, "relationNotExposed")) return answer;
  }
  const [cell] = answer === undefined ? input.calls() : [];
  if (cell === undefined) return answer;
  const client = input.clients.withToken(token, cell.relation.info.schema);
  return (await callerOfCall(client, input.http, cell).run()).answer;
}

// A gateway that does not know so many relations has an old schema cache.
const placesAtMost = 12;

function protocol(message: string): Failure {
  return { kind: "protocol", message };
}
