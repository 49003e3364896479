import { formatQualified, quoteQualified } from "../lib/sql-text.ts";
import type { MappedPersona } from "../model/access-map.ts";
import type { RelationInfo } from "../model/catalog.ts";
import type { ClaimValue } from "./identity.ts";
import type { UserClass } from "./users.ts";

export interface ScanRole {
  readonly name: string;
  readonly above: boolean;
  readonly canLogin: boolean;
  readonly platform: boolean;
  readonly holds: boolean;
}

/** A persona of the scan, as a matrix declares it. */
export interface ScanPersona extends MappedPersona {
  readonly declaration: Readonly<Record<string, unknown>>;
}

/** A user of whom no row says anything. */
const unknownSub = "5ca00000-0000-4000-8000-000000000001";

/** Of a user who holds a claim that policies ask for, and is in no row either. */
const claimantSub = "5ca00000-0000-4000-8000-000000000002";

/** More classes of users than this are no map any more; the same goes for claims. */
const mostClasses = 8;
const mostClaims = 6;

export interface Cast {
  readonly personas: readonly ScanPersona[];
  /** Users come with tokens, as Supabase's and PostgREST's do. */
  readonly tokens: boolean;
  /** Classes of users that got no persona. */
  readonly left: number;
}

/** Whom the scan asks as: without a token, a user without a row, one user of each class, and the system's own. */
export function castOf(
  roles: readonly ScanRole[],
  classes: readonly UserClass[],
  claims: readonly ClaimValue[] = [],
): Cast {
  const tokens = roles.some(({ platform, holds }) => platform && holds);
  const shown = classes.slice(0, mostClasses);
  const left = classes.length - shown.length;
  if (!tokens) {
    const own = roles.filter(({ platform, holds }) => holds && !platform);
    return { personas: own.flatMap((role) => withoutTokens(role, shown)), tokens, left };
  }
  return {
    personas: withTokens(new Set(roles.map(({ name }) => name)), shown, claims.slice(0, mostClaims)),
    tokens,
    left: left + Math.max(0, claims.length - mostClaims),
  };
}

function withTokens(
  roles: ReadonlySet<string>,
  classes: readonly UserClass[],
  claims: readonly ClaimValue[],
): readonly ScanPersona[] {
  const role = "authenticated";
  const claimants = claims.map(
    ({ path, value }, index): ScanPersona => ({
      name: `claim_${index + 1}`,
      standing: "user",
      is: `signed in with the claim ${path.join(".")} ${String(value)}, and in no row`,
      declaration: { role, claims: { sub: claimantSub, ...nested(path, value) } },
    }),
  );
  const users = classes.map(
    (one, index): ScanPersona => ({
      name: `user_${index + 1}`,
      standing: "user",
      is: describeClass(one),
      declaration: { role, ...identityOf(one) },
    }),
  );
  const newcomer: ScanPersona = {
    name: "newcomer",
    standing: "unknown-user",
    is: "signed in, and in no row",
    declaration: { role, claims: { sub: unknownSub } },
  };
  const anon: ScanPersona = {
    name: "anon",
    standing: "no-token",
    is: "no token",
    declaration: { role: "anon" },
  };
  const service: ScanPersona = {
    name: "service",
    standing: "above",
    is: "the role service_role",
    declaration: { role: "service_role" },
  };
  return [
    ...(roles.has("anon") ? [anon] : []),
    ...(roles.has(role) ? [newcomer, ...users, ...claimants] : []),
    ...(roles.has("service_role") ? [service] : []),
  ];
}

/** Each role by itself, and as each class of users that a setting names. */
function withoutTokens(
  { name: role, canLogin }: ScanRole,
  classes: readonly UserClass[],
): readonly ScanPersona[] {
  const name = role.replaceAll(/[^a-zA-Z0-9_.@-]/g, "_").replace(/^[^a-zA-Z_]/, "_");
  const declaration = canLogin ? { login: role } : { role };
  return [
    { name, standing: "unknown-user", is: `role ${role}, no identity`, declaration },
    ...classes
      .filter(({ source }) => source.kind === "setting")
      .map(
        (one, index): ScanPersona => ({
          name: `${name}_${index + 1}`,
          standing: "user",
          is: `role ${role}, ${describeClass(one)}`,
          declaration: { ...declaration, ...identityOf(one) },
        }),
      ),
  ];
}

function identityOf({ source, value }: UserClass): Readonly<Record<string, unknown>> {
  if (source.kind === "setting") return { settings: { [source.name]: value } };
  const claim = nested(source.path ?? [source.name], value);
  return { claims: source.name === "sub" ? claim : { sub: unknownSub, ...claim } };
}

/** `app_metadata`, `role` → `{ app_metadata: { role: … } }` */
function nested(path: readonly string[], value: string | true): Readonly<Record<string, unknown>> {
  const [first = "", ...rest] = path;
  return { [first]: rest.length === 0 ? value : nested(rest, value) };
}

function describeClass({ source, value, places, users }: UserClass): string {
  const others = users === 1 ? "" : `, like ${users - 1} more`;
  const named = source.name === "sub" ? "" : `${source.name} ${value}: `;
  return `${named}in ${places.join(", ")}${others}`;
}

/** A matrix by which everything is denied, so that its run shows everything that is not. JSON is YAML. */
export function scanMatrix(relations: readonly RelationInfo[], cast: Cast): string {
  return JSON.stringify({
    matrix: "scan",
    exposes: [...new Set(relations.map(({ schema }) => schema))],
    channels: cast.tokens ? ["direct", "rest"] : ["direct"],
    personas: Object.fromEntries(cast.personas.map(({ name, declaration }) => [name, declaration])),
    relations: Object.fromEntries(
      relations
        .toSorted((a, b) => (formatQualified(a) < formatQualified(b) ? -1 : 1))
        .map((one) => [quoteQualified(one), { expect: { "*": "deny" } }]),
    ),
  });
}
