import { readAcl } from "../lib/acl.ts";
import type { Captured } from "../model/baseline.ts";
import type { Catalog, DefaultPrivileges } from "../model/catalog.ts";
import type { Finding } from "../model/finding.ts";

type Proved = Pick<Catalog, "relations" | "roles" | "defaultPrivileges">;

/**
 * What new objects give to roles on the target that was captured, and not here, or the other way round. Only for roles that own
 * probed relations, as those that create objects, and only to roles that personas have.
 */
export function defaultPrivilegesDiffer(
  captured: Captured | undefined,
  { relations, roles, defaultPrivileges }: Proved,
  schemas: readonly string[],
): readonly Finding[] {
  if (captured === undefined || defaultPrivileges === undefined) return [];
  const owners = new Set(relations.map(({ owner }) => owner));
  const grantees = new Set<string | null>([null, ...roles.map(({ name }) => name)]);
  const asked = { owners, grantees, schemas: new Set<string | null>([null, ...schemas]) };
  const [there, here] = [captured.entries, defaultPrivileges].map((entries) => grantsOf(entries, asked));
  const onlyThere = difference(there, here);
  const onlyHere = difference(here, there);
  if (onlyThere.length + onlyHere.length === 0) return [];
  const { target, capturedAt } = captured;
  return [{ kind: "default-privileges-differ", target, capturedAt, onlyThere, onlyHere }];
}

interface Asked {
  readonly owners: ReadonlySet<string>;
  readonly grantees: ReadonlySet<string | null>;
  readonly schemas: ReadonlySet<string | null>;
}

/** What Postgres gives to PUBLIC where no entry without a schema says otherwise. */
const builtIn: Readonly<Record<string, string>> = { functions: "EXECUTE", types: "USAGE" };

/** “on new tables of postgres in public to anon” → privileges. MAINTAIN, which only Postgres 17 has, gives no access to a row. */
function grantsOf(
  entries: readonly DefaultPrivileges[],
  { owners, grantees, schemas }: Asked,
): ReadonlyMap<string, ReadonlySet<string>> {
  const grants = new Map<string, Set<string>>();
  const add = (
    owner: string,
    objects: string,
    schema: string | null,
    to: string | null,
    what: string,
  ): void => {
    const place = `on new ${objects} of ${owner}${schema === null ? "" : ` in ${schema}`} to ${to ?? "PUBLIC"}`;
    grants.set(place, (grants.get(place) ?? new Set()).add(what));
  };
  const whole = new Set(
    entries.filter(({ schema }) => schema === null).map(({ owner, objects }) => `${owner}\n${objects}`),
  );
  for (const owner of owners)
    for (const [objects, privilege] of Object.entries(builtIn))
      if (!whole.has(`${owner}\n${objects}`)) add(owner, objects, null, null, privilege);
  for (const { owner, schema, objects, acl } of entries)
    for (const { grantee, privilege } of owners.has(owner) && schemas.has(schema) ? acl.flatMap(readAcl) : [])
      if (grantee !== owner && grantees.has(grantee) && privilege !== "MAINTAIN")
        add(owner, objects, schema, grantee, privilege);
  return grants;
}

function difference(
  of: ReadonlyMap<string, ReadonlySet<string>> | undefined,
  other: ReadonlyMap<string, ReadonlySet<string>> | undefined,
): readonly string[] {
  return [...(of ?? [])].flatMap(([place, held]) => {
    const more = [...held].filter((one) => other?.get(place)?.has(one) !== true);
    return more.length === 0 ? [] : [`${more.join(", ")} ${place}`];
  });
}
