import type { GrantRoleStmt, Node, RangeVar } from "libpg-query";
import { DatabaseError } from "pg";
import { isCode } from "../../model/answers.ts";
import { storageDeletes } from "../../model/settings.ts";

/** How a statement is applied where migrations run as a role that is no superuser. */
export type Way =
  | { readonly kind: "own" }
  /** The platform runs it as its superuser on behalf of the project's owner. */
  | { readonly kind: "superuser" }
  /** The platform has run it, and refuses it today. */
  | { readonly kind: "former"; readonly setting: string; readonly because: string }
  | { readonly kind: "skip"; readonly because: string }
  | { readonly kind: "transaction" };

const own: Way = { kind: "own" };
const superuser: Way = { kind: "superuser" };

/** Tables whose policies and triggers a project's owner may change without owning them. */
const policyTables: Readonly<Record<string, readonly string[]>> = {
  auth: [
    "audit_log_entries",
    "flow_state",
    "identities",
    "instances",
    "mfa_amr_claims",
    "mfa_challenges",
    "mfa_factors",
    "oauth_clients",
    "one_time_tokens",
    "refresh_tokens",
    "saml_providers",
    "saml_relay_states",
    "sessions",
    "sso_domains",
    "sso_providers",
    "users",
  ],
  realtime: ["messages", "subscription"],
  storage: [
    "buckets",
    "buckets_analytics",
    "objects",
    "prefixes",
    "s3_multipart_uploads",
    "s3_multipart_uploads_parts",
  ],
};

function isPolicyTable(schema: string | undefined, name: string | undefined): boolean {
  return name !== undefined && (policyTables[schema ?? ""]?.includes(name) ?? false);
}

/** The kind of a node and what it holds: `{ CreateStmt: { … } }`. */
export function wayOf(node: Node): Way {
  if ("TransactionStmt" in node) return { kind: "transaction" };
  if ("CreateExtensionStmt" in node || "AlterExtensionStmt" in node) return superuser;
  if ("CreateEventTrigStmt" in node || "CreateFdwStmt" in node) return superuser;
  if ("CreatePublicationStmt" in node)
    return node.CreatePublicationStmt.for_all_tables === true ? superuser : own;
  if ("CreatePolicyStmt" in node) return policyWay(node.CreatePolicyStmt.table);
  if ("AlterPolicyStmt" in node) return policyWay(node.AlterPolicyStmt.table);
  if ("DropStmt" in node) return dropWay(node.DropStmt.removeType, node.DropStmt.objects);
  if ("CommentStmt" in node) return commentWay(node.CommentStmt.objtype, node.CommentStmt.object);
  if ("AlterSystemStmt" in node)
    return { kind: "skip", because: "a setting of the server, which a migration does not change" };
  if ("CreateSubscriptionStmt" in node || "AlterSubscriptionStmt" in node || "DropSubscriptionStmt" in node)
    return { kind: "skip", because: "replication from another server, which does not exist here" };
  if ("VariableSetStmt" in node && node.VariableSetStmt.name === "session_replication_role") return superuser;
  if ("AlterRoleSetStmt" in node)
    return roleSettingWay(node.AlterRoleSetStmt.role?.rolename, node.AlterRoleSetStmt.setstmt?.name);
  if ("DeleteStmt" in node) return deleteWay(node.DeleteStmt.relation);
  if ("AlterTableStmt" in node) return alterTableWay(node.AlterTableStmt.relation, node.AlterTableStmt.cmds);
  return own;
}

/** Settings that the platform lets a project's owner give to roles, though they are a superuser's, or of a module that is not loaded. */
const ownersSettings =
  /^(?:auto_explain|pgaudit|pg_stat_statements|pgrst|plan_filter)\.|^log_|^(?:pg_net\.(?:ttl|batch_size)|safeupdate\.enabled|session_replication_role|track_io_timing|wal_compression)$/i;

/** Roles of the platform's services, whose settings are its own business. */
const servicesRoles = /^(?:supabase_\w+|dashboard_user|pgbouncer)$/;

function roleSettingWay(role: string | undefined, setting: string | undefined): Way {
  const isOwners = role !== undefined && !servicesRoles.test(role);
  return isOwners && setting !== undefined && ownersSettings.test(setting) ? superuser : own;
}

/** Migrations that have run stay in the folder: what the storage server's trigger refuses since 2026 did run in its day. */
function deleteWay(table: RangeVar | undefined): Way {
  if (table?.schemaname !== "storage") return own;
  const because = "run, although today's storage server refuses it: on a new project this statement fails";
  return { kind: "former", setting: storageDeletes.name, because };
}

function policyWay(table: RangeVar | undefined): Way {
  return isPolicyTable(table?.schemaname, table?.relname) ? superuser : own;
}

/** `schema, table, policy`, as the parser lists the names of a policy or a trigger. */
function namesOf(object: Node | undefined): readonly string[] {
  if (object === undefined || !("List" in object)) return [];
  return (object.List.items ?? []).flatMap((item) => ("String" in item ? [item.String.sval ?? ""] : []));
}

function ofTable(object: Node | undefined): Way {
  const [schema, table] = namesOf(object);
  return isPolicyTable(schema, table) ? superuser : own;
}

function dropWay(type: string | undefined, objects: readonly Node[] | undefined): Way {
  if (type === "OBJECT_EXTENSION") return superuser;
  return type === "OBJECT_POLICY" || type === "OBJECT_TRIGGER" ? ofTable(objects?.[0]) : own;
}

function commentWay(type: string | undefined, object: Node | undefined): Way {
  if (type === "OBJECT_EXTENSION") return superuser;
  return type === "OBJECT_POLICY" ? ofTable(object) : own;
}

/** Old migrations switch row security on where the platform has it on already; today it refuses them. */
function alterTableWay(table: RangeVar | undefined, commands: readonly Node[] | undefined): Way {
  if (!isPolicyTable(table?.schemaname, table?.relname)) return own;
  const harmless = (commands ?? []).every(
    (one) => "AlterTableCmd" in one && one.AlterTableCmd.subtype === "AT_EnableRowSecurity",
  );
  const because = `row security of ${table?.schemaname}.${table?.relname} is on already, and the table is not yours on the platform`;
  return harmless ? { kind: "skip", because } : own;
}

/** One that the platform had at the time may exist nowhere else; what is installed serves. Of the same length: positions hold. */
export function withoutVersion(createExtension: string): string {
  return createExtension.replace(/\bversion\s+(?:'[^']*'|"[^"]*"|[\w.]+)/i, (clause) =>
    " ".repeat(clause.length),
  );
}

/** `cli_login_postgres`: no user of the API, and not the project's own. */
function isToCliLogin({ grantee_roles: grantees = [] }: GrantRoleStmt): boolean {
  return grantees.every(
    (one) => "RoleSpec" in one && one.RoleSpec.rolename?.startsWith("cli_login_") === true,
  );
}

/** Why a statement that failed is left out rather than in the way: no access rests on it, and only another server could run it. */
export function whySkipped(node: Node, error: Error): string | undefined {
  if (!(error instanceof DatabaseError)) return undefined;
  if ("IndexStmt" in node && node.IndexStmt.unique !== true && isCode(error.code, "undefinedObject"))
    return `an index that only an extension could build (${error.message}); no access rests on it`;
  if ("CreatePublicationStmt" in node && isCode(error.code, "duplicateObject"))
    return `${error.message}: the platform brings it; what is added to it is applied`;
  // Another role's.
  if (
    "AlterDefaultPrivilegesStmt" in node &&
    isCode(error.code, "insufficientPrivilege") &&
    JSON.stringify(node).includes('"supabase_admin"')
  )
    return "default privileges of supabase_admin are the platform's, which refuses this too; a dump repeats what is there";
  if (
    "GrantRoleStmt" in node &&
    isCode(error.code, "insufficientPrivilege") &&
    isToCliLogin(node.GrantRoleStmt)
  )
    return "a membership of the login that the platform makes for Supabase's CLI, for some minutes";
  if (/wal_level/.test(error.message) && isCode(error.code, "wrongState"))
    return "a replication slot, which needs a server with wal_level = logical; no access rests on it";
  return undefined;
}
