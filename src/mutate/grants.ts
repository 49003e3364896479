import type { RelationInfo, RoleInfo } from "../model/catalog.ts";
import { quoteIdent } from "../lib/sql-text.ts";
import { grantSql } from "./ddl.ts";
import type { Change } from "./mutant.ts";
import {
  aclOf,
  allPrivileges,
  type ColumnGrant,
  type TablePrivilege,
  tablePrivileges,
  withColumn,
  withoutColumn,
  withPrivilege,
} from "./privileges.ts";

/* A privilege more, or less, for a role. */

/** To each role of a persona that lacks it. */
export function granted(relation: RelationInfo, roles: readonly RoleInfo[]): readonly Change[] {
  return roles.flatMap((role) => {
    const held = relation.privileges[role.name];
    if (role.superuser || held === undefined) return [];
    const takes = (privilege: TablePrivilege): boolean =>
      relation.kind === "table" ||
      relation.kind === "partitioned" ||
      privilege === "select" ||
      (privilege !== "truncate" && relation.accepts.includes(privilege));
    return allPrivileges
      .filter((privilege) => {
        const now = held[privilege];
        return takes(privilege) && (typeof now === "boolean" ? !now : now.length < relation.columns.length);
      })
      .map((privilege) => grantChange(relation, roles, "grant", privilege, role.name));
  });
}

/** Where a role holds a privilege on some of the columns: each of the others. */
export function grantedColumns(relation: RelationInfo, roles: readonly RoleInfo[]): readonly Change[] {
  return roles.flatMap((role) =>
    (["select", "insert", "update"] as const).flatMap((privilege) => {
      const held = relation.privileges[role.name]?.[privilege] ?? [];
      if (role.superuser || held.length === 0) return [];
      return relation.columns
        .filter(({ name }) => !held.includes(name))
        .map(({ name, generated }) => {
          const change = { privilege, grantee: role.name, column: name };
          return {
            ...columnChange(relation, "grant", change, withColumn(relation, roles, change)),
            equivalent:
              generated && privilege !== "select"
                ? "the column is generated: a write may send nothing but DEFAULT for it"
                : undefined,
          };
        });
    }),
  );
}

/** Each grant on a column, from a grantee that some persona's role is, or inherits from. */
export function revokedColumns(
  relation: RelationInfo,
  roles: readonly RoleInfo[],
  grants: readonly ColumnGrant[],
): readonly Change[] {
  const reach = new Set(["public", ...roles.flatMap(({ inherits }) => inherits)]);
  return grants
    .filter(({ oid, grantee }) => oid === relation.oid && grantee !== relation.owner && reach.has(grantee))
    .map((grant) => {
      const after = withoutColumn(relation, roles, grant, grants);
      const isSame = JSON.stringify(after.privileges) === JSON.stringify(relation.privileges);
      return {
        ...columnChange(relation, "revoke", grant, after),
        equivalent: isSame ? "each role that holds it holds it by another grant as well" : undefined,
      };
    });
}

function columnChange(
  relation: RelationInfo,
  verb: "grant" | "revoke",
  { privilege, grantee, column }: Omit<ColumnGrant, "oid">,
  after: RelationInfo,
): Change {
  const name = `${privilege.toUpperCase()} (${column})`;
  const [held, lacks] = [`${grantee} has ${name}`, `${grantee} has no ${name}`];
  return {
    subject: `grants to ${grantee}`,
    from: verb === "grant" ? lacks : held,
    to: verb === "grant" ? held : lacks,
    alters: privilege,
    roles: [grantee],
    ddl: [grantSql(verb, `${privilege} (${quoteIdent(column)})`, relation, grantee)],
    after,
  };
}

/** From each grantee that some persona's role is, or inherits from. */
export function revoked(relation: RelationInfo, roles: readonly RoleInfo[]): readonly Change[] {
  const reach = new Set(["public", ...roles.flatMap(({ inherits }) => inherits)]);
  return aclOf(relation)
    .filter(({ grantee }) => grantee !== relation.owner && reach.has(grantee))
    .flatMap(({ grantee, letters }) =>
      allPrivileges
        .filter((privilege) => letters.includes(tablePrivileges[privilege]))
        .map((privilege) => grantChange(relation, roles, "revoke", privilege, grantee)),
    );
}

function grantChange(
  relation: RelationInfo,
  roles: readonly RoleInfo[],
  verb: "grant" | "revoke",
  privilege: TablePrivilege,
  grantee: string,
): Change {
  const name = privilege.toUpperCase();
  const held = `${grantee} has ${name}`;
  const lacks = `${grantee} has no ${name}`;
  return {
    subject: `grants to ${grantee}`,
    from: verb === "grant" ? lacks : held,
    to: verb === "grant" ? held : lacks,
    alters: privilege,
    roles: [grantee],
    ddl: [grantSql(verb, privilege, relation, grantee)],
    after: withPrivilege(relation, roles, { verb, privilege, grantee }),
  };
}
