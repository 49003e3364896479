import type { Client } from "pg";
import { readSql } from "../../lib/sql-file.ts";

interface RoleState {
  readonly name: string;
  /** Attributes and settings, as text. */
  readonly is: string;
  /** `<role> usage` and `<role> member`. */
  readonly reaches: readonly string[];
}

export async function readRoles(client: Client): Promise<readonly RoleState[]> {
  return (await client.query<RoleState>(readSql("embedded_roles.sql"))).rows;
}

/** Roles that are not what they were. What a role gained over one that is new says nothing to anybody else. */
export function changedRoles(before: readonly RoleState[], after: readonly RoleState[]): readonly string[] {
  const stood = new Set(before.map(({ name }) => name));
  const now = new Map(after.map((role) => [role.name, stateAmong(role, stood)]));
  return before.filter((role) => now.get(role.name) !== stateAmong(role, stood)).map(({ name }) => name);
}

function stateAmong({ is, reaches }: RoleState, stood: ReadonlySet<string>): string {
  const among = reaches.filter((one) => stood.has(one.slice(0, one.lastIndexOf(" "))));
  return JSON.stringify([is, among]);
}
