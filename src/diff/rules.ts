import {
  type Catalog,
  type DefaultPrivileges,
  policySql,
  type Privileges,
  type RelationInfo,
  type RoleInfo,
  type RoutineInfo,
} from "../model/catalog.ts";

/** What is in force for one object. A list says what was added to it and removed from it, a text what it was and is. */
type Facts = Readonly<Record<string, string | readonly string[]>>;
type Rules = Pick<Catalog, "relations" | "routines" | "roles" | "defaultPrivileges">;

/** What is in force otherwise than before: policies, grants, owners, functions, roles, default privileges. */
export function ruleChanges(before: Rules, after: Rules): readonly string[] {
  return [...compared(inForce(before), inForce(after)), ...defaultsCompared(before, after)];
}

function inForce({ relations, routines, roles }: Rules): ReadonlyMap<string, Facts> {
  return new Map([
    ...relations.map((one) => [`${one.kind} ${one.schema}.${one.name}`, relationFacts(one)] as const),
    ...routines.map((one) => [routineName(one), routineFacts(one)] as const),
    ...roles.map((one) => [`role ${one.name}`, roleFacts(one)] as const),
  ]);
}

function defaultsCompared(before: Rules, after: Rules): readonly string[] {
  const [was, is] = [before.defaultPrivileges, after.defaultPrivileges];
  if (was === undefined && is === undefined) return [];
  if (was === undefined || is === undefined) {
    const which = was === undefined ? "earlier" : "later";
    return [`Default privileges cannot be compared: the ${which} archive does not hold them`];
  }
  return compared(defaultFacts(was), defaultFacts(is));
}

function defaultFacts(all: readonly DefaultPrivileges[]): ReadonlyMap<string, Facts> {
  return new Map(
    all.map(({ owner, schema, objects, acl }) => [
      `default privileges for new ${objects} of ${owner}${schema === null ? "" : ` in schema ${schema}`}`,
      { grants: acl },
    ]),
  );
}

function relationFacts(one: RelationInfo): Facts {
  return {
    owner: one.owner,
    "row-level security": one.rls ? "on" : "off",
    "FORCE ROW LEVEL SECURITY": one.forceRls ? "on" : "off",
    security_invoker: one.securityInvoker ? "on" : "off",
    ...Object.fromEntries(one.policies.map((policy) => [`policy ${policy.name}`, policySql(policy)])),
    ...Object.fromEntries(
      Object.entries(one.privileges).map(([role, held]) => [
        `privileges of ${role}`,
        privilegeList(held, one.columns.length),
      ]),
    ),
  };
}

function privilegeList(held: Privileges, columns: number): readonly string[] {
  return [
    ...(["select", "insert", "update"] as const).flatMap((verb) => {
      if (held[verb].length === 0) return [];
      return held[verb].length === columns
        ? [verb.toUpperCase()]
        : [`${verb.toUpperCase()} (${held[verb].join(", ")})`];
    }),
    ...(["delete", "truncate"] as const).filter((verb) => held[verb]).map((verb) => verb.toUpperCase()),
    ...(held.schemaUsage ? ["USAGE of the schema"] : []),
  ];
}

function routineName(one: RoutineInfo): string {
  return `${one.kind} ${one.schema}.${one.name}(${one.arguments.map(({ type }) => type).join(", ")})`;
}

function routineFacts(one: RoutineInfo): Facts {
  const mayCall = Object.entries(one.privileges).filter(([, held]) => held.execute);
  return {
    owner: one.owner,
    "SECURITY DEFINER": one.securityDefiner ? "on" : "off",
    settings: one.settings,
    "roles with EXECUTE": mayCall.map(([role]) => role),
  };
}

function roleFacts(one: RoleInfo): Facts {
  return {
    SUPERUSER: one.superuser ? "on" : "off",
    BYPASSRLS: one.bypassRls ? "on" : "off",
    "inherited roles": one.inherits,
    "roles that it may SET ROLE to": one.mayBecome,
  };
}

function compared(before: ReadonlyMap<string, Facts>, after: ReadonlyMap<string, Facts>): readonly string[] {
  return [...new Set([...before.keys(), ...after.keys()])].toSorted().flatMap((name) => {
    const [was, is] = [before.get(name), after.get(name)];
    if (is === undefined) return [`${name} is gone`];
    const head = was === undefined ? [`${name} is new`] : [];
    const facts = [...new Set([...Object.keys(was ?? {}), ...Object.keys(is)])];
    const changes = facts.flatMap((fact) => changeOf(fact, was?.[fact], is[fact]));
    return [...head, ...changes.map((change) => `${name}: ${change}`)];
  });
}

function changeOf(
  fact: string,
  was: Facts[string] | undefined,
  is: Facts[string] | undefined,
): readonly string[] {
  if (typeof was === "string" || typeof is === "string") {
    if (was === is) return [];
    if (was === undefined) return is === "off" ? [] : [`${fact} is new: ${String(is)}`];
    return is === undefined
      ? [`${fact} is gone; it was ${String(was)}`]
      : [`${fact} was ${String(was)}; it is ${String(is)} now`];
  }
  const added = (is ?? []).filter((one) => was?.includes(one) !== true);
  const removed = (was ?? []).filter((one) => is?.includes(one) !== true);
  const said = [
    ...(added.length === 0 ? [] : [`added ${added.join(", ")}`]),
    ...(removed.length === 0 ? [] : [`removed ${removed.join(", ")}`]),
  ];
  return said.length === 0 ? [] : [`${fact}: ${said.join("; ")}`];
}
