import type { Privileges, RelationInfo, RoleInfo } from "../model/catalog.ts";

/** Privileges of a table that a matrix's operations take, and their letters in `pg_class.relacl`. */
export const tablePrivileges = { select: "r", insert: "a", update: "w", delete: "d", truncate: "D" } as const;
export type TablePrivilege = keyof typeof tablePrivileges;

export const allPrivileges: readonly TablePrivilege[] = Object.keys(tablePrivileges) as TablePrivilege[];

interface AclEntry {
  /** `public` for everybody. */
  readonly grantee: string;
  readonly letters: string;
}

/** `anon=ar/postgres`, `=r/postgres`, `"my role"=r/postgres`. */
export function aclOf({ acl }: Pick<RelationInfo, "acl">): readonly AclEntry[] {
  return acl.flatMap((text) => {
    const [, quoted, plain = "", letters = ""] =
      /^(?:"((?:[^"]|"")*)"|([^=]*))=([a-zA-Z*]*)\//.exec(text) ?? [];
    const grantee = quoted === undefined ? plain : quoted.replaceAll('""', '"');
    return [{ grantee: grantee === "" ? "public" : grantee, letters }];
  });
}

/** The relation with a privilege more, or less, for a role and for all that inherit its rights. */
export function withPrivilege(
  info: RelationInfo,
  roles: readonly RoleInfo[],
  change: { readonly verb: "grant" | "revoke"; readonly privilege: TablePrivilege; readonly grantee: string },
): RelationInfo {
  const { verb, privilege, grantee } = change;
  const others = aclOf(info).filter(
    (entry) => entry.grantee !== grantee && entry.letters.includes(tablePrivileges[privilege]),
  );
  const privileges = Object.fromEntries(
    Object.entries(info.privileges).map(([name, held]): [string, Privileges] => {
      const role = roles.find((one) => one.name === name);
      if (role === undefined || role.superuser || !has(role, grantee)) return [name, held];
      const keeps = verb === "grant" || others.some((entry) => has(role, entry.grantee));
      return [name, withHeld(held, info, privilege, keeps)];
    }),
  );
  return { ...info, privileges };
}

export type ColumnPrivilege = "select" | "insert" | "update";

/** The relation with a privilege on one more column, for a role and for all that inherit its rights. */
export function withColumn(
  info: RelationInfo,
  roles: readonly RoleInfo[],
  change: { readonly privilege: ColumnPrivilege; readonly grantee: string; readonly column: string },
): RelationInfo {
  const { privilege, grantee, column } = change;
  const order = info.columns.map(({ name }) => name);
  const privileges = Object.fromEntries(
    Object.entries(info.privileges).map(([name, held]): [string, Privileges] => {
      const role = roles.find((one) => one.name === name);
      const columns = held[privilege];
      if (role === undefined || !has(role, grantee) || columns.includes(column)) return [name, held];
      const more = [...columns, column].toSorted((a, b) => order.indexOf(a) - order.indexOf(b));
      return [name, { ...held, [privilege]: more }];
    }),
  );
  return { ...info, privileges };
}

/** A privilege that is granted on one column. */
export interface ColumnGrant {
  /** Of the relation. */
  readonly oid: string;
  readonly column: string;
  readonly privilege: ColumnPrivilege;
  readonly grantee: string;
}

/** The relation with one grant on a column less, for all that hold the privilege by no other. */
export function withoutColumn(
  info: RelationInfo,
  roles: readonly RoleInfo[],
  grant: ColumnGrant,
  all: readonly ColumnGrant[],
): RelationInfo {
  const { privilege, column } = grant;
  const others = [
    ...aclOf(info).filter(({ letters }) => letters.includes(tablePrivileges[privilege])),
    ...all.filter(
      (one) =>
        one.oid === info.oid &&
        one.column === column &&
        one.privilege === privilege &&
        one.grantee !== grant.grantee,
    ),
  ].map(({ grantee }) => grantee);
  const privileges = Object.fromEntries(
    Object.entries(info.privileges).map(([name, held]): [string, Privileges] => {
      const role = roles.find((one) => one.name === name);
      const isKept =
        role === undefined ||
        role.superuser ||
        [info.owner, ...others].some((grantee) => has(role, grantee)) ||
        !has(role, grant.grantee);
      return [
        name,
        isKept ? held : { ...held, [privilege]: held[privilege].filter((one) => one !== column) },
      ];
    }),
  );
  return { ...info, privileges };
}

function has(role: RoleInfo, name: string): boolean {
  return name === "public" || role.inherits.includes(name);
}

function withHeld(
  held: Privileges,
  { columns }: RelationInfo,
  privilege: TablePrivilege,
  keeps: boolean,
): Privileges {
  const value =
    privilege === "delete" || privilege === "truncate" ? keeps : keeps ? columns.map(({ name }) => name) : [];
  return { ...held, [privilege]: value };
}
