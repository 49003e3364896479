import type { Catalog, RelationInfo, RoutineInfo } from "../model/catalog.ts";
import type { Finding } from "../model/finding.ts";
import type { Matrix } from "../model/matrix.ts";
import { signatureOf } from "../model/routine.ts";
import { formatQualified } from "../lib/sql-text.ts";
import { holdsAnything, isExposed, mayCall } from "./within-reach.ts";

/** Roles that somebody gave something on a declared relation, and of whom the matrix says nothing. */
export function unprobedRoles(
  { relations, personas }: Matrix,
  catalog: Catalog,
  anonRole: string | undefined,
): readonly Finding[] {
  const declared = new Set(relations.map((one) => formatQualified(one)));
  const asking = new Set(personas.map(({ role }) => role));
  // What a persona's role inherits is the persona's.
  const probed = new Set(
    catalog.roles.filter(({ name }) => asking.has(name)).flatMap(({ name, inherits }) => [name, ...inherits]),
  );
  const held = new Map<string, string[]>();
  for (const info of catalog.relations) {
    const name = formatQualified(info);
    if (!declared.has(name)) continue;
    for (const role of granteesOf(info)) {
      if (probed.has(role) || role === catalog.login.name || role === anonRole) continue;
      held.set(role, [...(held.get(role) ?? []), name]);
    }
  }
  return [...held].map(([role, of]) => ({ kind: "unprobed-role", role, relations: of }));
}

/** A gateway lets everybody be this role. */
export function unprobedAnon(
  { relations, personas, exposes }: Matrix,
  catalog: Catalog,
  anonRole: string | undefined,
  functions: ReadonlySet<string>,
): readonly Finding[] {
  if (anonRole === undefined) return [];
  if (personas.some(({ role, login }) => role === anonRole && login === undefined)) return [];
  const declared = new Set(relations.map((one) => formatQualified(one)));
  const held = catalog.relations.filter(
    (info) => declared.has(formatQualified(info)) && holdsAnything(info.privileges[anonRole]),
  );
  // What some persona may call and nobody declares is told of by itself.
  const told = (one: RoutineInfo): boolean =>
    !functions.has(one.oid) && personas.some(({ role }) => mayCall(one, role));
  const called = catalog.routines
    .filter((one) => one.securityDefiner && !one.helps && isExposed(one, exposes))
    .filter((one) => mayCall(one, anonRole) && !told(one));
  const reaches = [...held.map((one) => formatQualified(one)), ...called.map((one) => signatureOf(one))];
  return reaches.length === 0 ? [] : [{ kind: "unprobed-anonymous-role", role: anonRole, reaches }];
}

/** `"odd name"=arwd/owner` → the role; PUBLIC has no name, and the owner needs no grant. */
function granteesOf({ acl, owner }: RelationInfo): readonly string[] {
  return acl
    .map((item) => /^(?:"((?:[^"]|"")*)"|([^=]*))=/.exec(item))
    .map((found) => found?.[1]?.replaceAll('""', '"') ?? found?.[2] ?? "")
    .filter((role) => role !== "" && role !== owner);
}
