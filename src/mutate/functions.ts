import type { ClientBase } from "pg";
import type { Catalog, RelationInfo, RoleInfo } from "../model/catalog.ts";
import { isFor } from "../model/operations.ts";
import { readSql } from "../lib/sql-file.ts";
import { formatQualified, quoteIdent, quoteQualified } from "../lib/sql-text.ts";
import { functionRelation } from "../plan/routine.ts";
import { roleSql } from "./ddl.ts";
import { allPrivileges } from "./privileges.ts";
import { allCommands, type Mutant } from "./mutant.ts";

/*
 * Changes of what is no relation: functions that policies call or the matrix asks about, and memberships of roles. Where a mutant
 * takes a relation there is the function, or role, seen as one that has neither rows nor policies.
 */

export interface FunctionSource {
  readonly oid: string;
  readonly schema: string;
  readonly name: string;
  /** As CREATE FUNCTION takes them, and as other commands do. */
  readonly arguments: string;
  readonly signature: string;
  readonly result: string;
  readonly definition: string;
  readonly withoutValue: boolean;
  readonly definer: boolean;
  readonly owner: string;
  /** It sets a search path of its own. */
  readonly pinned: boolean;
  /** Who may call it: `public` for everybody. */
  readonly grantees: readonly string[];
  /** Roles without USAGE on its schema. */
  readonly closedTo: readonly string[];
  /** A policy calls it. */
  readonly helps: boolean;
}

export async function readFunctions(
  client: ClientBase,
  asked: readonly string[],
): Promise<readonly FunctionSource[]> {
  return (await client.query<FunctionSource>(readSql("mutate_functions.sql"), [asked])).rows;
}

interface FunctionChange {
  readonly operator: string;
  readonly from: string;
  readonly to: string;
  readonly ddl: string;
  readonly roles?: readonly string[];
  readonly executes?: string | undefined;
}

/** All of them are of the full set. */
export function functionMutants(
  functions: readonly FunctionSource[],
  roles: readonly RoleInfo[],
): readonly Mutant[] {
  return functions.flatMap((one) =>
    [...bodies(one), ...options(one), ...calls(one, roles)].map(
      ({ ddl, roles: about = ["public"], ...change }): Mutant => ({
        ...change,
        relation: `${formatQualified(one)}(${one.signature})`,
        subject: "function",
        ddl: [ddl],
        roles: about,
        alters: allCommands,
        after: functionRelation(one),
      }),
    ),
  );
}

/** What a policy's function says is a constant. */
function bodies(one: FunctionSource): readonly FunctionChange[] {
  if (!one.helps || one.withoutValue) return [];
  const body = (operator: string, value: string): FunctionChange => ({
    operator,
    from: "its body",
    to: `select ${value}`,
    ddl: `create or replace function ${quoteQualified(one)}(${one.arguments}) returns ${one.result} language sql stable as 'select ${value}'`,
  });
  const nothing = body("helper-null", `null::${one.result}`);
  return one.result === "boolean" ? [body("helper-true", "true"), nothing] : [nothing];
}

function options(one: FunctionSource): readonly FunctionChange[] {
  const alter = `alter function ${named(one)}`;
  const [from, to] = one.definer ? ["DEFINER", "INVOKER"] : ["INVOKER", "DEFINER"];
  const rights: FunctionChange = {
    operator: one.definer ? "definer-invoker" : "invoker-definer",
    from: `SECURITY ${from}`,
    to: `SECURITY ${to}`,
    ddl: `${alter} security ${to.toLowerCase()}`,
  };
  if (!one.pinned) return [rights];
  return [
    rights,
    {
      operator: "search-path-unpinned",
      from: "SET search_path",
      to: "the caller's search_path",
      ddl: `${alter} reset search_path`,
    },
  ];
}

function calls(one: FunctionSource, roles: readonly RoleInfo[]): readonly FunctionChange[] {
  const reach = new Set(["public", ...roles.flatMap(({ inherits }) => inherits)]);
  const lacking = roles.filter(
    ({ superuser, inherits }) =>
      !superuser &&
      ![...one.grantees, one.owner].some((name) => name === "public" || inherits.includes(name)),
  );
  const change = (verb: "grant" | "revoke", role: string): FunctionChange => {
    const [held, lacks] = [`${role} has EXECUTE`, `${role} has no EXECUTE`];
    return {
      operator: verb,
      from: verb === "grant" ? lacks : held,
      to: verb === "grant" ? held : lacks,
      ddl: `${verb} execute on function ${named(one)} ${verb === "grant" ? "to" : "from"} ${roleSql(role)}`,
      roles: [role],
      executes: verb === "grant" ? role : undefined,
    };
  };
  return [
    ...lacking.map(({ name }) => change("grant", name)),
    ...one.grantees
      .filter((grantee) => grantee !== one.owner && reach.has(grantee))
      .map((name) => change("revoke", name)),
  ];
}

function named(one: FunctionSource): string {
  return `${quoteQualified(one)}(${one.signature})`;
}

/** Each role of a persona may do what another's may, where that is more. A plan does not notice a new membership: these are asked about one by one. */
export function memberMutants(
  roles: readonly RoleInfo[],
  { relations, serverVersionNum }: Pick<Catalog, "relations" | "serverVersionNum">,
): readonly Mutant[] {
  const inherited = serverVersionNum >= 160_000 ? " with inherit true" : "";
  return roles.flatMap((member) =>
    roles
      .filter((other) => !other.superuser && relations.some((one) => isMore(one, other, member)))
      .map(
        ({ name }): Mutant => ({
          operator: "member",
          relation: `role ${member.name}`,
          subject: "memberships",
          from: `no member of ${name}`,
          to: `member of ${name}`,
          ddl: [`grant ${quoteIdent(name)} to ${quoteIdent(member.name)}${inherited}`],
          roles: [member.name],
          alters: allCommands,
          after: functionRelation({ oid: `role ${member.name}`, schema: "", name: member.name, owner: "" }),
          everywhere: true,
        }),
      ),
  );
}

/** What `other` may do with the relation, and `role` may not. */
function isMore({ privileges, policies }: RelationInfo, other: RoleInfo, role: RoleInfo): boolean {
  if (role.superuser || role.inherits.includes(other.name)) return false;
  const [more, less] = [privileges[other.name], privileges[role.name]];
  if (more === undefined || less === undefined) return false;
  const isPrivileged = allPrivileges.some((name) => {
    const [theirs, own] = [more[name], less[name]];
    return typeof theirs === "boolean" || typeof own === "boolean"
      ? theirs === true && own !== true
      : theirs.some((column) => !own.includes(column));
  });
  return (
    isPrivileged ||
    (!role.bypassRls && policies.some((one) => isFor(one.roles, other) && !isFor(one.roles, role)))
  );
}
