import type { SourcePosition } from "../model/errors.ts";
import type { Candidate, Declaration, Operation, RowSet } from "../model/matrix.ts";
import type { Issues } from "../yaml/issues.ts";
import type { ParameterUse } from "./values.ts";

export interface RowSetDraft {
  readonly rowSet: RowSet;
  readonly uses: readonly ParameterUse[];
}

export interface CandidateDraft {
  readonly candidate: Candidate;
  readonly uses: readonly ParameterUse[];
}

/** What the expectations of one relation may name. `undefined`: declared, but broken. */
export interface RelationScope {
  /** As written. */
  readonly relation: string;
  readonly rowSets: ReadonlyMap<string, RowSetDraft | undefined>;
  readonly candidates: ReadonlyMap<string, CandidateDraft | undefined>;
  /** Row sets that an expectation names, or probably means. */
  readonly usedRowSets: Set<string>;
  readonly today: string;
  readonly issues: Issues;
}

/** What one place of the matrix says of one operation, and the parameters that whoever it is said of must have. */
export interface Said extends Omit<Declaration, "persona" | "operation"> {
  readonly uses: readonly ParameterUse[];
}

export interface Claim {
  /** `undefined`: said, but broken. */
  readonly said: Said | undefined;
  /** False for blind forms that a shorthand or `*` covers: they follow their operation and are not declared. */
  readonly declared: boolean;
}

/** One entry under `expect`. */
export interface ExpectEntry {
  /** A persona, a group, or `*`. */
  readonly who: string;
  readonly at: SourcePosition;
  readonly claims: ReadonlyMap<Operation, Claim>;
}
