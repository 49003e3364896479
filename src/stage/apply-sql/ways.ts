import type { Node, RangeVar } from "libpg-query";

/** How a statement is applied where migrations run as a role that is no superuser. */
export type Way =
  | { readonly kind: "own" }
  /** The platform runs it as its superuser on behalf of the project's owner. */
  | { readonly kind: "superuser" }
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
  if ("VariableSetStmt" in node && node.VariableSetStmt.name === "session_replication_role") return superuser;
  if ("AlterTableStmt" in node) return alterTableWay(node.AlterTableStmt.relation, node.AlterTableStmt.cmds);
  return own;
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
