import type { ClientBase } from "pg";
import type { LinkFailure } from "../../model/link-failure.ts";
import { quoteIdent } from "../../lib/sql-text.ts";
import { readSql } from "../../lib/sql-file.ts";
import { linkFailure } from "./link.ts";

/** Tries each role that exists: memberships by themselves do not say it for every version. */
export async function tryRoles(
  client: ClientBase,
  roles: readonly string[],
): Promise<ReadonlyMap<string, LinkFailure | null>> {
  const tried = new Map<string, LinkFailure | null>();
  for (const role of roles) {
    try {
      await client.query(`begin read only; set local role ${quoteIdent(role)}; rollback`);
      tried.set(role, null);
    } catch (error) {
      tried.set(role, linkFailure(error));
      await client.query("rollback");
    }
  }
  return tried;
}

/** Roles that a login may SET ROLE to, itself excepted: whom the gateway may become. */
export async function rolesOfGateway(
  client: ClientBase,
  login: string | undefined,
): Promise<readonly string[]> {
  if (login === undefined) return [];
  const { rows } = await client.query<{ name: string }>(readSql("doctor_gateway_roles.sql"), [login]);
  return rows.map(({ name }) => name);
}
