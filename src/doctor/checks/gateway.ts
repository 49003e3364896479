import { isLocal } from "../../lib/local.ts";
import { listed } from "../../messages/findings.ts";
import { isCode } from "../../model/answers.ts";
import type { AnonymousFacts } from "../../probe/http/verify/anonymous.ts";
import type {
  ApiKeyFacts,
  Examination,
  GatewayCheckFacts,
  ProbeReply,
  RestFacts,
  SamenessFacts,
  TargetFacts,
} from "../facts.ts";
import {
  type Answer,
  type Check,
  connectionProblem,
  either,
  isStarted,
  ok,
  onBoth,
  onRest,
  problem,
  skipped,
  speaking,
  waitsFor,
} from "./answers.ts";
import { checkClock, checkTokens } from "./tokens.ts";

export const checkGateway: Check = ({ gateway, target, restMatrices }) => {
  const { rest } = target;
  if (rest === undefined && restMatrices.length > 0)
    return [problem("no-gateway", { files: listed(restMatrices) })];
  if (gateway === undefined || rest === undefined)
    return skipped("the target has no PostgREST: only the direct channel is used");
  const { url, isBuiltin } = rest;
  if (gateway.kind === "unreached")
    return [
      connectionProblem(
        { where: url, host: new URL(url).hostname, seconds: target.timeout },
        gateway.failure,
      ),
    ];
  return either([...replyProblems(url, gateway.first), ...unencrypted(url, target)], () =>
    ok(`${url} answers`, isBuiltin ? ["it is rowgate's builtin gateway, not PostgREST"] : []),
  );
};

/** Statuses of a proxy in front of a PostgREST that does not answer; Supabase sends 540 for a paused project. */
const down: ReadonlySet<number> = new Set([502, 503, 504, 520, 521, 522, 523, 530, 540]);

function replyProblems(url: string, reply: ProbeReply): readonly Answer[] {
  const { status, code, message, location, rows } = reply;
  if (code !== undefined)
    return isCode(code, "gatewayWithoutDatabase")
      ? [problem("gateway-without-database", { code, reported: message })]
      : [];
  if (status >= 300 && status < 400 && location !== undefined)
    return [problem("gateway-redirects", { url, location, status })];
  if (down.has(status)) return [problem("gateway-down", { url, status })];
  // A proxy that requires a key: the check of the API key reports it.
  if (status === 401 || status === 403 || rows) return [];
  return [problem("not-postgrest", { url, status })];
}

function unencrypted(url: string, { posture }: TargetFacts): readonly Answer[] {
  const { protocol, hostname } = new URL(url);
  if (protocol !== "http:" || isStarted(posture) || isLocal(hostname)) return [];
  return [problem("gateway-unencrypted", { url })];
}

export const checkApiKey: Check = onRest((of, rest) => {
  const { apiKey } = rest;
  const { gateway } = of;
  const problems = [
    ...(apiKey === undefined ? [] : [...bypassingKey(apiKey, of), ...strayKey(apiKey, rest, of.now)]),
    ...(gateway === undefined || gateway.kind === "unreached" ? [] : refusedKey(apiKey, gateway.first)),
  ];
  return either(problems, () => {
    if (gateway?.kind !== "speaking") return waitsFor("gateway");
    return apiKey === undefined
      ? skipped("the target has none, and the gateway requires none")
      : ok(describeKey(apiKey));
  });
});

function describeKey(key: ApiKeyFacts): string {
  if (key.kind === "legacy") return `a JWT of the role ${key.role ?? "?"}`;
  return key.kind === "unknown" ? "accepted, of an unknown kind" : `a ${key.kind} key`;
}

/** A role that no policy applies to: by the catalogue if it was read, otherwise by Supabase's name for it. */
function bypassingKey(key: ApiKeyFacts, { database }: Examination): readonly Answer[] {
  if (key.kind === "secret") return [problem("secret-key", { kind: "secret key" })];
  if (key.kind !== "legacy" || key.role === undefined) return [];
  const roles = database.kind === "connected" ? database.catalog.roles : [];
  const role = roles.find(({ name }) => name === key.role);
  const bypasses = role === undefined ? key.role === "service_role" : role.superuser || role.bypassRls;
  return bypasses ? [problem("secret-key", { kind: `JWT of the role ${key.role}` })] : [];
}

function strayKey(key: ApiKeyFacts, { url }: RestFacts, now: number): readonly Answer[] {
  if (key.kind !== "legacy") return [];
  const { expires, project } = key;
  const [first = "", ...others] = new URL(url).hostname.split(".");
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

/** No token was sent, so a refusal is about the key: by a proxy, or by a PostgREST that received it as a token. */
function refusedKey(key: ApiKeyFacts | undefined, { status, code, message }: ProbeReply): readonly Answer[] {
  const byProxy = code === undefined && (status === 401 || status === 403);
  const isToken = isCode(code, "tokenSignature") || isCode(code, "tokenClaims");
  const asToken = key !== undefined && isToken;
  if (!byProxy && !asToken) return [];
  return key === undefined
    ? [problem("key-wanted", { status })]
    : [problem("key-refused", { status, reported: code === undefined ? message : `${code} ${message}` })];
}

export const checkRoleSwitch: Check = onBoth((of, _, { checks }) => {
  if (checks === undefined) return waitsFor("tokens");
  if (checks.distrust !== undefined) return distrusted(of, checks.distrust);
  // The client sends a JWT key as the token of requests without one.
  if (checks.anonymous?.kind === "another" && hasFailed(checkApiKey, of)) return waitsFor("api key");
  return either([...anonymousRole(of, checks.anonymous), ...unswitched(of, checks)], () => {
    if (checks.unswitched.size > 0) return waitsFor("roles");
    const asked = of.personas.filter(
      ({ throughGateway, unready }) => throughGateway && unready === undefined,
    );
    return asked.length === 0
      ? skipped("no persona goes through the gateway")
      : ok(`the gateway becomes ${listed([...new Set(asked.map(({ role }) => role))])}`);
  });
});

/** Wrong tokens or clocks are reported by their own checks. */
function distrusted(of: Examination, reported: string): readonly Answer[] {
  if (hasFailed(checkClock, of)) return waitsFor("clock");
  return hasFailed(checkTokens, of) ? waitsFor("tokens") : [problem("distrusted", { reported })];
}

function hasFailed(check: Check, of: Examination): boolean {
  return check(of).some(({ status }) => status === "failed");
}

function anonymousRole(of: Examination, facts: AnonymousFacts | undefined): readonly Answer[] {
  const { target, personas, matrices } = of;
  const declared = target.rest?.anonRole ?? "";
  if (facts?.kind === "another") {
    const actual = facts.role === undefined ? "another role" : `role ${facts.role}`;
    return [problem("another-anonymous-role", { actual, declared })];
  }
  // Without a matrix no persona was declared that sends no token.
  if (facts?.kind !== "disabled" || matrices.length === 0) return [];
  const withToken = speaking(of)?.personas;
  const without = personas.filter(
    ({ name, throughGateway }) => throughGateway && withToken?.has(name) === false,
  );
  return [problem("no-anonymous-role", { personas: listed(without.map(({ name }) => name)), declared })];
}

/** Without the personas whose role does not exist or is not granted to the gateway's login: the check of roles reports these. */
function unswitched(
  { database, personas, target }: Examination,
  checks: GatewayCheckFacts,
): readonly Answer[] {
  const roles = database.kind === "connected" ? database.catalog.roles : [];
  const login = roles.find(({ name }) => name === target.rest?.login);
  const isExplained = (role: string): boolean =>
    !roles.some(({ name }) => name === role) || (login !== undefined && !login.mayBecome.includes(role));
  const explained = personas.filter(({ role }) => isExplained(role)).map(({ name }) => name);
  return [...checks.unswitched]
    .filter(([persona]) => !explained.includes(persona))
    .map(([persona, reported]) => problem("role-not-switched", { persona, reported }));
}

export const checkSchemas: Check = ({ target, database, gateway }) => {
  const absent =
    database.kind === "unreached" ? [] : target.schemas.filter((one) => !database.schemas.includes(one));
  const answers = gateway?.kind === "speaking" ? gateway.schemas : new Map<string, ProbeReply>();
  const hidden = [...answers].flatMap(([schema, { code }]) =>
    isCode(code, "schemaNotExposed") ? [schema] : [],
  );
  const problems = [
    ...absent.map((schema) => problem("no-such-schema", { schema })),
    ...hidden
      .filter((schema) => !absent.includes(schema))
      .map((schema) => problem("schema-not-exposed", { schema })),
  ];
  return either(problems, () => {
    if (target.rest === undefined)
      return database.kind === "unreached" ? waitsFor("login") : ok(listed(target.schemas));
    return answers.size === 0 ? waitsFor("gateway") : ok(`${listed(target.schemas)}: exposed`);
  });
};

export const checkCache: Check = onBoth((_, __, { cache }) => {
  const { asked, existing, unknown } = cache;
  if (existing === 0) return [problem("nothing-to-request", {})];
  if (asked === 0) return waitsFor("schemas");
  if (unknown.length === asked) return [problem("nothing-known", { asked })];
  if (unknown.length > 0) return [problem("stale-schema-cache", { relations: listed(unknown) })];
  return ok(
    asked < existing
      ? `the gateway knows the newest ${asked} of ${existing} relations; there was no time to request more`
      : `the gateway knows all ${asked} relations`,
  );
});

export const checkSameDatabase: Check = onBoth(({ target }, { catalog }, { sameness }) => {
  const { seen, row } = sameness;
  const name = catalog.database;
  if (seen === "seen") return ok(`a statement of the gateway was seen in ${name}`);
  if (row?.isHere === false)
    return [problem("another-database", { why: `a row of ${row.relation} that it shows is not in ${name}` })];
  const here =
    row === undefined ? "and no persona could read a row" : "although a row that it shows is here too";
  return [problem("same-database-unknown", { why: `${unseen[seen]}, ${here}`, user: target.user })];
});

const unseen: Readonly<Record<Exclude<SamenessFacts["seen"], "seen">, string>> = {
  unseen: "none of its statements was seen here",
  blind: "this login may not see its statements",
  unsent: "no request led to a statement",
};

export const checkRollback: Check = (of) => {
  const { rest, readOnly } = of.target;
  return rest !== undefined && readOnly
    ? skipped("rowgate sends no write to this target, so it does not check how one is undone")
    : checkUndone(of);
};

const checkUndone = onBoth(({ target }, _, { checks }) => {
  const rollback = checks?.rollback;
  if (rollback === undefined) return waitsFor("role switch");
  if (rollback === "honoured") return ok("the gateway honours Prefer: tx=rollback");
  if (rollback === "not shown") return [problem("rollback-unknown", {})];
  return target.scratchRows
    ? ok("the gateway ignores Prefer: tx=rollback, and `writes: commit` limits writes to rows of the run")
    : [problem("rollback-not-honoured", {})];
});
