import type { Channel } from "./channels.ts";
import type { SourcePosition } from "./errors.ts";
import type { QualifiedName } from "../lib/sql-text.ts";

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** The operations on a relation. `blind_*` reads no column, so the SELECT policies do not apply to it. */
export const relationOperations = [
  "select",
  "insert",
  "update",
  "delete",
  "blind_update",
  "blind_delete",
  "upsert",
  "truncate",
] as const;
export type RelationOperation = (typeof relationOperations)[number];
/** What a cell can name: an operation on a relation, or the call of a function. */
export type Operation = RelationOperation | "execute";
export const operations: readonly Operation[] = [...relationOperations, "execute"];

/** What stops a persona, from the earliest gate to the latest. `auth`: the token itself is refused. */
export const denyReasons = ["auth", "schema", "execute", "grant", "filter", "check"] as const;
export type DenyReason = (typeof denyReasons)[number];

/** A named identity. */
export interface Persona {
  readonly name: string;
  /** The Postgres role that PostgREST, or the direct channel, switches to. */
  readonly role: string;
  /** The role that the persona logs in as by itself (`session_user`), past any gateway; `undefined`: the gateway's. */
  readonly login: string | undefined;
  /** JWT claims as written; `undefined` when the persona signs in with nothing (PostgREST's anon). */
  readonly claims: Readonly<Record<string, Json>> | undefined;
  /** The persona's session settings (`app.user_id`), for systems whose identity is not a JWT. */
  readonly settings: Readonly<Record<string, string>>;
  /** A token handed in instead of a minted one: the name of the environment variable that holds it. */
  readonly tokenFrom: string | undefined;
  readonly at: SourcePosition;
}

/** A named row set: a SQL predicate over the relation, with `:parameters`, evaluated by the privileged connection. */
export interface RowSet {
  readonly name: string;
  readonly predicate: string;
  readonly at: SourcePosition;
}

/** Column → value. A string that is exactly one parameter (`:sub`) is bound; every other value is used as written. */
export interface Candidate {
  readonly name: string;
  readonly values: Readonly<Record<string, Json>>;
  readonly at: SourcePosition;
}

export type Expectation =
  /** Every row; for INSERT every candidate. */
  | { readonly kind: "allow" }
  /** No row, however refused; with a `reason`, refused for that reason. */
  | { readonly kind: "deny"; readonly reason: DenyReason | undefined }
  /** Exactly these rows, no more and no fewer. */
  | { readonly kind: "rows"; readonly name: string | undefined; readonly predicate: string }
  /** These rows at the most: the default of `upsert`, which may not reach past `update`. */
  | { readonly kind: "within"; readonly name: string | undefined; readonly predicate: string }
  /** INSERT: these candidates are accepted as written; every other declared candidate is refused. */
  | { readonly kind: "candidates"; readonly accept: readonly string[]; readonly reject: readonly string[] };

/** What a new row must satisfy, exactly: Postgres's WITH CHECK, as the matrix says it. */
export interface NewRows {
  /** The row set's name; `undefined`: the predicate is written inline. */
  readonly name: string | undefined;
  readonly predicate: string;
}

/** A failure that is accepted until a date. */
export interface Waiver {
  readonly reason: string;
  /** `YYYY-MM-DD`: the last day on which it holds (UTC). */
  readonly expires: string;
  /** SQLSTATE of an error that it covers, too: without it, a waiver covers none. */
  readonly error?: string | undefined;
  readonly at: SourcePosition;
}

/** SELECT: columns that show their values, or must not, in some of the rows that the expectation declares. */
export interface ColumnRule {
  readonly columns: readonly { readonly name: string; readonly at: SourcePosition }[];
  readonly shows: "visible" | "hidden";
  /** Where it holds, exactly; `:column` is the column's name. `undefined`: every declared row. */
  readonly rows: { readonly name: string | undefined; readonly predicate: string } | undefined;
}

/** A column that an expectation names, and where. */
export interface NamedColumn {
  readonly name: string;
  readonly at: SourcePosition;
}

/** INSERT: the accepted row comes back as well (INSERT … RETURNING), which takes a SELECT policy. */
export interface Returning {
  /** `undefined`: every column, as `returning *`. */
  readonly columns: readonly NamedColumn[] | undefined;
  readonly at: SourcePosition;
}

/** UPSERT: what is sent where that is less than the whole row, and by which key it conflicts. */
export interface PartialUpsert {
  /** `undefined`: all columns that may be inserted. */
  readonly sends: readonly NamedColumn[] | undefined;
  /** ON CONFLICT; `undefined`: the relation's key. */
  readonly onConflict: readonly NamedColumn[] | undefined;
  readonly at: SourcePosition;
}

/** UPDATE and INSERT: columns whose value the persona must not be able to choose, and columns whose value it may. */
export interface AssignmentRule {
  readonly fixed: readonly NamedColumn[];
  readonly free: readonly NamedColumn[];
}

/**
 * What a persona may gain by its own allowed writes and calls: an upper bound, evaluated before the step that gains it. What
 * nothing ever gains is `vacuous`.
 */
export interface MayBecome {
  /** SELECT, UPDATE and DELETE: rows that may come into reach. `undefined`: for insert and execute. */
  readonly rows: { readonly name: string | undefined; readonly predicate: string } | undefined;
  /** INSERT and execute: candidates, or calls, that may be accepted afterwards. */
  readonly accept: readonly string[];
  /** The steps that may do so, as written: `relation`, `relation.column`, `function`, each with its schema or without; empty: any step. */
  readonly by: readonly NamedColumn[];
  readonly at: SourcePosition;
}

/** What a call may return or change when its arguments are others than those of the declared calls. */
export type AnyArgument =
  | { readonly kind: "allow" }
  | { readonly kind: "rows"; readonly name: string | undefined; readonly predicate: string };

/** Which calls of a function an expectation holds for; every other call is refused. */
export interface CallChoice {
  /** `undefined`: all that are not rejected. */
  readonly accept: readonly string[] | undefined;
  readonly reject: readonly string[];
  /** Why the others are refused; `undefined`: by whatever. */
  readonly reason: DenyReason | undefined;
}

/** Whether an expectation that chooses calls holds for this one; else the call is refused. */
export function callIsOpen(choice: CallChoice | undefined, call: string): boolean {
  if (choice === undefined) return true;
  return !choice.reject.includes(call) && (choice.accept === undefined || choice.accept.includes(call));
}

/** What the matrix says of one persona × operation of a relation, or of one persona and a function. */
export interface Declaration {
  readonly persona: string;
  readonly operation: Operation;
  readonly expectation: Expectation;
  /** UPDATE: write these values instead of the row's own. */
  readonly set: Readonly<Record<string, Json>> | undefined;
  /** UPDATE: moves that must be refused for every row that the persona may update. */
  readonly never: readonly Candidate[];
  /** INSERT and UPDATE: exactly these rows may be written. */
  readonly check?: NewRows | undefined;
  /** SELECT: separate column cells. A column is in at most one rule. */
  readonly columns: readonly ColumnRule[];
  /** UPDATE, INSERT: cells of the columns that are listed. */
  readonly assignment?: AssignmentRule | undefined;
  /** UPDATE, INSERT: columns that may hold another's identity. */
  readonly names?: readonly NamedColumn[] | undefined;
  readonly mayBecome?: MayBecome | undefined;
  readonly returning?: Returning | undefined;
  readonly partial?: PartialUpsert | undefined;
  /** Functions: what a call with other arguments may return; `undefined`: what the declared calls and SELECTs may. */
  readonly anyArgument?: AnyArgument | undefined;
  /** Functions: which calls it is about; `undefined`: all. */
  readonly calls?: CallChoice | undefined;
  readonly waiver: Waiver | undefined;
  /** It says what was observed, and no person has confirmed that it is intended. */
  readonly observed?: true | undefined;
  readonly at: SourcePosition;
}

/** Where a relation's control is read, when the privileged connection cannot read it from the relation itself (a view that filters by identity). */
export interface ControlSource {
  readonly from: QualifiedName;
  readonly at: SourcePosition;
}

/** What a relation's entry and a function's have in common. */
interface Spec extends QualifiedName {
  readonly at: SourcePosition;
  /** Columns that name a row; `undefined`: the catalogue's primary key, of a function that of the rows it may return. */
  readonly key: readonly string[] | undefined;
  /** Where the privileged connection reads the rows; `undefined`: the relation itself, or the table whose rows a function returns. */
  readonly control: ControlSource | undefined;
  /** Why side effects outside the transaction are acceptable here on a shared target; `undefined`: they are not. */
  readonly survives: string | undefined;
  /** Columns that may carry values of other relations' rows, which its readers may not read there. */
  readonly carries?: readonly string[] | undefined;
  /** SQLSTATEs with which its policies and triggers refuse a row, whichever they are. */
  readonly raises?: readonly string[] | undefined;
  readonly rowSets: readonly RowSet[];
  /**
   * One for each persona × operation that the matrix mentions (of a function for each persona, all of `execute`); groups
   * and `*` are already spelled out.
   */
  readonly declarations: readonly Declaration[];
}

export interface RelationSpec extends Spec {
  /** What it says was observed, and no person has confirmed that it is intended. */
  readonly observed?: boolean | undefined;
  readonly candidates: readonly Candidate[];
}

/** What applies to every relation whose name matches and that has no separate entry. `name` holds one `*` or more. */
export type RelationPattern = RelationSpec;

/** One call of a function: argument → value, as a candidate's columns. An argument without a name is `$1`, by its place. */
export interface Call {
  readonly name: string;
  readonly arguments: Readonly<Record<string, Json>>;
  readonly at: SourcePosition;
}

export interface FunctionSpec extends Spec {
  /** Types of what goes in, where the matrix tells overloads apart: `name(uuid, text)`. */
  readonly signature: readonly string[] | undefined;
  /** At least one: without `calls:`, the call without arguments. */
  readonly calls: readonly Call[];
  /** SQLSTATEs besides 42501 with which its body refuses a call. */
  readonly raises: readonly string[];
}

/** A relation of an exposed schema that the matrix leaves out on purpose. */
export interface RelationWaiver extends QualifiedName, Waiver {}

/** A function that personas may call and that the matrix leaves out on purpose: by its name and types. */
export interface FunctionWaiver extends QualifiedName, Waiver {
  readonly signature: readonly string[];
}

/** `"gate: authenticated is a member of auditor"`. */
export interface ChangeWaiver extends Waiver {
  readonly change: string;
}

export interface Matrix {
  readonly name: string;
  readonly file: string;
  /** SHA-256 of the file's bytes, hex. */
  readonly sha256: string;
  readonly schema: string;
  /** Schemas whose every relation must be declared or waived; the gateway exposes these. */
  readonly exposes: readonly string[];
  /** Where it says so, or where the matrix begins. */
  readonly exposesAt: SourcePosition;
  /** What the system speaks: `[direct]` alone for a Postgres without PostgREST. */
  readonly channels: readonly Channel[];
  /** Folder of numbered SQL for the embedded target, as written (relative to the matrix's file); `undefined`: `../policies/<name>`. */
  readonly policies: string | undefined;
  /** A file of SQL that is applied after them (relative to the matrix's file): rows, on a target that rowgate starts. */
  readonly seed?: string | undefined;
  readonly vars: Readonly<Record<string, Json>>;
  readonly personas: readonly Persona[];
  readonly relations: readonly RelationSpec[];
  /** Entries whose name holds `*`: relations of them once the catalogue is known. */
  readonly patterns?: readonly RelationPattern[] | undefined;
  readonly functions: readonly FunctionSpec[];
  readonly waivedRelations: readonly RelationWaiver[];
  readonly waivedFunctions?: readonly FunctionWaiver[] | undefined;
  /** What migrations may bring, as `rowgate gate` says it: a power of a role, or code that writes. */
  readonly waivedChanges?: readonly ChangeWaiver[] | undefined;
}
