import type { Cell } from "../model/cell.ts";
import type { Identity } from "../model/channel.ts";
import type { StateObservation } from "../model/observation.ts";
import { isOfStorage, type SettingsInForce, storageDeletes } from "../model/settings.ts";
import { type QualifiedName, quoteIdent } from "../lib/sql-text.ts";

/** Another state of the session in which an identity-less persona is probed too. */
export type SessionState = StateObservation["state"];

/** Who asks, and what: a cell, or as much of one as its session depends on. */
export interface Asked extends Pick<Cell, "persona"> {
  readonly relation: { readonly info: QualifiedName };
  readonly call?: unknown;
}

/** What identifies a session's user, besides its role. Names of settings are in lower case. */
export interface SessionRules {
  readonly identities: ReadonlyMap<string, Identity>;
  /** Identities are JWT claims: `request.jwt.claims` is part of every session. */
  readonly jwt: boolean;
  /** Sessions come through PostgREST, unless the persona logs in by itself. */
  readonly gateway: boolean;
  /** Some personas log in directly, others come through the gateway. */
  readonly mixed: boolean;
  /** Settings that some session has, and that are NULL until they are set. */
  readonly custom: readonly string[];
  /** The server's own settings that sessions hold otherwise than rowgate's login does. */
  readonly known: readonly string[];
  /** Name → value while it is not set. */
  readonly base: ReadonlyMap<string, string>;
  /** Behind the request's schema in search_path. */
  readonly extraPath: readonly string[];
  /** Whom rowgate logs in as. */
  readonly home: string;
}

export interface SessionFacts {
  readonly identities: ReadonlyMap<string, Identity>;
  readonly inForce: SettingsInForce;
  readonly gateway: boolean;
  readonly home: string;
}

export function sessionRules({ identities, inForce, gateway, home }: SessionFacts): SessionRules {
  const all = [...identities.values()];
  const past = all.some(({ persona }) => persona.login !== undefined);
  const held = [...new Set(all.flatMap(({ settings }) => Object.keys(settings)))];
  const ofHome = inForce.roles.filter(({ role }) => role === home).map(({ name }) => name);
  const isKnown = (name: string): boolean => inForce.base.has(name) && !inForce.custom.has(name);
  const { extraPath = ["public"] } = inForce;
  const isOwnPath = past || !gateway || extraPath.join() !== "public";
  const known = [...held, ...ofHome, ...(isOwnPath ? ["search_path"] : [])].filter(isKnown);
  return {
    identities,
    jwt: gateway || all.some(({ claims }) => claims !== undefined),
    gateway,
    mixed: gateway && past,
    custom: held.filter((name) => !isKnown(name)),
    known: [...new Set(known)],
    base: inForce.base,
    extraPath,
    home,
  };
}

/** PostgREST puts `db-extra-search-path` behind the request's schema; predicates of a matrix read so too. */
export function matrixPath(
  { extraPath }: Pick<SessionRules, "extraPath">,
  { relation: { info } }: Asked,
): string {
  return [info.schema, ...extraPath].map(quoteIdent).join(", ");
}

/** What PostgREST calls it, in `request.path`. */
export function requestPath({ call, relation: { info } }: Asked): string {
  return `/${call === undefined ? "" : "rpc/"}${info.name}`;
}

export function comesThroughGateway({ gateway }: SessionRules, { persona }: Pick<Asked, "persona">): boolean {
  return gateway && persona.login === undefined;
}

/**
 * Name → value of all that is set before the role is switched: the same names for every persona that shares a batch. In
 * the never-set state only what the persona holds itself is set; what others hold stays as a fresh login finds it.
 */
export function sessionOf(
  rules: SessionRules,
  cell: Asked,
  state: SessionState | undefined,
): ReadonlyMap<string, string> {
  const identity = rules.identities.get(cell.persona.name);
  const through = comesThroughGateway(rules, cell);
  const session = new Map<string, string>();
  const claims = state === "reset" ? undefined : claimsOf(identity, state);
  if (rules.jwt && (claims !== undefined || state !== "never set"))
    session.set("request.jwt.claims", claims ?? "");
  for (const name of rules.custom) {
    const own = identity?.settings[name];
    if (own !== undefined || state !== "never set") session.set(name, own ?? rules.base.get(name) ?? "");
  }
  for (const name of rules.known) {
    const usual = name === "search_path" && through ? matrixPath(rules, cell) : rules.base.get(name);
    session.set(name, identity?.settings[name] ?? usual ?? "");
  }
  if (rules.mixed && state !== "never set") {
    session.set("request.path", through ? requestPath(cell) : "");
    session.set("request.headers", through ? "{}" : "");
  }
  if (isOfStorage(cell.relation.info)) session.set(storageDeletes.name, storageDeletes.value);
  return session;
}

/** Behind a gateway every session has claims; a persona without claims is also asked as a session without any. */
function claimsOf(identity: Identity | undefined, state: SessionState | undefined): string | undefined {
  const brought = identity?.persona.claims ?? identity?.persona.tokenFrom;
  if (identity?.claims === undefined || (state === "never set" && brought === undefined)) return undefined;
  return JSON.stringify(identity.claims);
}

/** The states besides its own in which a persona is asked too: what others hold was never set, or set and rolled back (`''`). */
export function statesOf(rules: SessionRules, cell: Cell): readonly SessionState[] {
  if (cell.role.superuser || cell.role.bypassRls) return [];
  const { persona } = cell;
  const held = rules.identities.get(persona.name)?.settings ?? {};
  const isKnown = persona.claims !== undefined || persona.tokenFrom !== undefined;
  const lacking = rules.custom.filter((name) => held[name] === undefined);
  if (lacking.length === 0 && (isKnown || !rules.jwt)) return [];
  const nobody = !isKnown && lacking.length === rules.custom.length;
  // Who has an identity is asked with `''` in the place of the others' settings as it is.
  return nobody ? ["never set", "reset"] : ["never set"];
}

/** Personas that may share a connection: where some settings were never set, no persona may set them. */
export function lineOf(rules: SessionRules, cell: Cell, state: SessionState | undefined): string {
  if (state !== "never set") return "";
  return JSON.stringify([comesThroughGateway(rules, cell), ...sessionOf(rules, cell, state).keys()]);
}
