import type { BypassPath } from "./bypass-path.ts";
import type { SideEffect } from "./side-effect.ts";

/** What each file of sql/lints/ reports besides the name of what it found: the shape of its column `facts`. */
export interface LintFacts {
  "undeclared-relation": { readonly relationKind: string; readonly roles: readonly string[] };
  "undeclared-function": {
    readonly oid: string;
    /** A policy, view, default, check or trigger calls it, by itself or through others. */
    readonly helper: boolean;
    /** It sets the role, or a setting by which policies may identify users, directly or through what it calls. */
    readonly identitySetter: boolean;
  };
  "undeclared-exposed-schema": { readonly roles: readonly string[] };
  "unprobed-role": { readonly role: string; readonly heldBy: readonly string[] };
  "superuser-persona": { readonly why: "superuser" | "bypassrls" };
  "owner-bypasses-rls": { readonly role: string };
  "no-privileged-connection": object;
  "session-user-policy": {
    readonly policy: string;
    readonly using: string | null;
    readonly check: string | null;
  };
  "immutable-reads-setting": { readonly signature: string; readonly readsSetting: boolean };
  "cascades-past-a-deny": {
    readonly fromSchema: string;
    readonly fromName: string;
    readonly does: "deletes" | "changes";
    readonly roles: readonly string[];
  };
  "argument-untested": { readonly oid: string; readonly arguments: readonly string[] };
  "login-role-escalation": { readonly roles: readonly string[] };
  "login-bypass-path": Omit<BypassPath, "place"> & { readonly query: string | null };
  "forbidden-update-untested": { readonly column: string; readonly of: readonly string[] };
  "side-effect-outside-transaction": Omit<SideEffect, "schema" | "name">;
}

export type LintKind = keyof LintFacts;

/** A row of a lint. */
export interface LintRow<Kind extends LintKind = LintKind> {
  /** Empty for what belongs to the whole server. */
  readonly schema: string;
  readonly name: string;
  readonly facts: LintFacts[Kind];
}

/** The rows of every lint. */
export type Lints = { readonly [Kind in LintKind]: readonly LintRow<Kind>[] };

/** What a lint is asked about: the parameters $1 to $4 of every file. */
export interface LintScope {
  readonly schemas: readonly string[];
  /** Of the personas, as they work and as they log in, and the gateway's anonymous role. */
  readonly roles: readonly string[];
  /** Those of personas that log in by themselves: their logins, and the roles that they work as. They send any SQL. */
  readonly sessions: readonly string[];
  readonly logins: readonly string[];
}

/** SQL as Postgres's own parser reads it, as far as lints ask. */
export interface ParsedSql {
  /** Columns by the names that the text gives them; `relation`: the table or alias before the dot. */
  readonly columns: readonly { readonly relation: string | undefined; readonly name: string }[];
  readonly readsSessionUser: boolean;
  /** It has a WHERE, a HAVING or a JOIN. */
  readonly filters: boolean;
}

/** `undefined`: the parser cannot read the text. */
export interface SqlParser {
  readonly expression: (text: string) => ParsedSql | undefined;
  readonly query: (text: string) => ParsedSql | undefined;
}
