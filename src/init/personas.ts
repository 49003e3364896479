import type { Client } from "pg";
import { formatQualified, quoteIdent, quoteLiteral, quoteQualified } from "../lib/sql-text.ts";
import type { MappedPersona } from "../model/access-map.ts";
import type { ProofRelation, Schema } from "../prove/analyse/schema.ts";
import type { ScanRole } from "../scan/matrix.ts";
import type { AskedOf } from "./asked.ts";
import { type Claims, put, readClaims } from "./claims.ts";
import type { Values } from "./conditions.ts";
import { userNames } from "./belonging.ts";
import { signUpClaims, type SignUp, unknownSub } from "./sign-up.ts";
import { endings, expiries, isPrivileged } from "./values.ts";

/** A persona of the matrix that is written. */
export interface InitPersona extends MappedPersona {
  readonly declaration: Readonly<Record<string, unknown>>;
  /** The values of its parameters. */
  readonly values: Values;
}

export interface Cast {
  readonly personas: readonly InitPersona[];
  /** Users come with tokens, as Supabase's and PostgREST's do. */
  readonly tokens: boolean;
  /** Kinds of users that got no persona. */
  readonly left: number;
}

/** A user of the data, and what tells users apart. */
interface User {
  readonly value: string;
  readonly parameter: string;
  /** Where it occurs, with what its row says: `members.user_id (role admin)`. */
  readonly places: Set<string>;
  /** What it is a member of: `members.team_id 7`. */
  readonly groups: Set<string>;
}

const mostUsers = 500;
/** More kinds than these are no matrix that a person would read. */
const mostOthers = 4;
const mostClaims = 3;

/**
 * Personas as the policies tell users apart, by the rows that are there.
 * @param lasts the user is in the database of a later run, too
 */
export async function castFrom(
  client: Client,
  schema: Schema,
  asked: AskedOf,
  roles: readonly ScanRole[],
  lasts: (user: string) => boolean,
  signUp: SignUp | undefined,
): Promise<Cast> {
  const users = await readUsers(client, asked, lasts);
  const { chosen, left } = choose([...users.values()]);
  const tokens = roles.some(({ platform, holds }) => platform && holds);
  if (!tokens) return { personas: withoutTokens(roles, chosen), tokens, left };
  const claims = await readClaims(client, schema, asked, chosen);
  return {
    personas: withTokens(new Set(roles.map(({ name }) => name)), chosen, claims, asked, signUp),
    tokens,
    left,
  };
}

async function readUsers(
  client: Client,
  asked: AskedOf,
  lasts: (user: string) => boolean,
): Promise<ReadonlyMap<string, User>> {
  const users = new Map<string, User>();
  for (const identity of asked.identities) {
    if (identity.parameter.startsWith("claims.")) continue;
    const { rows } = await client.query<{ value: string; place: string; groups: readonly string[] }>(
      usersSql(identity, asked),
    );
    for (const { value, place, groups } of rows.filter((one) => lasts(one.value))) {
      const key = `${identity.parameter} ${value}`;
      const user = users.get(key) ?? {
        value,
        parameter: identity.parameter,
        places: new Set(),
        groups: new Set(),
      };
      users.set(key, user);
      user.places.add(place);
      for (const one of groups) user.groups.add(one);
    }
  }
  return users;
}

/** A row a user, and what its row says that policies ask; of a list of members, what they are members of. */
function usersSql({ relation, column, member }: AskedOf["identities"][number], asked: AskedOf): string {
  const isKey = relation.keys.some((key) => key.length === 1 && key[0] === column);
  const others = relation.columns.filter(({ name }) => name !== column);
  const constants = asked.constants.filter((one) => one.relation === relation).map((one) => one.column);
  const facts = others.flatMap(({ name, base }) => {
    const quoted = quoteIdent(name);
    const label = quoteLiteral(`${name} `);
    if ((member || isKey) && constants.includes(name))
      return [`${label} || coalesce(left(${quoted}::text, 40), 'null')`];
    if (!member || !(endings.test(name) || expiries.test(name)) || !/^timestamp|^date$/.test(base)) return [];
    return [
      `${label} || case when ${quoted} is null then 'null' when ${quoted} < now() then 'past' else 'future' end`,
    ];
  });
  const named = `${relation.name}.${column}`;
  const inRow = facts.length === 0 ? "''" : `' (' || concat_ws(', ', ${facts.join(", ")}) || ')'`;
  const groups = member ? groupColumns(relation, column) : [];
  const listed = groups.map(
    (name) => `${quoteLiteral(`${relation.name}.${name} `)} || ${quoteIdent(name)}::text`,
  );
  return `select ${quoteIdent(column)}::text as value, ${quoteLiteral(named)} || ${inRow} as place,
  array_remove(array[${listed.join(", ")}]::text[], null) as groups
from ${quoteQualified(relation)} where ${quoteIdent(column)} is not null order by 1, 2, 3 limit ${mostUsers}`;
}

function groupColumns(relation: ProofRelation, user: string): readonly string[] {
  const referring = relation.foreignKeys.flatMap(({ columns, to }) =>
    columns.length === 1 && formatQualified(to) !== "auth.users" ? columns : [],
  );
  const keys = relation.keys.flat();
  return [...new Set(referring.length > 0 ? referring : keys)].filter(
    (name) => name !== user && name !== "id",
  );
}

interface Chosen {
  readonly name: string;
  readonly is: string;
  readonly user: User;
}

/** One user of each kind; of the most usual kind, a colleague, a stranger, and one of two groups as well. */
function choose(users: readonly User[]): { readonly chosen: readonly Chosen[]; readonly left: number } {
  const kinds = new Map<string, User[]>();
  for (const user of users) {
    const kind = [...user.places].toSorted().join("\n");
    kinds.set(kind, [...(kinds.get(kind) ?? []), user]);
  }
  const [usual = [], ...others] = [...kinds.values()].toSorted(
    (a, b) => b.length - a.length || (b[0]?.places.size ?? 0) - (a[0]?.places.size ?? 0),
  );
  const [owner] = usual;
  if (owner === undefined) return { chosen: [], left: 0 };
  const others1 = usual.filter((one) => one !== owner);
  const two = others1.find(({ groups }) => hasTwoAlike(groups));
  const colleague = others1.find((one) => one !== two && shares(one, owner));
  const stranger = others1.find((one) => one !== two && one !== colleague && !shares(one, owner));
  const where = [...owner.places].toSorted().join("; ");
  const chosen: Chosen[] = [{ name: "owner", is: `named by ${where}`, user: owner }];
  if (colleague !== undefined)
    chosen.push({ name: "colleague", is: `shares ${shared(colleague, owner)} with owner`, user: colleague });
  if (stranger !== undefined)
    chosen.push({
      name: "stranger",
      is: owner.groups.size > 0 ? "as owner, elsewhere" : "as owner, by other rows",
      user: stranger,
    });
  if (two !== undefined) chosen.push({ name: "both", is: "a member of both", user: two });
  const names = new Set(chosen.map(({ name }) => name));
  for (const [user] of others.slice(0, mostOthers)) {
    if (user === undefined) continue;
    const name = unused(nameOfUser(user), names);
    chosen.push({ name, is: `named by ${[...user.places].toSorted().join("; ")}`, user });
  }
  return { chosen, left: Math.max(0, others.length - mostOthers) };
}

function unused(name: string, names: Set<string>): string {
  let found = name;
  for (let next = 2; names.has(found); next += 1) found = `${name}_${next}`;
  names.add(found);
  return found;
}

/** Users of our own rows have names; one whose row gives it more rights is an admin. */
function nameOfUser({ value, places }: User): string {
  const own = /^10000000-0000-4000-8000-00000000000([1-6])$/.exec(value)?.[1];
  if (own !== undefined) return userNames[Number(own) - 1] ?? "user";
  return [...places].some((place) => isPrivileged(/\(.*\)/.exec(place)?.[0] ?? "")) ? "admin" : "user";
}

function shares(a: User, b: User): boolean {
  return [...a.groups].some((one) => b.groups.has(one));
}

function shared(a: User, b: User): string {
  const one = [...a.groups].find((group) => b.groups.has(group)) ?? "";
  return one.slice(0, one.indexOf(" "));
}

/** Two values of one column: `members.team_id 1`, `members.team_id 2`. */
function hasTwoAlike(groups: ReadonlySet<string>): boolean {
  const columns = [...groups].map((one) => one.slice(0, one.indexOf(" ")));
  return new Set(columns).size < columns.length;
}

function withTokens(
  roles: ReadonlySet<string>,
  chosen: readonly Chosen[],
  claims: ReadonlyMap<string, Claims>,
  asked: AskedOf,
  signUp: SignUp | undefined,
): readonly InitPersona[] {
  const role = "authenticated";
  const users = chosen
    .filter(({ user }) => user.parameter === "sub")
    .map(({ name, is, user }) =>
      persona({ name, is, standing: "user" }, role, {
        sub: user.value,
        ...stated(asked),
        ...claims.get(name),
      }),
    );
  const newcomer = persona(
    { name: "newcomer", is: "signed in, and in no row", standing: "unknown-user" },
    role,
    { sub: unknownSub, ...stated(asked), ...signUpClaims("newcomer", signUp) },
  );
  return [
    ...(roles.has("anon") ? [persona({ name: "anon", is: "no token", standing: "no-token" }, "anon")] : []),
    ...(roles.has(role) ? [...users, ...byClaim(asked, users, signUp), newcomer] : []),
    ...(roles.has("service_role")
      ? [persona({ name: "service", is: "the role service_role", standing: "above" }, "service_role")]
      : []),
  ];
}

/**
 * Who has a claim that policies compare with a constant; one that gives more rights is held by a user without rows. The second factor is
 * another user's than the owner's, who has none then: policies may ask whether there is one as well.
 */
function byClaim(
  asked: AskedOf,
  users: readonly InitPersona[],
  signUp: SignUp | undefined,
): readonly InitPersona[] {
  const others = asked.claims.filter(({ parameter }) => parameter !== secondFactor.parameter);
  const claims = asked.parameters.has(secondFactor.parameter) ? [secondFactor, ...others] : others;
  const names = new Set<string>();
  const usual = new Map(usualClaims.map(([name, value]) => [`claims.${name}`, String(value)]));
  return claims
    .filter(({ parameter, value }) => usual.get(parameter) !== value)
    .slice(0, mostClaims)
    .map(({ parameter, value }, index) => {
      const user = (parameter === secondFactor.parameter ? users[1] : undefined) ?? users[0];
      const isMore = isPrivileged(value) || user === undefined;
      const word = value === "true" ? (parameter.split(".").at(-1) ?? value) : value;
      const name = unused(
        `${word.replaceAll(/[^a-zA-Z0-9_]/g, "_").replace(/^[^a-zA-Z_]/, "_")}_by_claim`,
        names,
      );
      const held: Claims = structuredClone(
        isMore
          ? { sub: `5ca00000-0000-4000-8000-0000000000${20 + index}`, ...signUpClaims(name, signUp) }
          : (user.declaration["claims"] as Claims),
      );
      const typed = value === "true" ? true : value === "false" ? false : value;
      put(held, parameter, typed, true);
      for (const [key, one] of Object.entries(stated(asked))) held[key] ??= one;
      return persona(
        {
          name,
          is: `${isMore ? "in no row" : user.name}, with ${parameter} ${value}`,
          standing: "user",
        },
        "authenticated",
        held,
      );
    });
}

/** A policy that reads it at all decides by it. */
const secondFactor = { parameter: "claims.aal", value: "aal2" } as const;

/** What a real token says, where policies ask for it: the matrix states it, so that row sets can. */
const usualClaims: readonly (readonly [string, unknown])[] = [
  ["aal", "aal1"],
  ["is_anonymous", false],
];

function stated(asked: AskedOf): Claims {
  return Object.fromEntries(usualClaims.filter(([name]) => asked.parameters.has(`claims.${name}`)));
}

function persona(who: MappedPersona, role: string, claims?: Claims): InitPersona {
  const values = new Map([["role", role], ...flattenedClaims(claims ?? {})]);
  return { ...who, declaration: { role, ...(claims && { claims }) }, values };
}

/** Parameters and their values: `sub`, `claims.app_metadata.role`. */
export function flattenedClaims(claims: Claims): readonly (readonly [string, string])[] {
  const sub = claims["sub"];
  return [...(typeof sub === "string" ? [["sub", sub] as const] : []), ...flattened(claims, "claims")];
}

function flattened(claims: Claims, path: string): readonly (readonly [string, string])[] {
  return Object.entries(claims).flatMap(([key, value]) =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? flattened(value as Claims, `${path}.${key}`)
      : [[`${path}.${key}`, typeof value === "string" ? value : JSON.stringify(value)] as const],
  );
}

/** A Postgres without PostgREST: each role by itself, and as users that a setting names. */
function withoutTokens(roles: readonly ScanRole[], chosen: readonly Chosen[]): readonly InitPersona[] {
  const own = roles.filter(({ platform, holds }) => holds && !platform);
  const users = chosen.filter(({ user }) => user.parameter.startsWith("settings."));
  return own.flatMap(({ name: role, canLogin }) => {
    const name = role.replaceAll(/[^a-zA-Z0-9_.@-]/g, "_").replace(/^[^a-zA-Z_]/, "_");
    const base = canLogin ? { login: role } : { role };
    const prefix = own.length === 1 ? "" : `${name}_`;
    return [
      {
        name,
        standing: "unknown-user" as const,
        is: `role ${role}, no identity`,
        declaration: base,
        values: new Map([["role", role]]),
      },
      ...users.map(
        (one): InitPersona => ({
          name: `${prefix}${one.name}`,
          standing: "user",
          is: `role ${role}, ${one.is}`,
          declaration: {
            ...base,
            settings: { [one.user.parameter.slice("settings.".length)]: one.user.value },
          },
          values: new Map([
            ["role", role],
            [one.user.parameter, one.user.value],
          ]),
        }),
      ),
    ];
  });
}
