import type { QualifiedName } from "../lib/sql-text.ts";

/** What a proof says of one cell: one persona, one relation, one operation. */
export type ProofAnswer =
  /** Policies do not apply to the role: owner without FORCE, BYPASSRLS, superuser, or no policies in force. */
  | { readonly kind: "above"; readonly because: string }
  /** The role lacks the privilege; no policy is asked. */
  | { readonly kind: "privilege"; readonly missing: string }
  /** No policy that permits applies, so nothing is let through. */
  | { readonly kind: "no-policy" }
  | { readonly kind: "all-rows"; readonly by: ProofMethod; readonly restsOn: RestsOn }
  /** Proved for every key that the foreign keys let a row hold today. */
  | { readonly kind: "keys-that-exist"; readonly keys: readonly ForeignKeyUse[]; readonly restsOn: RestsOn }
  /** A real statement as the persona showed a difference from what is declared. */
  | Hit
  /** The policy lets rows in that a constraint or a trigger then refuses: nothing could be written. */
  | { readonly kind: "constraint-only"; readonly message: string; readonly witness: Witness }
  | {
      readonly kind: "undecided";
      readonly because: string;
      readonly within: readonly string[];
      readonly toDecide: string;
    }
  /** The policy's expression says one thing of a row, and the statement did another. */
  | { readonly kind: "mismatch"; readonly message: string; readonly witness: Witness }
  /** The proof has nothing to say of this: a view, an INSERT that is allowed without `check:`; `isChecked`: a part of it was proved, `check:` among it. */
  | { readonly kind: "not-asked"; readonly because: string; readonly isChecked?: true };

export type ProofMethod = "relaxation" | "critical-values";

export interface Hit {
  readonly kind: "hit";
  /** `more`: the persona can do what the matrix does not allow; `less`: it cannot do what the matrix allows. */
  readonly side: "more" | "less";
  /** Rows as they are, or as a write would leave them. */
  readonly rows: "old" | "new";
  /** Only rows that name the persona itself are affected: another user with the same role affects none of them. */
  readonly own: boolean;
  /** Of a deny, with `own`: what it rests on that nothing but such rows is reached. */
  readonly restsOn?: RestsOn;
  /** The statement that showed it. */
  readonly statement: string;
  /** What was put in place first, by the privileged connection; undone as well. */
  readonly setup: string | undefined;
  readonly witness: Witness;
}

/** Column → text, of the columns that matter. */
export type Witness = Readonly<Record<string, string | null>>;

/** A row that the data lacks, put in to see that what is declared holds of it; all of it was undone. */
export interface SeededRow {
  /** The matrix allows it. */
  readonly inside: boolean;
  /** The persona could see or change it: it can do so with each declared row, unless that is only a bound. */
  readonly reached: boolean;
  /** The statement of the privileged connection that inserted it; `undefined`: the persona's own INSERT. */
  readonly setup: string | undefined;
  /** What the persona sent. */
  readonly statement: string;
  readonly witness: Witness;
  /** Rows that were there were changed. */
  readonly changes?: boolean;
}

export interface ForeignKeyUse {
  readonly column: string;
  readonly to: QualifiedName;
}

/** What a proof rests on besides the policy: `for this persona, with the other tables as they are`. */
export interface RestsOn {
  /** Claims that the policy reads and no persona holds, with the sub-expression. */
  readonly claims: readonly { readonly claim: string; readonly sql: string }[];
  /** Sub-expressions by which it holds today. */
  readonly time: readonly string[];
  /** Other relations whose content decides: `public.members`. */
  readonly relations: readonly string[];
  /** Nothing more is let through whatever rows other tables hold: the policies say all that the declaration says. */
  readonly anyTables?: true;
  /** Functions that find what they read by the session's search_path. */
  readonly byPath?: readonly string[];
  /** INSERT without `check`: columns in which rows are let in that differ from every candidate, as the persona's row sets allow. */
  readonly unlikeCandidates?: readonly string[];
}
