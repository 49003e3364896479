/** What lies open past every policy to a session that comes through no gateway, with SQL that no probe sends (sql/lints/0013_login_bypass_path.sql). */
export interface BypassPath {
  /** A persona's login, or the role that it switches to. */
  readonly role: string;
  readonly way:
    | "replication"
    | "trigger"
    | "schema"
    | "force"
    | "shadow"
    | "create"
    | "barrier"
    | "leakproof";
  /** The table, view, function, schema or role. */
  readonly place: string;
  /** `shadow`, `create`: the relation or function that the function finds by its name alone; `schema`: one that is in it. */
  readonly of: string | null;
}
