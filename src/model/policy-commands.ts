import type { PolicyInfo, RoleInfo } from "./catalog.ts";
import type { RelationOperation } from "./matrix.ts";

/**
 * The policies that Postgres asks for an operation; those FOR ALL besides.
 * Source: https://www.postgresql.org/docs/current/sql-createpolicy.html (“Policies Applied by Command Type”)
 */
export const policyCommands: Record<RelationOperation, readonly PolicyInfo["command"][]> = {
  select: ["select"],
  insert: ["insert"],
  update: ["update", "select"],
  delete: ["delete", "select"],
  blind_update: ["update"],
  blind_delete: ["delete"],
  upsert: ["insert", "update", "select"],
  truncate: [],
};

/** Whether a policy TO these roles is asked for a session of this role: they are its own, inherited, or everybody's. */
export function isFor(roles: readonly string[], { inherits }: Pick<RoleInfo, "inherits">): boolean {
  return roles.some((name) => name === "public" || inherits.includes(name));
}
