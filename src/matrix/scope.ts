import type { SourcePosition } from "../model/errors.ts";
import type { Candidate, Declaration, Operation, RowSet } from "../model/matrix.ts";
import type { Issues } from "../yaml/issues.ts";
import type { Tree } from "../yaml/tree.ts";
import type { Names } from "./names.ts";

/** What every part of a matrix is read with. */
export interface Reading {
  readonly issues: Issues;
  /** Nodes that hold a mistake of shape, which has been reported. */
  readonly broken: ReadonlySet<Tree>;
  /** The schema of unqualified names. */
  readonly schema: string;
}

/** A `:name` in a predicate or a value, and its position. */
export interface ParameterUse {
  readonly name: string;
  readonly at: SourcePosition;
}

/** A row set, a candidate or a call, with the parameters that it uses. */
export interface Declared<T> {
  /** `undefined`: declared, but broken. */
  readonly value: T | undefined;
  readonly uses: readonly ParameterUse[];
}

/** One relation or function: what its expectations may name. */
export interface Scope extends Reading {
  /** As written. */
  readonly name: string;
  readonly rowSets: Names<Declared<RowSet>>;
  /** Candidates, or a function's calls. */
  readonly candidates: Names<Declared<Candidate>>;
}

/** What one place of the matrix states, and the parameters that need a value for each persona that it is about. */
export interface Statement extends Omit<Declaration, "persona" | "operation"> {
  readonly uses: readonly ParameterUse[];
}

/** What one entry under `expect` states about one operation. */
export interface Claim {
  /** A persona, a group, or `*`. */
  readonly who: string;
  readonly operation: Operation;
  /** `undefined`: there is a statement, but it is broken. */
  readonly statement: Statement | undefined;
  /** False for blind forms that `*` covers: they follow their operation and are not declared. */
  readonly declared: boolean;
}
