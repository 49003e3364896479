import type { QualifiedName } from "../lib/sql-text.ts";

/** `pg_class.relkind`, spelled out. */
/** `function`: what a call returns, seen as a relation. */
export type RelationKind = "table" | "partitioned" | "view" | "materialized" | "foreign" | "function";

export interface ColumnInfo {
  readonly name: string;
  /** As `format_type` prints it. */
  readonly type: string;
  readonly notNull: boolean;
  readonly hasDefault: boolean;
  /** `always` and generated columns cannot be written. */
  readonly identity: "always" | "by default" | null;
  readonly generated: boolean;
  /** Its values are rows: one that holds nothing but NULLs is a value, and NULL to PostgREST's `is`. */
  readonly composite?: boolean;
  /** A domain checks its constraint before any policy is asked. */
  readonly domain: boolean;
}

export interface PolicyInfo {
  readonly name: string;
  readonly command: "select" | "insert" | "update" | "delete" | "all";
  readonly permissive: boolean;
  /** `public` means every role. */
  readonly roles: readonly string[];
  readonly using: string | null;
  readonly check: string | null;
}

/** As SQL would say it. */
export function policySql({ name, command, permissive, roles, using, check }: PolicyInfo): string {
  return [
    `policy "${name}"${permissive ? "" : " AS RESTRICTIVE"} FOR ${command.toUpperCase()} TO ${roles.join(", ")}`,
    ...(using === null ? [] : [`USING (${using})`]),
    ...(check === null ? [] : [`WITH CHECK (${check})`]),
  ].join(" ");
}

export interface TriggerInfo {
  readonly name: string;
  readonly timing: "before" | "after" | "instead of";
  readonly level: "row" | "statement";
  readonly events: readonly ("insert" | "update" | "delete" | "truncate")[];
  readonly function: string;
  readonly enabled: boolean;
}

export interface ConstraintInfo {
  readonly name: string;
  readonly type: "primary key" | "unique" | "foreign key" | "check" | "exclusion" | "not null" | "trigger";
  readonly columns: readonly string[];
  /** For a foreign key: the relation it points to. */
  readonly references: QualifiedName | null;
  /** For a foreign key: what becomes of this relation's rows when the one that they point to is deleted. */
  readonly onDelete?: "cascade" | "set" | null;
}

/** What a role holds on a relation, grants to PUBLIC and inherited roles included. */
export interface Privileges {
  readonly schemaUsage: boolean;
  readonly delete: boolean;
  readonly truncate: boolean;
  /** Columns with the privilege, whether through the table or by themselves. */
  readonly select: readonly string[];
  readonly insert: readonly string[];
  readonly update: readonly string[];
}

export interface RelationInfo extends QualifiedName {
  readonly oid: string;
  readonly kind: RelationKind;
  readonly owner: string;
  readonly rls: boolean;
  readonly forceRls: boolean;
  /** Views: `security_invoker`. */
  readonly securityInvoker: boolean;
  readonly isPartition: boolean;
  /** Writes that the relation supports at all, for any role: a view over a join supports none. */
  readonly accepts: readonly ("insert" | "update" | "delete")[];
  readonly columns: readonly ColumnInfo[];
  readonly primaryKey: readonly string[];
  /** Column lists of unique, non-partial, not-null indexes other than the primary key. */
  readonly uniqueKeys: readonly (readonly string[])[];
  readonly constraints: readonly ConstraintInfo[];
  readonly policies: readonly PolicyInfo[];
  readonly triggers: readonly TriggerInfo[];
  readonly rules: readonly string[];
  /** Relations that a view reads directly. */
  readonly reads: readonly QualifiedName[];
  /** Role name → what it holds here. Holds every role that a persona uses. */
  readonly privileges: Readonly<Record<string, Privileges>>;
  /** As `relacl` prints it, for the archive. */
  readonly acl: readonly string[];
}

/** What goes into a function. */
export interface ArgumentInfo {
  /** Empty for an argument without a name. */
  readonly name: string;
  /** As `format_type` prints it. */
  readonly type: string;
  /** The type as SQL can name it under any search_path; `null` for a polymorphic pseudo-type, which takes what comes. */
  readonly cast: string | null;
  readonly required: boolean;
  readonly variadic: boolean;
  /** As `pg_get_function_arg_default` prints it. */
  readonly default?: string | null | undefined;
}

/** What a role may do with a function, grants to PUBLIC and inherited roles included. */
export interface RoutinePrivileges {
  readonly schemaUsage: boolean;
  readonly execute: boolean;
}

export interface RoutineInfo extends QualifiedName {
  readonly oid: string;
  readonly kind: "function" | "procedure" | "aggregate" | "window";
  /** What goes in, in order of declaration. */
  readonly arguments: readonly ArgumentInfo[];
  readonly returnsSet: boolean;
  /** `record`: a row whose columns only the caller could name. */
  readonly returns: "nothing" | "value" | "row" | "record";
  /** As `pg_get_function_result` prints it. */
  readonly result: string;
  /** The table or view whose rows it returns. */
  readonly rowOf: QualifiedName | null;
  /** What comes back; a value is one column that has the function's name. */
  readonly columns: readonly Pick<ColumnInfo, "name" | "type">[];
  readonly volatility: "volatile" | "stable" | "immutable";
  readonly securityDefiner: boolean;
  /** PostgREST would select it as a field of a relation: what it takes is the relation's row. Its schema need not be exposed. */
  readonly computes: boolean;
  readonly owner: string;
  readonly language: string;
  /** `proconfig`: `search_path=…`. */
  readonly settings: readonly string[];
  /** Role name → what it holds here. Holds every role that a persona uses. */
  readonly privileges: Readonly<Record<string, RoutinePrivileges>>;
  /** EXECUTE is granted to PUBLIC, as it is by default. */
  readonly public: boolean;
  /** As `proacl` prints it, for the archive; empty: the default. */
  readonly acl: readonly string[];
}

export interface RoleInfo {
  readonly name: string;
  readonly superuser: boolean;
  readonly bypassRls: boolean;
  readonly canLogin: boolean;
  /** Roles whose rights this role has without SET ROLE, itself included. */
  readonly inherits: readonly string[];
  /** Roles of the run that this role may SET ROLE to. */
  readonly mayBecome: readonly string[];
}

/** Why no policy of the relation applies to the role; `undefined`: they apply, where row-level security is enabled. */
export function bypassOf(
  role: RoleInfo,
  { kind, forceRls, owner }: Pick<RelationInfo, "kind" | "forceRls" | "owner">,
): string | undefined {
  if (role.superuser) return `role ${role.name} is a superuser`;
  if (role.bypassRls) return `role ${role.name} has BYPASSRLS`;
  // Who owns a view owns what it says, and not the rows: policies of its tables hold for the owner as for anybody.
  if (kind !== "table" && kind !== "partitioned") return undefined;
  if (forceRls || !role.inherits.includes(owner)) return undefined;
  return role.name === owner
    ? `role ${role.name} owns the relation`
    : `role ${role.name} inherits the rights of the owner ${owner}`;
}

/**
 * A relation or function that depends on a fact that is no identity: of the session, of what the client decides for itself,
 * of what only a gateway sets, a setting that no persona holds, or a stand-in for an extension.
 */
export interface SessionFact extends QualifiedName {
  readonly kind: "session" | "client" | "login" | "setting" | "stand-in";
  /** Where it is read: `policy web on docs`. */
  readonly place: string;
  /** What is read: `application_name`. */
  readonly fact: string;
  readonly command: PolicyInfo["command"];
  /** Whom the policy is for; `null` where a view or a trigger reads it. */
  readonly roles: readonly string[] | null;
  /** The function's oid; `null`: it is a relation. */
  readonly routine: string | null;
}

/** The policies, grants, owners and view options that were in force. */
export interface Catalog {
  readonly serverVersion: string;
  readonly serverVersionNum: number;
  readonly database: string;
  /** The role that controls run as: it has BYPASSRLS, or nothing that it reads is proof. */
  readonly login: RoleInfo;
  readonly roles: readonly RoleInfo[];
  readonly relations: readonly RelationInfo[];
  readonly sessionFacts: readonly SessionFact[];
  readonly routines: readonly RoutineInfo[];
  /** Absent in archives that were written before it was read. */
  readonly defaultPrivileges?: readonly DefaultPrivileges[];
  /** `function public.f(integer)`, `view public.v` → a digest of its definition; absent in older archives. */
  readonly definitions?: Readonly<Record<string, string>> | undefined;
  /** Where SQL that rowgate applied defined what is in force: name → `file:line`. Only in archives. */
  readonly origins?: Readonly<Record<string, string>> | undefined;
}

/** What new objects of a role get: ALTER DEFAULT PRIVILEGES. */
export interface DefaultPrivileges {
  readonly owner: string;
  /** `null`: in every schema. */
  readonly schema: string | null;
  readonly objects: string;
  /** As `defaclacl` prints it. */
  readonly acl: readonly string[];
}
