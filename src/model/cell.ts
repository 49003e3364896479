import type { Channel } from "./channels.ts";
import type { SourcePosition } from "./errors.ts";
import type { Expectation, NewRows, Operation, Persona, Waiver } from "./matrix.ts";
import type { RelationInfo, RoleInfo, RoutineInfo, SessionFact } from "./catalog.ts";

export { channels, type Channel } from "./channels.ts";

/** A row to INSERT: values are text as Postgres reads it (`null` is NULL), already bound for the persona. */
export interface BoundCandidate {
  readonly name: string;
  /** `declared` in the matrix, or `built` by the harness from the persona's claims and existing rows. */
  readonly origin: "declared" | "built";
  readonly values: Readonly<Record<string, string | null>>;
}

/** What to UPDATE to, for a persona. */
export interface UpdatePlan {
  readonly set: Readonly<Record<string, string | null>> | undefined;
  readonly never: readonly BoundCandidate[];
}

/** One call of a function, as a persona sends it. */
export interface PlannedCall {
  readonly name: string;
  /** It is the only one of its function: ids and reports need not name it. */
  readonly only: boolean;
  readonly routine: RoutineInfo;
  /** `f(uuid)` where the matrix tells overloads apart, else `f`. */
  readonly called: string;
  /** Argument → text as Postgres reads it (`null` is NULL); an argument without a name is `$1`, by its place. */
  readonly values: Readonly<Record<string, string | null>>;
  /** The persona whose values are sent, where a denied persona has none. */
  readonly borrowed: string | undefined;
  /** SQLSTATEs besides 42501 with which the function's body refuses. */
  readonly raises: readonly string[];
  /** A value that comes back is a column of this name. */
  readonly valueName: string;
  /**
   * Calls that are declared to be let through, asked when the function's own body refuses this one: the same call by
   * other personas first, then other calls by this persona.
   */
  readonly positiveControls: readonly Cell[];
}

/** The place a relation has in a plan: what probes need to know of it, once for all of its cells. */
export interface PlannedRelation {
  readonly info: RelationInfo;
  /** Columns that name a row; empty when nothing does (then rows are compared whole). */
  readonly key: readonly string[];
  /** Where the privileged connection reads rows: the relation itself or the matrix's `control.from`. */
  readonly baseline: RelationInfo;
  /** The table whose rows a write through this relation changes; the relation itself unless it is a view over one table. */
  readonly base: RelationInfo | undefined;
  readonly at: SourcePosition;
  /** A few existing rows (column → text), read by the privileged connection, as material for candidates. */
  readonly samples: readonly Readonly<Record<string, string | null>>[];
  /** What its policies read that is no identity: a pass that rests on them proves nothing about others. */
  readonly facts?: readonly SessionFact[];
  /** SQLSTATEs with which its policies and triggers refuse, as the matrix declares. */
  readonly raises?: readonly string[] | undefined;
}

/** Whether the row of this candidate must come back: never that of one to be refused, which RETURNING alone might refuse. */
export function mustReturn(
  { returning, expectation }: Cell,
  candidate: Pick<BoundCandidate, "name" | "origin">,
): boolean {
  if (returning === undefined || candidate.origin !== "declared") return false;
  return (
    expectation.kind === "allow" ||
    (expectation.kind === "candidates" && expectation.accept.includes(candidate.name))
  );
}

/** A cell of a column that UPDATE or INSERT assigns: `columns: { fixed, free }`. */
export function isAssignment({ column, operation }: Pick<Cell, "column" | "operation">): boolean {
  return column !== undefined && (operation === "update" || operation === "insert");
}

/** persona × relation × operation, or persona × function × call; or one column of the rows that either shows. */
export interface Cell {
  /**
   * `<persona>/<schema>.<relation>/<operation>`, `<persona>/<schema>.<function>/execute(<call>)`, and `/<column>` behind it for
   * a column cell: what `--only` matches.
   */
  readonly id: string;
  readonly persona: Persona;
  /** The persona's role as the server knows it. */
  readonly role: RoleInfo;
  /** For a call: its rows, seen as a relation. */
  readonly relation: PlannedRelation;
  readonly operation: Operation;
  /**
   * SELECT of this column: the rows are those in which the privileged connection sees a value (not NULL), and a row is visible when the
   * persona is shown that value.
   */
  readonly column: string | undefined;
  /**
   * A column that must be hidden somewhere: the rows that the SELECT declares, as a bound predicate (`undefined`: all). Only a
   * value there shows that it is withheld: elsewhere the whole row is. A call that must return no row: those that it would
   * return to others.
   */
  readonly among: string | undefined;
  /** The column is declared to be shown in every row that the SELECT declares. */
  readonly everywhere: boolean;
  /** Only for `execute`. */
  readonly call?: PlannedCall | undefined;
  /** Predicates are bound: every `:parameter` is a quoted literal. */
  readonly expectation: Expectation;
  /** INSERT: what is sent. */
  readonly candidates: readonly BoundCandidate[];
  readonly update: UpdatePlan | undefined;
  /** INSERT: columns of an accepted row that must come back (RETURNING). */
  readonly returning?: readonly string[] | undefined;
  /** UPSERT: what is sent, and by which columns it conflicts, where the matrix says so. */
  readonly partial?:
    | { readonly sends: readonly string[] | undefined; readonly onConflict: readonly string[] }
    | undefined;
  /** INSERT and UPDATE: what a new row must satisfy, bound. */
  readonly check?: NewRows | undefined;
  /** True when the matrix does not list the cell: it is denied by default, or follows from another operation. */
  readonly implied: boolean;
  readonly waiver: Waiver | undefined;
  /** Its entry is marked `observed`: no person has confirmed it. */
  readonly observed?: boolean | undefined;
  readonly at: SourcePosition;
  /** The target has a gateway, which gives every session its claims: a session without any is nobody's. */
  readonly behindGateway: boolean;
  /** The channels that answer for this cell, and why the others do not. */
  readonly channels: readonly Channel[];
  readonly notOn: Readonly<Partial<Record<Channel, string>>>;
}
