import type { PolicyInfo, RelationInfo } from "../model/catalog.ts";
import { quoteIdent, quoteQualified } from "../lib/sql-text.ts";

export const roleSql = (role: string): string => (role === "public" ? "public" : quoteIdent(role));

export function dropPolicySql(relation: RelationInfo, { name }: PolicyInfo): string {
  return `drop policy ${quoteIdent(name)} on ${quoteQualified(relation)}`;
}

export function createPolicySql(relation: RelationInfo, policy: PolicyInfo): string {
  const { name, permissive, command, roles, using, check } = policy;
  return [
    `create policy ${quoteIdent(name)} on ${quoteQualified(relation)}`,
    `as ${permissive ? "permissive" : "restrictive"} for ${command} to ${roles.map(roleSql).join(", ")}`,
    ...(using === null ? [] : [`using (${using})`]),
    ...(check === null ? [] : [`with check (${check})`]),
  ].join(" ");
}

export function grantSql(
  verb: "grant" | "revoke",
  privilege: string,
  on: RelationInfo,
  role: string,
): string {
  return `${verb} ${privilege} on ${quoteQualified(on)} ${verb === "grant" ? "to" : "from"} ${roleSql(role)}`;
}

/** `ALTER VIEW` for views, `ALTER TABLE` for what has policies. */
export function alterSql(relation: RelationInfo, what: string): string {
  const kind = relation.kind === "view" ? "view" : "table";
  return `alter ${kind} ${quoteQualified(relation)} ${what}`;
}
