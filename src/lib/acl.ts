/** One privilege of an ACL: `anon=r/postgres` gives anon SELECT; a star behind a letter is the grant option. */
export interface AclGrant {
  /** `null`: PUBLIC. */
  readonly grantee: string | null;
  readonly privilege: string;
  readonly grantable: boolean;
}

/** https://www.postgresql.org/docs/current/ddl-priv.html, table 5.1 */
const letters: Readonly<Record<string, string>> = {
  r: "SELECT",
  a: "INSERT",
  w: "UPDATE",
  d: "DELETE",
  D: "TRUNCATE",
  x: "REFERENCES",
  t: "TRIGGER",
  m: "MAINTAIN",
  X: "EXECUTE",
  U: "USAGE",
  C: "CREATE",
};

/** Reads an item as `aclitem::text` prints it; a name that is not plain stands in double quotes. */
export function readAcl(item: string): readonly AclGrant[] {
  const [, quoted, plain = "", held = ""] = /^(?:"((?:[^"]|"")*)"|([^="]*))=([a-zA-Z*]*)\//.exec(item) ?? [];
  const name = quoted?.replaceAll('""', '"') ?? plain;
  return [...held.matchAll(/([a-zA-Z])(\*?)/g)].flatMap(([, letter = "", star]) => {
    const privilege = letters[letter];
    return privilege === undefined
      ? []
      : [{ grantee: name === "" ? null : name, privilege, grantable: star === "*" }];
  });
}
