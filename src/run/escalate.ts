import { searchEscalation } from "../escalate/search.ts";
import type { Actor } from "../escalate/world.ts";
import { now } from "../lib/clock.ts";
import { elapsed, type Moment } from "../lib/moment.ts";
import { quoteQualified } from "../lib/sql-text.ts";
import type { RoleInfo } from "../model/catalog.ts";
import type { Identity } from "../model/channel.ts";
import type { Finding } from "../model/finding.ts";
import type { Json, Persona } from "../model/matrix.ts";
import { addressOf, postureRules, readsOnly } from "../model/posture.ts";
import type { EscalationRecord } from "../model/run.ts";
import { connect, countRows, disconnect } from "../probe/sql/session.ts";
import { messageOf } from "../model/errors.ts";
import { sessionOf, sessionRules } from "../probe/sessions.ts";
import type { OpenRun } from "./3-open.ts";
import type { EscalationWish } from "./request.ts";

export interface EscalationStage {
  readonly record: EscalationRecord;
  readonly findings: readonly Finding[];
}

/** Of the time that probing and proving took. */
const share = 0.5;
/** What it gets of the machine while cells are probed beside it. */
const besideShare = 0.5;
/** Milliseconds that the search has at least: in a small project it tries everything in less. */
const leastMs = 5_000;
/** Milliseconds for which locks are held (on databases of rowgate's own: how soon Ctrl-C takes effect), a statement takes at the most, and another's lock is waited for. */
const times = {
  shared: { chunkMs: 500, statementTimeoutMs: 900, lockTimeoutMs: 300 },
  own: { chunkMs: 2_000, statementTimeoutMs: 30_000, lockTimeoutMs: 2_000 },
} as const;

export interface EscalationSearch {
  /** What was found: the probes are over. */
  finish(): Promise<EscalationStage>;
  abandon(): Promise<void>;
}

/**
 * Stage 6. On a copy of the database it goes on beside the probes; else it begins after them, for both would wait for each other's locks.
 * @param copyIsFree settles when nothing else is asked on the copy
 */
export function openSearch(run: OpenRun, copyIsFree: Promise<unknown>): EscalationSearch {
  const abandoned = new AbortController();
  let probed: Moment | undefined;
  const search = (): Promise<EscalationStage> => searchForEscalation(run, () => probed, abandoned.signal);
  const beside = run.request.copy && copyIsFree.then(search);
  beside?.catch(() => undefined);
  return {
    finish: () => {
      probed = now();
      return beside ?? search();
    },
    abandon: async () => {
      abandoned.abort();
      await beside?.catch(() => undefined);
    },
  };
}

/**
 * Searches what each persona could become by the writes and calls that it is allowed. Each chain is tried, measured and undone on a
 * separate connection.
 * @param probed when probing and proving were over; `undefined`: they are not
 */
async function searchForEscalation(
  run: OpenRun,
  probed: () => Moment | undefined,
  abandoned: AbortSignal,
): Promise<EscalationStage> {
  const { request, plan } = run;
  const wish = request.escalation ?? "default";
  const because = whyNot(run, wish);
  const nothing = {
    possible: 0,
    tried: 0,
    accepted: 0,
    twoStep: { possible: 0, tried: 0 },
    leftOut: [],
    sampled: [],
  };
  const named = nameOf(wish);
  if (because !== undefined)
    return { record: { wish: named, because, ...nothing, seconds: 0 }, findings: [] };
  const began = now();
  const { target } = request;
  const interrupted = AbortSignal.any([abandoned, ...(request.interrupted ? [request.interrupted] : [])]);
  const { shared } = postureRules[target.posture];
  const { chunkMs, ...limits } = times[shared ? "shared" : "own"];
  const client = await connect(request.copy ?? addressOf(target), { ...target.limits, ...limits });
  try {
    await countRows(client);
    const { findings, counts } = await searchEscalation(
      client,
      {
        matrix: plan.matrix,
        catalog: plan.catalog,
        work: plan.work,
        functions: plan.functions,
        actors: actorsOf(run),
        sideEffects: plan.sideEffects,
        preRequest: target.preRequest && `select ${quoteQualified(target.preRequest)}()`,
        extraPath: run.sessions.extraPath,
        home: plan.catalog.login.name,
        wants: run.options.wants,
      },
      {
        milliseconds: () => budgetOf(wish, { since: run.since, began, probed: probed() }),
        chains: typeof wish === "object" && "chains" in wish ? wish.chains : Number.POSITIVE_INFINITY,
        chunkMs,
        shared,
        interrupted,
      },
    );
    return { record: { wish: named, ...counts, seconds: elapsed(began, now()) / 1000 }, findings };
  } catch (error) {
    interrupted.throwIfAborted();
    const failed = `it failed: ${messageOf(error)}`;
    return {
      record: { wish: named, because: failed, ...nothing, seconds: elapsed(began, now()) / 1000 },
      findings: [],
    };
  } finally {
    await disconnect(client);
  }
}

interface Progress {
  /** Of the probing. */
  readonly since: Moment;
  readonly probed: Moment | undefined;
  /** The search. */
  readonly began: Moment;
}

/** While cells are probed it costs no time to go on. */
function budgetOf(wish: EscalationWish, { since, probed, began }: Progress): number {
  if (typeof wish === "object" && "seconds" in wish) return wish.seconds * 1000;
  const factor = factorOf(wish);
  if (probed === undefined || factor === undefined) return Number.POSITIVE_INFINITY;
  const usual = Math.max(leastMs, elapsed(since, probed) * share) * factor;
  const beside = Math.max(0, elapsed(began, probed));
  return beside + Math.max(0, usual - beside * besideShare);
}

/** `undefined`: time does not end it. */
function factorOf(wish: EscalationWish): number | undefined {
  if (typeof wish === "object" && "times" in wish) return wish.times;
  return wish === "default" ? 1 : undefined;
}

function nameOf(wish: EscalationWish): string {
  if (typeof wish === "string") return wish;
  if ("chains" in wish) return `${wish.chains} chains`;
  return "times" in wish ? `${wish.times} times the default` : `${wish.seconds} s`;
}

function whyNot({ request: { target }, options }: OpenRun, wish: EscalationWish): string | undefined {
  if (wish === "off") return "--escalation off";
  if (readsOnly(target)) return "no write is sent to this target";
  if (postureRules[target.posture].shared && wish === "default")
    return `a ${target.posture} target is searched only on request (--escalation)`;
  if (!options.channels.includes("direct")) return "it needs the direct channel";
  return undefined;
}

/** The personas, and a stranger where some of them sign in with an identity. */
function actorsOf({ request, plan, identities }: OpenRun): readonly Actor[] {
  const { matrix, target } = request;
  const roles = new Map(plan.catalog.roles.map((one) => [one.name, one]));
  const home = plan.catalog.login.name;
  const stranger = strangerOf(identities, roles);
  const all =
    stranger === undefined ? identities : new Map([...identities, [stranger.persona.name, stranger]]);
  const rules = sessionRules({
    identities: all,
    inForce: plan.settings,
    gateway: target.rest !== undefined,
    home,
  });
  const place = plan.work[0]?.relation ?? plan.functions[0]?.relation;
  const personas = [...matrix.personas, ...(stranger === undefined ? [] : [stranger.persona])];
  const actors = personas.flatMap((persona): readonly Omit<Actor, "index">[] => {
    const role = roles.get(persona.role);
    if (role === undefined || place === undefined) return [];
    const settings = new Map(sessionOf(rules, { persona, call: undefined, relation: place }, undefined));
    return [
      {
        persona,
        role,
        settings,
        stranger: persona === stranger?.persona,
        identities: namesOf(persona),
      },
    ];
  });
  return actors.map((one, at) => ({ ...one, index: at + 1 }));
}

/** What every signed-in user has alike. */
const commonClaims: ReadonlySet<string> = new Set([
  "aud",
  "iss",
  "role",
  "exp",
  "iat",
  "nbf",
  "aal",
  "amr",
  "session_id",
  "is_anonymous",
]);

function namesOf({ claims, settings }: Persona): readonly (readonly [string, string])[] {
  const own = Object.entries(claims ?? {}).filter(([name]) => !commonClaims.has(name));
  return [
    ...own.flatMap(([name, value]) => leavesOf(name, value)),
    ...Object.entries(settings).map(([name, value]): [string, string] => [
      name.split(".").at(-1) ?? name,
      value,
    ]),
  ].filter(([, value]) => value !== "");
}

function leavesOf(name: string, value: Json): readonly (readonly [string, string])[] {
  if (value === null || typeof value === "boolean") return [];
  if (Array.isArray(value)) return value.flatMap((one: Json) => leavesOf(name, one));
  if (typeof value === "object")
    return Object.entries(value).flatMap(([key, one]) => leavesOf(key, one as Json));
  return [[name, String(value)]];
}

const strangersId = "5e5e5e5e-5e5e-4e5e-8e5e-5e5e5e5e5e5f";

/** A signed-in user without any rows: sees what becomes public. */
function strangerOf(
  identities: ReadonlyMap<string, Identity>,
  roles: ReadonlyMap<string, RoleInfo>,
): Identity | undefined {
  const model = [...identities.values()].find(({ persona, claims }) => {
    const role = roles.get(persona.role);
    return (
      persona.login === undefined &&
      typeof claims?.["sub"] === "string" &&
      role?.bypassRls === false &&
      !role.superuser
    );
  });
  if (model?.claims === undefined) return undefined;
  const common = Object.entries(model.claims).filter(([name]) => commonClaims.has(name));
  const sub = /^[0-9a-f-]{36}$/i.test(String(model.claims["sub"])) ? strangersId : "rowgate-stranger";
  const claims = { ...Object.fromEntries(common), sub, email: "stranger@rowgate.test" };
  const name = "any-other-user";
  return {
    ...model,
    persona: {
      ...model.persona,
      name,
      claims: { sub, email: claims.email },
      settings: {},
      tokenFrom: undefined,
    },
    claims,
    settings: {},
    token: undefined,
  };
}
