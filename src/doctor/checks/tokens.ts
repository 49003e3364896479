import { isCode } from "../../model/answers.ts";
import type { Examination, SigningFacts } from "../../model/examination.ts";
import type { SpeakingGateway, TokenFacts, Visit } from "../../model/examination-gateway.ts";
import { type Answer, type Check, listed, problem, waitsFor, well } from "../answers.ts";
import { timesRefused } from "./clock.ts";
import { speaking } from "./gateway.ts";

export const checkTokens: Check = (of) => {
  if (of.target.rest === undefined) return [];
  const { signing } = of.target;
  const gateway = speaking(of);
  const local = [...keyItself(signing), ...unsigned(of)];
  if (gateway === undefined) return local.length > 0 ? local : waitsFor("gateway");
  const wrong = [...local, ...checked(gateway.tokens.tampered), ...ourKey(of, gateway.tokens)];
  const all = wrong.length > 0 ? wrong : ofPersonas(gateway);
  return all.length > 0 ? all : sound(of, gateway.tokens);
};

/** What is wrong with the key itself, or else what is most to the point. */
function ourKey({ target: { signing } }: Examination, tokens: TokenFacts): readonly Answer[] {
  if (signing === undefined || keyItself(signing).length > 0) return [];
  const compared = published(signing, tokens);
  return compared.length > 0 ? compared : accepted(signing, tokens);
}

function sound(of: Examination, { ours, tampered }: TokenFacts): readonly Answer[] {
  if (!isRefused(tampered)) return waitsFor("api key");
  const { signing } = of.target;
  if (signing === undefined || ours === undefined)
    return of.matrices.length === 0
      ? [problem("no-signing-key", {})]
      : well("signatures are checked, and the tokens that were handed in are accepted");
  const { algorithm, keyId } = signing;
  return well(
    `signatures are checked, and those of our ${algorithm} key accepted${keyId === undefined ? "" : ` (kid ${keyId})`}`,
  );
}

/** What is wrong with the key whoever is asked. */
function keyItself(signing: SigningFacts | undefined): readonly Answer[] {
  if (signing === undefined) return [];
  if (signing.isApiKey) return [problem("signs-with-api-key", {})];
  return signing.isShort ? [problem("short-secret", {})] : [];
}

function unsigned({ personas, target, matrices }: Examination): readonly Answer[] {
  const waiting = personas.filter(({ needsKey }) => needsKey).map(({ name }) => name);
  // Without a matrix nobody knows what its personas bring along.
  if (target.signing === undefined && waiting.length > 0 && matrices.length > 0)
    return [problem("no-key", { personas: listed(waiting) })];
  return personas.flatMap(({ name, unready }) =>
    unready === undefined
      ? []
      : [problem("cannot-sign", { persona: name, said: unready.message, hint: unready.hint ?? "" })],
  );
}

/** It has no key, the signature is no key's, or the claims do not hold. */
function isRefused({ code }: Visit): boolean {
  return isCode(code, "token");
}

function checked(tampered: Visit): readonly Answer[] {
  const { code, rows, status } = tampered;
  if (isCode(code, "gatewayWithoutSecret")) return [problem("gateway-without-secret", {})];
  if (isRefused(tampered)) return [];
  return rows || code !== undefined
    ? [problem("signatures-not-checked", { said: code ?? String(status) })]
    : [];
}

function accepted({ algorithm, keyId }: SigningFacts, { ours, withoutKeyId }: TokenFacts): readonly Answer[] {
  const code = ours?.code;
  if (code === undefined || !isCode(code, "tokenSignature")) return [];
  // Without a key id, every key of that kind is tried.
  if (keyId !== undefined && withoutKeyId !== undefined && !isRefused(withoutKeyId))
    return [problem("unknown-key-id", { algorithm, keyId, code })];
  return [problem("secrets-differ", { algorithm, code })];
}

function published({ algorithm, keyId }: SigningFacts, { jwks, ours }: TokenFacts): readonly Answer[] {
  // A secret is never published, and what is accepted need not be.
  if (jwks === undefined || algorithm === "HS256" || ours === undefined || !isRefused(ours)) return [];
  const { url } = jwks;
  if (jwks.ours === undefined) {
    const keys = jwks.keys.map((one) => `${one.algorithm ?? "?"} ${one.keyId ?? "without kid"}`).join(", ");
    return [problem("key-not-published", { algorithm, url, keys: keys === "" ? "none" : keys })];
  }
  const name = jwks.ours.keyId ?? "without kid";
  return name === keyId
    ? []
    : [problem("other-key-id", { algorithm, url, published: name, keyId: keyId ?? "none" })];
}

function ofPersonas({ personas, tokens }: SpeakingGateway): readonly Answer[] {
  if (timesRefused(tokens)) return [];
  return [...personas].flatMap(([persona, visit]) =>
    isRefused(visit)
      ? [problem("token-refused", { persona, code: visit.code ?? "", said: visit.message })]
      : [],
  );
}
