import {
  type Catalog,
  type DefaultPrivileges,
  policySql,
  type Privileges,
  type RelationInfo,
  type RoleInfo,
  type RoutineInfo,
} from "../model/catalog.ts";
import { originName } from "../model/origin.ts";

/** One thing that is in force, and where SQL says so. */
interface Fact {
  readonly text: string;
  readonly at?: string | undefined;
}
/** What is in force for one object. A list says what was added to it and removed from it, a text what it was and is. */
type Facts = Readonly<Record<string, Fact | readonly Fact[]>>;
export type Rules = Pick<
  Catalog,
  "relations" | "routines" | "roles" | "defaultPrivileges" | "definitions" | "origins"
>;

/** What is in force otherwise than before: policies, grants, owners, functions, roles, default privileges. */
export function ruleChanges(before: Rules, after: Rules): readonly string[] {
  return [
    ...compared(inForce(before), inForce(after)),
    ...defaultsCompared(before, after),
    ...definitionsCompared(before, after),
  ];
}

/** Functions and views of any schema: helpers of policies are rarely in one that personas reach. */
function definitionsCompared(before: Rules, after: Rules): readonly string[] {
  const [was, is] = [before.definitions, after.definitions];
  if (was === undefined || is === undefined) return [];
  const sources = sourcesOf(after);
  return Object.keys({ ...was, ...is })
    .toSorted()
    .filter((name) => was[name] !== is[name])
    .map((name) => {
      const what = was[name] === undefined ? "new" : is[name] === undefined ? "gone" : "another one now";
      return `${name}: the definition is ${what}${byText(sources.ofDefinition(name))}`;
    });
}

function inForce(rules: Rules): ReadonlyMap<string, Facts> {
  const { relations, routines, roles } = rules;
  const sources = sourcesOf(rules);
  return new Map([
    ...relations.map(
      (one) => [`${one.kind} ${one.schema}.${one.name}`, relationFacts(one, sources)] as const,
    ),
    ...routines.map((one) => [routineName(one), routineFacts(one, sources)] as const),
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
      { grants: plain(acl) },
    ]),
  );
}

const plain = (texts: readonly string[]): readonly Fact[] => texts.map((text) => ({ text }));
const onOff = (on: boolean, at?: string): Fact => ({ text: on ? "on" : "off", at });

/** Where SQL that rowgate applied defined an object. */
interface Sources {
  readonly of: (...named: Parameters<typeof originName>) => string | undefined;
  /** A function by its name, where only one is called so: SQL may spell the types of its arguments in another way. */
  readonly ofDefinition: (name: string) => string | undefined;
  /** A role and those whose privileges it has, PUBLIC among them. */
  readonly grantees: (role: string) => readonly string[];
}

function sourcesOf({ origins = {}, roles }: Rules): Sources {
  const inherited = new Map(roles.map(({ name, inherits }) => [name, inherits]));
  const names = Object.keys(origins);
  return {
    of: (named) => origins[originName(named)],
    ofDefinition: (name) => {
      const [begins = ""] = name
        .replace(/^(procedure|window) /, "function ")
        .replace(/^materialized /, "materialized view ")
        .split("(");
      const found = names.filter((one) => one === begins || one.startsWith(`${begins}(`));
      return found.length === 1 ? origins[found[0] ?? ""] : undefined;
    },
    grantees: (role) => [...new Set([role, ...(inherited.get(role) ?? []), "public"])],
  };
}

function relationFacts(one: RelationInfo, sources: Sources): Facts {
  const { schema, name: table } = one;
  const option = (name: string): string | undefined => sources.of({ kind: "option", schema, name, table });
  const view = one.kind === "view" ? sources.of({ kind: "view", schema, name: table }) : undefined;
  return {
    owner: { text: one.owner, at: option("owner") },
    "row-level security": onOff(one.rls, option("row-level security")),
    "FORCE ROW LEVEL SECURITY": onOff(one.forceRls, option("FORCE ROW LEVEL SECURITY")),
    security_invoker: onOff(one.securityInvoker, view),
    ...Object.fromEntries(
      one.policies.map((policy) => [
        `policy ${policy.name}`,
        { text: policySql(policy), at: sources.of({ kind: "policy", schema, name: policy.name, table }) },
      ]),
    ),
    ...Object.fromEntries(
      Object.entries(one.privileges).map(([role, held]) => [
        `privileges of ${role}`,
        privilegeList(held, one, (privilege, columns) => grantOf(privilege, columns, { one, role, sources })),
      ]),
    ),
  };
}

function privilegeList(
  held: Privileges,
  { columns }: RelationInfo,
  at: (privilege: string, columns: readonly string[]) => string | undefined,
): readonly Fact[] {
  const verbs = (["select", "insert", "update"] as const).filter((verb) => held[verb].length > 0);
  return [
    ...verbs.map((verb) => {
      const some = held[verb].length === columns.length ? [] : held[verb];
      const names = some.length === 0 ? "" : ` (${some.join(", ")})`;
      return { text: `${verb.toUpperCase()}${names}`, at: at(verb, some) };
    }),
    ...(["delete", "truncate"] as const)
      .filter((verb) => held[verb])
      .map((verb) => ({ text: verb.toUpperCase(), at: at(verb, []) })),
    ...(held.schemaUsage ? [{ text: "USAGE of the schema", at: at("usage", []) }] : []),
  ];
}

/** Of several grants, of columns or to several roles, all places. */
function grantOf(
  privilege: string,
  columns: readonly string[],
  { one, role, sources }: { readonly one: RelationInfo; readonly role: string; readonly sources: Sources },
): string | undefined {
  const { schema, name } = one;
  const on =
    privilege === "usage" ? ({ on: "schema", name: schema } as const) : ({ on: "table", name } as const);
  const found = sources
    .grantees(role)
    .flatMap((grantee) =>
      [undefined, ...columns].map((column) =>
        sources.of({ kind: "grant", schema, ...on, privilege, grantee, column }),
      ),
    );
  return placesText(found);
}

function placesText(places: readonly (string | undefined)[]): string | undefined {
  const known = [...new Set(places.filter((one) => one !== undefined))];
  return known.length === 0 ? undefined : known.join(", ");
}

function routineName(one: RoutineInfo): string {
  return `${one.kind} ${one.schema}.${one.name}(${one.arguments.map(({ type }) => type).join(", ")})`;
}

function routineFacts(one: RoutineInfo, sources: Sources): Facts {
  const at = sources.ofDefinition(routineName(one));
  const mayCall = Object.entries(one.privileges).filter(([, held]) => held.execute);
  return {
    owner: { text: one.owner },
    "SECURITY DEFINER": onOff(one.securityDefiner, at),
    settings: one.settings.map((text) => ({ text, at })),
    "roles with EXECUTE": plain(mayCall.map(([role]) => role)),
  };
}

function roleFacts(one: RoleInfo): Facts {
  return {
    SUPERUSER: onOff(one.superuser),
    BYPASSRLS: onOff(one.bypassRls),
    "inherited roles": plain(one.inherits),
    "roles that it may SET ROLE to": plain(one.mayBecome),
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

type Value = Facts[string] | undefined;

function changeOf(fact: string, was: Value, is: Value): readonly string[] {
  if (isOne(was) || isOne(is))
    return textChange(fact, isOne(was) ? was : undefined, isOne(is) ? is : undefined);
  const added = without(is, was);
  const removed = without(was, is);
  const changes = [
    ...(added.length === 0 ? [] : [`added ${listOf(added)}${byText(placesOf(added))}`]),
    ...(removed.length === 0 ? [] : [`removed ${listOf(removed)}${beforeText(placesOf(removed))}`]),
  ];
  return changes.length === 0 ? [] : [`${fact}: ${changes.join("; ")}`];
}

function isOne(value: Value): value is Fact {
  return value !== undefined && "text" in value;
}

function textChange(fact: string, was: Fact | undefined, is: Fact | undefined): readonly string[] {
  if (was?.text === is?.text) return [];
  if (is === undefined) return [`${fact} is gone; it was ${was?.text}${beforeText(was?.at)}`];
  if (was !== undefined) return [`${fact} was ${was.text}; it is ${is.text} now${byText(is.at)}`];
  return is.text === "off" ? [] : [`${fact} is new: ${is.text}${byText(is.at)}`];
}

function without(these: readonly Fact[] = [], those: readonly Fact[] = []): readonly Fact[] {
  return these.filter(({ text }) => !those.some((one) => one.text === text));
}

function listOf(facts: readonly Fact[]): string {
  return facts.map(({ text }) => text).join(", ");
}

function placesOf(facts: readonly Fact[]): string | undefined {
  return placesText(facts.flatMap(({ at }) => at?.split(", ")));
}

function byText(at: string | undefined): string {
  return at === undefined ? "" : `, by the SQL at ${at}`;
}

function beforeText(at: string | undefined): string {
  return at === undefined ? "" : `, by the SQL at ${at} of the earlier run`;
}
