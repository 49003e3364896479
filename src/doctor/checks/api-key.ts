import { isCode } from "../../model/answers.ts";
import type { ApiKeyFacts, Examination, RestFacts } from "../../model/examination.ts";
import type { Visit } from "../../model/examination-gateway.ts";
import { type Answer, type Check, notAsked, problem, waitsFor, well } from "../answers.ts";
import { hostOf } from "../hosts.ts";

export const checkApiKey: Check = (of) => {
  const { rest } = of.target;
  if (rest === undefined) return [];
  const { apiKey } = rest;
  const wrong = [
    ...(apiKey === undefined ? [] : [...open(apiKey, of), ...stray(apiKey, rest, of.now)]),
    ...(of.gateway === undefined || of.gateway.kind === "unreached" ? [] : refused(apiKey, of.gateway.first)),
  ];
  if (wrong.length > 0) return wrong;
  if (of.gateway?.kind !== "speaking") return waitsFor("gateway");
  return apiKey === undefined
    ? notAsked("the target names none, and the gateway asks for none")
    : well(words[apiKey.kind](apiKey));
};

const words: Readonly<Record<ApiKeyFacts["kind"], (key: ApiKeyFacts) => string>> = {
  publishable: () => "a publishable key",
  secret: () => "a secret key",
  legacy: (key) => `a JWT of the role ${key.kind === "legacy" ? (key.role ?? "nobody") : ""}`,
  unknown: () => "accepted; what kind it is it does not say",
};

/** A role that no policy applies to, by the catalogue where that was read; by Supabase's name for it otherwise. */
function open(key: ApiKeyFacts, { database }: Examination): readonly Answer[] {
  if (key.kind === "secret") return [problem("secret-key", { kind: "secret key" })];
  if (key.kind !== "legacy" || key.role === undefined) return [];
  const roles = database.kind === "reached" ? database.catalog.roles : [];
  const role = roles.find(({ name }) => name === key.role);
  const isOpen = role === undefined ? key.role === "service_role" : role.superuser || role.bypassRls;
  return isOpen ? [problem("secret-key", { kind: `JWT of the role ${key.role}` })] : [];
}

function stray(key: ApiKeyFacts, { url }: RestFacts, now: number): readonly Answer[] {
  if (key.kind !== "legacy") return [];
  const { expires, project } = key;
  const [first = "", ...others] = hostOf(url).split(".");
  const isProject = /^supabase\.(?:co|in|net)$/.test(others.join("."));
  return [
    ...(expires !== undefined && expires < now
      ? [problem("key-expired", { day: new Date(expires).toISOString().slice(0, 10) })]
      : []),
    ...(project !== undefined && isProject && project !== first
      ? [problem("key-of-another-project", { project, url })]
      : []),
  ];
}

/** No token was sent: whoever refuses looks at the key, be it a front door or a PostgREST that was handed it as token. */
function refused(key: ApiKeyFacts | undefined, { status, code, message }: Visit): readonly Answer[] {
  const byFrontDoor = code === undefined && (status === 401 || status === 403);
  const asToken =
    code !== undefined &&
    key !== undefined &&
    (isCode(code, "tokenSignature") || isCode(code, "tokenClaims"));
  if (!byFrontDoor && !asToken) return [];
  return key === undefined
    ? [problem("key-wanted", { status })]
    : [problem("key-refused", { status, said: code === undefined ? message : `${code} ${message}` })];
}
