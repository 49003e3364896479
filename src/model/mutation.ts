import type { Verdict } from "./verdict.ts";

/** What became of a mutant. Names are Stryker's; the table says what each counts as. */
export const mutantStates = [
  "killed",
  "survived",
  "no coverage",
  "timeout",
  "runtime error",
  "compile error",
  "ignored",
] as const;
export type MutantState = (typeof mutantStates)[number];

export const mutantStateInfo: Readonly<
  Record<MutantState, { readonly score: "detected" | "undetected" | "left out"; readonly means: string }>
> = {
  killed: { score: "detected", means: "a cell that passed became a leak, a lockout or diverged" },
  timeout: { score: "detected", means: "a cell that passed ran into the statement timeout" },
  survived: { score: "undetected", means: "no cell noticed the change" },
  "no coverage": { score: "undetected", means: "no cell that passed could see the change" },
  "runtime error": { score: "left out", means: "the policies raise an error instead of an answer" },
  "compile error": { score: "left out", means: "Postgres refuses the change" },
  ignored: { score: "left out", means: "the change permits the same as before, with its evidence" },
};

export const operatorSets = ["selective", "full"] as const;
export type OperatorSet = (typeof operatorSets)[number];

/** What is changed, for people and for reports. */
export interface MutantDescription {
  readonly operator: string;
  /** `schema.relation`. */
  readonly relation: string;
  /** `policy own`, `grant to anon`. */
  readonly subject: string;
  /** What was there, and what is there instead. */
  readonly from: string;
  readonly to: string;
}

export interface MutantResult extends MutantDescription {
  readonly state: MutantState;
  /** The cell that noticed. */
  readonly killedBy?: { readonly cell: string; readonly verdict: Verdict } | undefined;
  /** Why it is ignored, or what Postgres said. */
  readonly because?: string | undefined;
  /** Cells that passed with the change as without it. */
  readonly asked: readonly string[];
  /** What to add to the matrix, as YAML, where it was not noticed. */
  readonly add?: string | undefined;
}

/** A cell that passed without any change, and its place in the matrix. */
export interface PassedCell {
  readonly id: string;
  readonly line: number;
  readonly column: number;
}

/** A relation as SQL, a piece for each thing that is changed. */
export interface MutatedRelation {
  readonly relation: string;
  readonly pieces: readonly { readonly subject: string; readonly sql: string }[];
}

/** What `rowgate mutate` found of one matrix. */
export interface MutationRecord {
  readonly matrix: string;
  /** Of the matrix. */
  readonly file: string;
  readonly operators: OperatorSet;
  readonly cells: number;
  /** Cells that passed without any change: the only ones that can notice one. */
  readonly passed: number;
  readonly tests: readonly PassedCell[];
  readonly relations: readonly MutatedRelation[];
  readonly mutants: readonly MutantResult[];
  /** How many of them are results of an earlier run: nothing that they rest on has changed. */
  readonly reused: number;
  readonly milliseconds: number;
  readonly phases: MutationPhases;
}

/** Milliseconds of: every cell without any change; every change, with the cells that may notice it; proofs about those that none noticed. */
export interface MutationPhases {
  readonly baseline: number;
  readonly changes: number;
  readonly evidence: number;
}

export interface MutationScore {
  readonly detected: number;
  readonly undetected: number;
  /** 0 to 100; `undefined`: nothing was there to detect. */
  readonly percent: number | undefined;
}

export function scoreOf(mutants: readonly Pick<MutantResult, "state">[]): MutationScore {
  const count = (score: string): number =>
    mutants.filter(({ state }) => mutantStateInfo[state].score === score).length;
  const detected = count("detected");
  const undetected = count("undetected");
  const all = detected + undetected;
  return { detected, undetected, percent: all === 0 ? undefined : (100 * detected) / all };
}
