import type { Catalog, RelationInfo } from "../model/catalog.ts";
import type { Finding } from "../model/finding.ts";
import type { Matrix } from "../model/matrix.ts";
import { formatQualified } from "../model/sql-text.ts";

/** Roles that somebody gave something on a declared relation, and of whom the matrix says nothing. */
export function unprobedRoles({ relations, personas }: Matrix, catalog: Catalog): readonly Finding[] {
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
      if (probed.has(role) || role === catalog.login.name) continue;
      held.set(role, [...(held.get(role) ?? []), name]);
    }
  }
  return [...held].map(([role, of]) => ({ kind: "unprobed-role", role, relations: of }));
}

/** `"odd name"=arwd/owner` → the role; PUBLIC has no name, and the owner needs no grant. */
function granteesOf({ acl, owner }: RelationInfo): readonly string[] {
  return acl
    .map((item) => /^(?:"((?:[^"]|"")*)"|([^=]*))=/.exec(item))
    .map((found) => found?.[1]?.replaceAll('""', '"') ?? found?.[2] ?? "")
    .filter((role) => role !== "" && role !== owner);
}
