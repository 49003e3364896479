import type { Catalog, RelationInfo, RoleInfo } from "../../model/catalog.ts";
import type { Examination, PersonaFacts, ReachedDatabase, TargetFacts } from "../../model/examination.ts";
import { formatQualified } from "../../lib/sql-text.ts";
import { type Answer, type Check, listed, notAsked, problem, waitsFor, well } from "../answers.ts";

export const checkRoles: Check = (of) => {
  const { database, personas, target } = of;
  if (database.kind === "unreached") return waitsFor("login");
  const wrong = [
    ...missing(of, database.catalog),
    ...unreachable(target, database),
    ...behindGateway(of, database.catalog),
    ...logins(personas, target, database.catalog),
  ];
  if (wrong.length > 0) return wrong;
  const names = rolesOf(of);
  const about = database.catalog.roles.filter(({ name }) => names.includes(name)).flatMap(unbound);
  return names.length === 0
    ? notAsked("no persona was named")
    : well(`${target.user} may become ${listed(names)}`, about);
};

/** Of personas, each once. */
function rolesOf({ personas }: Pick<Examination, "personas">): readonly string[] {
  return [...new Set(personas.map(({ role }) => role))];
}

function unbound({ name, superuser, bypassRls }: RoleInfo): readonly string[] {
  if (!superuser && !bypassRls) return [];
  return [`${name} ${superuser ? "is a superuser" : "has BYPASSRLS"}: no policy applies to it`];
}

function missing({ personas, target }: Examination, { roles }: Catalog): readonly Answer[] {
  const { rest } = target;
  const wanted = new Map<string, string[]>();
  const want = (role: string, who: string): void => void wanted.set(role, [...(wanted.get(role) ?? []), who]);
  for (const { name, role, login } of personas) {
    want(role, name);
    if (login !== undefined && login !== role) want(login, `login of ${name}`);
  }
  if (rest !== undefined) want(rest.anonRole, "anonymous role of the gateway");
  if (rest?.login !== undefined) want(rest.login, "login of the gateway");
  return [...wanted]
    .filter(([role]) => !roles.some(({ name }) => name === role))
    .map(([role, who]) => problem("no-such-role", { role, who: listed(who) }));
}

function unreachable({ user }: TargetFacts, { becomes }: ReachedDatabase): readonly Answer[] {
  return [...becomes].flatMap(([role, failure]) =>
    failure === null ? [] : [problem("login-may-not-become", { user, role, code: failure.code })],
  );
}

function behindGateway({ personas, target }: Examination, { roles }: Catalog): readonly Answer[] {
  const login = roles.find(({ name }) => name === target.rest?.login);
  if (login === undefined || target.rest === undefined) return [];
  const through = personas.filter(({ throughGateway }) => throughGateway).map(({ role }) => role);
  const wanted = [...new Set([target.rest.anonRole, ...through])];
  const there = wanted.filter((role) => roles.some(({ name }) => name === role));
  return [
    ...(login.canLogin ? [] : [problem("gateway-cannot-log-in", { login: login.name })]),
    ...there
      .filter((role) => !login.mayBecome.includes(role) && role !== login.name)
      .map((role) => problem("gateway-may-not-become", { login: login.name, role })),
  ];
}

/** Only a superuser can be somebody else to `session_user`. */
function logins(
  personas: readonly PersonaFacts[],
  { user }: TargetFacts,
  { login }: Catalog,
): readonly Answer[] {
  if (login.superuser) return [];
  return personas.flatMap((persona) =>
    persona.login === undefined || persona.login === login.name
      ? []
      : [problem("persona-login", { persona: persona.name, login: persona.login, user })],
  );
}

export const checkOwnership: Check = ({ target, personas, database }) => {
  if (database.kind === "unreached") return waitsFor("login");
  const { roles, relations } = database.catalog;
  const asking = roles.filter(
    ({ name, superuser, bypassRls }) =>
      !superuser && !bypassRls && personas.some(({ role }) => role === name),
  );
  const wrong = asking.flatMap((role) => owned(role, relations));
  if (wrong.length > 0) return wrong;
  const looked = relations.filter(({ rls }) => rls).length;
  return well(
    `no persona's role has the rights of an owner over ${looked === 1 ? "the one table" : `the ${looked} tables`} with RLS in ${listed(target.schemas)}`,
  );
};

function owned(role: RoleInfo, relations: readonly RelationInfo[]): readonly Answer[] {
  const own = relations.filter(
    ({ rls, forceRls, owner }) => rls && !forceRls && role.inherits.includes(owner),
  );
  return own.length === 0
    ? []
    : [
        problem("owner-bypasses-rls", {
          role: role.name,
          relations: listed(own.map((one) => formatQualified(one))),
        }),
      ];
}
