import type { Examination, ProbeReply, SigningFacts, SpeakingGateway, TokenFacts } from "../facts.ts";
import { listed } from "../../messages/findings.ts";
import { isCode } from "../../model/answers.ts";
import { type Answer, type Check, either, ok, onRest, problem, speaking, waitsFor } from "./answers.ts";

export const checkTokens: Check = onRest((of) => {
  const { signing } = of.target;
  const gateway = speaking(of);
  const local = [...keyProblems(signing), ...unsigned(of)];
  if (gateway === undefined) return either(local, () => waitsFor("gateway"));
  const problems = [...local, ...signatureProblems(gateway.tokens), ...ourKey(signing, gateway.tokens)];
  return either(problems, () => either(refusedPersonas(gateway), () => accepted(of, gateway.tokens)));
});

function accepted({ target, matrices }: Examination, { ours, tampered }: TokenFacts): readonly Answer[] {
  if (!refusesToken(tampered)) return waitsFor("api key");
  const { signing } = target;
  if (signing === undefined || ours === undefined)
    return matrices.length === 0
      ? [problem("no-signing-key", {})]
      : ok("signatures are verified, and the personas' own tokens are accepted");
  const { algorithm, keyId } = signing;
  const kid = keyId === undefined ? "" : ` (kid ${keyId})`;
  return ok(
    `signatures are verified, and tokens signed with the target's ${algorithm} key${kid} are accepted`,
  );
}

/** What is wrong with the key itself, whatever the gateway says. */
function keyProblems(signing: SigningFacts | undefined): readonly Answer[] {
  if (signing?.isApiKey === true) return [problem("signs-with-api-key", {})];
  return signing?.isShort === true ? [problem("short-secret", {})] : [];
}

function unsigned({ personas, target, matrices }: Examination): readonly Answer[] {
  const waiting = personas.filter(({ needsKey }) => needsKey).map(({ name }) => name);
  // Without a matrix it is unknown whether the personas have tokens of their own.
  if (target.signing === undefined && waiting.length > 0 && matrices.length > 0)
    return [problem("no-key", { personas: listed(waiting) })];
  return personas.flatMap(({ name, unready }) =>
    unready === undefined
      ? []
      : [problem("cannot-sign", { persona: name, reported: unready.message, todo: unready.hint ?? "" })],
  );
}

function signatureProblems({ tampered }: TokenFacts): readonly Answer[] {
  const { code, rows, status } = tampered;
  if (isCode(code, "gatewayWithoutSecret")) return [problem("gateway-without-secret", {})];
  if (refusesToken(tampered)) return [];
  return rows || code !== undefined
    ? [problem("signatures-not-checked", { answer: code ?? String(status) })]
    : [];
}

/** The gateway and the key: what it publishes explains more than that it refuses. */
function ourKey(signing: SigningFacts | undefined, tokens: TokenFacts): readonly Answer[] {
  if (signing === undefined || keyProblems(signing).length > 0) return [];
  return either(publishedKey(signing, tokens), () => refusedKey(signing, tokens));
}

function publishedKey({ algorithm, keyId }: SigningFacts, { jwks, ours }: TokenFacts): readonly Answer[] {
  // A secret is never published, and an accepted key need not be.
  if (jwks === undefined || algorithm === "HS256" || ours === undefined || !refusesToken(ours)) return [];
  const { url } = jwks;
  if (jwks.ours === undefined) {
    const keys = jwks.keys.map((one) => `${one.algorithm ?? "?"} ${one.keyId ?? "without kid"}`).join(", ");
    return [problem("key-not-published", { algorithm, url, keys: keys === "" ? "none" : keys })];
  }
  const published = jwks.ours.keyId ?? "without kid";
  return published === keyId
    ? []
    : [problem("other-key-id", { algorithm, url, published, keyId: keyId ?? "no kid" })];
}

function refusedKey(
  { algorithm, keyId }: SigningFacts,
  { ours, withoutKeyId }: TokenFacts,
): readonly Answer[] {
  const code = ours?.code;
  if (code === undefined || !isCode(code, "tokenSignature")) return [];
  // Without a key id, PostgREST tries every key of that algorithm.
  return keyId !== undefined && withoutKeyId !== undefined && !refusesToken(withoutKeyId)
    ? [problem("unknown-key-id", { algorithm, keyId, code })]
    : [problem("secrets-differ", { algorithm, code })];
}

function refusedPersonas({ personas, tokens }: SpeakingGateway): readonly Answer[] {
  if (timesRefused(tokens)) return [];
  return [...personas].flatMap(([persona, reply]) =>
    refusesToken(reply)
      ? [problem("token-refused", { persona, code: reply.code ?? "", reported: reply.message })]
      : [],
  );
}

/** The gateway has no key, or the signature or a claim is not accepted, or a token is required. */
function refusesToken({ code }: ProbeReply): boolean {
  return isCode(code, "token");
}

/** The same claims are accepted without times, and refused with them. */
function timesRefused({ ours, dated }: TokenFacts): boolean {
  return isCode(dated?.code, "tokenClaims") && !isCode(ours?.code, "tokenClaims");
}

/** Milliseconds that PostgREST tolerates between a token's times and its own. */
const tolerated = 30_000;

export const checkClock: Check = (of) => either(clockProblems(of), () => clocksAgree(of));

function clocksAgree(of: Examination): readonly Answer[] {
  const gateway = speaking(of);
  if (of.target.rest !== undefined && gateway === undefined) return waitsFor("gateway");
  const hasDate = gateway?.first.clockAhead !== undefined;
  if (gateway !== undefined && timesRefused(gateway.tokens))
    return [problem("times-refused", { reported: gateway.tokens.dated?.message ?? "" })];
  if (gateway !== undefined && !hasDate && gateway.tokens.dated === undefined)
    return [problem("no-date", {})];
  if (of.database.kind === "unreached") return waitsFor("login");
  if (gateway === undefined) return ok("the database's clock agrees with this machine's");
  return ok(
    hasDate
      ? "the clocks of the gateway, the database and this machine agree"
      : "the database's clock agrees with this machine's, and the gateway accepts tokens with its times",
  );
}

/** Which of two clocks is wrong only a third shows. */
function clockProblems(of: Examination): readonly Answer[] {
  const gateway = speaking(of)?.first.clockAhead;
  const database = databaseAhead(of);
  const gatewayIsOff = gateway !== undefined && Math.abs(gateway) > tolerated;
  if (gatewayIsOff && database !== undefined && Math.abs(gateway - database) < tolerated)
    return [problem("own-clock", skew(-database))];
  return [
    ...(gatewayIsOff ? [problem("gateway-clock", skew(gateway))] : []),
    ...(database === undefined ? [] : [problem("database-clock", skew(database))]),
  ];
}

/** `undefined`: not far enough to matter, as far as the round trip lets us tell. */
function databaseAhead({ database }: Examination): number | undefined {
  if (database.kind === "unreached") return undefined;
  const { clockAhead, clockUncertainty } = database.session;
  return Math.abs(clockAhead) - clockUncertainty > tolerated ? clockAhead : undefined;
}

function skew(ahead: number): { seconds: number; direction: string } {
  return { seconds: Math.round(Math.abs(ahead) / 1000), direction: ahead > 0 ? "ahead of" : "behind" };
}
