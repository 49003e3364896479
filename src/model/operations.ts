import type { PolicyInfo, Privileges, RoleInfo } from "./catalog.ts";
import type { Operation } from "./matrix.ts";

export type WriteEvent = "insert" | "update" | "delete";

/** What an operation is, for all that deals with it: a new one is an entry here and what is really new about it. */
export interface OperationInfo {
  /** The privileges that it takes. A filtered write reads a column, which takes SELECT as well. */
  readonly privileges: readonly ("select" | WriteEvent | "truncate")[];
  /**
   * The policies that Postgres asks; those FOR ALL besides.
   * Source: https://www.postgresql.org/docs/current/sql-createpolicy.html (“Policies Applied by Command Type”)
   */
  readonly policies: readonly PolicyInfo["command"][];
  /** What happens to rows, as triggers and rules call it; what the relation must take. */
  readonly events: readonly WriteEvent[];
  /** A policy can raise: a USING clause filters in silence, a WITH CHECK refuses. */
  readonly checked: boolean;
  /** Rows come back, and nothing else happens. */
  readonly reads: boolean;
  /** It can be sent about one row at a time. */
  readonly rowByRow: boolean;
  /** It reads no column, so that no SELECT policy applies: all or nothing. */
  readonly blind: boolean;
  /** Values are tried until one is taken. */
  readonly setsValues: boolean;
  /** Unless the matrix lists it, it is held to what this one declares. */
  readonly follows?: Operation;
  /** What PostgREST calls the request; none: it has no such request. */
  readonly method: string | undefined;
  /** Why PostgREST cannot be asked. */
  readonly notOnRest?: string;
}

const asks = {
  events: [],
  checked: false,
  reads: true,
  rowByRow: false,
  blind: false,
  setsValues: false,
  method: "GET",
} as const;
const write = { reads: false, rowByRow: false, blind: false } as const;

export const operationInfo: Readonly<Record<Operation, OperationInfo>> = {
  select: {
    privileges: ["select"],
    policies: ["select"],
    ...asks,
  },
  insert: {
    ...write,
    privileges: ["insert"],
    policies: ["insert"],
    events: ["insert"],
    checked: true,
    setsValues: false,
    method: "POST",
  },
  update: {
    ...write,
    privileges: ["update", "select"],
    policies: ["update", "select"],
    events: ["update"],
    checked: true,
    rowByRow: true,
    setsValues: true,
    method: "PATCH",
  },
  delete: {
    ...write,
    privileges: ["delete", "select"],
    policies: ["delete", "select"],
    events: ["delete"],
    checked: false,
    rowByRow: true,
    setsValues: false,
    method: "DELETE",
  },
  blind_update: {
    ...write,
    privileges: ["update"],
    policies: ["update"],
    events: ["update"],
    checked: true,
    blind: true,
    setsValues: true,
    follows: "update",
    method: "PATCH",
  },
  blind_delete: {
    ...write,
    privileges: ["delete"],
    policies: ["delete"],
    events: ["delete"],
    checked: false,
    blind: true,
    setsValues: false,
    follows: "delete",
    method: "DELETE",
  },
  upsert: {
    ...write,
    privileges: ["insert", "update", "select"],
    policies: ["insert", "update", "select"],
    events: ["insert", "update"],
    checked: true,
    setsValues: false,
    method: "POST",
  },
  truncate: {
    ...write,
    privileges: ["truncate"],
    policies: [],
    events: [],
    checked: false,
    setsValues: false,
    method: undefined,
    notOnRest: "PostgREST has no TRUNCATE",
  },
  execute: {
    privileges: [],
    policies: [],
    ...asks,
  },
};

/** The first privilege that the operation takes and the role holds on no column; USAGE on the schema is another question. */
export function missingPrivilege(
  held: Privileges,
  operation: Operation,
): OperationInfo["privileges"][number] | undefined {
  return operationInfo[operation].privileges.find((name) => {
    const granted = held[name];
    return typeof granted === "boolean" ? !granted : granted.length === 0;
  });
}

/** The role holds what the operation takes, on some column at least; USAGE on the schema is another question. */
export function holdsPrivileges(held: Privileges, operation: Operation): boolean {
  return missingPrivilege(held, operation) === undefined;
}

/** Whether a policy TO these roles is asked for a session of this role: they are its own, inherited, or everybody's. */
export function isFor(roles: readonly string[], { inherits }: Pick<RoleInfo, "inherits">): boolean {
  return roles.some((name) => name === "public" || inherits.includes(name));
}
