import type { BatchRules } from "../../model/answers.ts";
import type { Cell } from "../../model/cell.ts";
import type { Answer, Failure } from "../../model/observation.ts";
import type { SessionState } from "../sessions.ts";

/** One probe of a batch; `sql/probe_batch.sql` says what each kind does. */
export interface BatchRequest {
  readonly kind: "read" | "write" | "rows" | "insert" | "call";
  readonly control?: string | undefined;
  /** `insert`: one for each candidate; templates (`$1`) unless rules rewrite them. `after`: templates. */
  readonly statements: readonly string[];
  readonly after?: readonly (string | null)[] | undefined;
  /** `insert`: which of the statements end with a RETURNING of their own. */
  readonly returning?: readonly boolean[] | undefined;
  /** `insert`: what goes into each template. */
  readonly values?: readonly Readonly<Record<string, string | null>>[] | undefined;
  readonly differences?: string | undefined;
  readonly list?: string | undefined;
  readonly guard?: 1 | 2 | undefined;
  /** `rows`: no trigger or rule can suppress a write, so a row that one statement leaves out is filtered, and no other is tried. */
  readonly settles?: true | undefined;
  /** `rows`: SQLSTATEs with which functions of the policies refuse a row. */
  readonly raises?: readonly string[] | undefined;
  /** Of a cell whose other statements read: this one sets constants in all rows, so SELECT's policies are not asked. */
  readonly blind?: true | undefined;
  readonly state?: SessionState | undefined;
  /** Asked for another cell, by its persona. */
  readonly as?: Cell | undefined;
}

/** Asks which routine of the server raised a refusal: sent by itself, since a block cannot see it. */
export interface ExplainRequest {
  readonly kind: "explain";
  readonly sql: string;
  /** The refusal's message: the same message of the same relation has the same routine. */
  readonly message: string;
}

export type Request = BatchRequest | ExplainRequest;

/** What one statement of a probe came to; absent fields were null. */
export interface Part {
  readonly code?: string;
  readonly message?: string;
  /** Returned or affected. */
  readonly rows?: number;
  /** Of the rows that were read. */
  readonly hash?: string;
  /** What the privileged connection saw before the statement was undone: a hash of changed rows, or columns that were rewritten. */
  readonly after?: string;
  readonly differences?: Differences;
  readonly foreignFrame?: boolean;
  readonly stage?: string;
  readonly constraint?: string;
  readonly table?: string;
  readonly dataType?: string;
  readonly mode?: "replica";
  /** Which of the statements it was, from 1; absent for the first. */
  readonly variant?: number;
  /** Row by row: the statement that was refused. */
  readonly sql?: string;
}

export interface Differences {
  readonly unexpected: number;
  readonly missing: number;
  readonly unexpectedKeys: readonly string[] | null;
  readonly missingKeys: readonly string[] | null;
}

export interface RowByRow {
  readonly tried: number;
  readonly affected: number;
  readonly unexpected: number;
  readonly missing: number;
  readonly unknown: number;
  readonly unexpectedKeys: readonly string[];
  readonly missingKeys: readonly string[];
  readonly last?: Part | null;
  /** Some row was refused by a code of `raises`. */
  readonly refusedByRaise?: true | null;
  /** Codes of errors that functions raised (triggers', mostly), and at how many of the rows. */
  readonly raised?: readonly string[] | null;
  readonly raisedRows: number;
}

export interface ControlFacts {
  readonly total: number;
  readonly declared: number;
  readonly declaredHash: string | undefined;
  readonly totalHash: string | undefined;
}

export type Reply = (
  | { readonly kind: "parts"; readonly control: ControlFacts; readonly parts: readonly Part[] }
  | { readonly kind: "rows"; readonly control: ControlFacts; readonly rows: RowByRow }
  | { readonly kind: "control-error"; readonly code: string; readonly message: string }
  | { readonly kind: "failed"; readonly failure: Failure }
  | ({ readonly kind: "routine" } & Pick<Answer, "routine" | "beforeRows">)
) & {
  /** Of the answer's text, where that was asked for. */
  readonly md5?: string | undefined;
};

/** A probe as `sql/probe_batch.sql` reads it: numbers refer to the texts of the batch, from 1. */
export interface BatchProbe {
  readonly persona: number;
  readonly method: string | undefined;
  readonly kind: BatchRequest["kind"];
  readonly baseline: number | undefined;
  readonly statements: readonly (number | undefined)[];
  readonly after: readonly (number | undefined)[] | undefined;
  readonly arguments: readonly number[] | undefined;
  readonly differences: number | undefined;
  readonly list: number | undefined;
  readonly guard: BatchRequest["guard"];
  readonly plan: number | undefined;
  readonly upsert: true | undefined;
  readonly settles: BatchRequest["settles"];
  readonly raises: BatchRequest["raises"];
}

/** A persona as the batch impersonates it; values in the order of `settings`. */
export interface BatchPersona {
  readonly role: string;
  readonly login: string | undefined;
  readonly values: readonly string[];
}

/** What `sql/probe_batch.sql` reads from the setting `rowgate.batch`. */
export interface Batch {
  readonly settings: readonly string[];
  readonly personas: readonly BatchPersona[];
  readonly home: readonly string[];
  readonly homeValues: readonly string[];
  readonly baselines: readonly string[];
  readonly preRequest: string | undefined;
  readonly texts: readonly string[];
  readonly arguments: readonly string[];
  readonly failing: string;
  readonly codes: BatchRules;
  readonly keepsPlans: boolean;
  readonly probes: readonly BatchProbe[];
  readonly hashed?: true | undefined;
}

/** Changes, and the probes that are asked once they are made. */
export interface BatchMutant {
  readonly changes: readonly string[];
  /** Number of the probe, from 1, and of the unit that it belongs to. */
  readonly probes: readonly (readonly [probe: number, unit: number])[];
  /** It ends when so many of its units were answered otherwise. */
  readonly most: number;
}

/** Probes for mutants. */
export interface BatchMutants {
  readonly mutants: readonly BatchMutant[];
  /** Of each probe, what it is answered without any change, as a hash; `null`: to be asked first. */
  readonly usual: readonly (string | null)[];
}

/** What a mutant came to: the units that were answered otherwise than without its changes. */
export type RawMutant =
  | readonly { readonly unit: number; readonly answers: readonly (RawAnswer | null)[] }[]
  | { readonly refused: readonly [code: string, message: string] };

/** Fewer mutants than were asked where the statement timeout struck. */
export type RawMutants = readonly [usual: readonly (string | null)[], mutants: readonly RawMutant[]];

/** An answer as `rowgate.answers` holds it. */
export interface RawAnswer {
  readonly baseline?: readonly [total: number, declared: number, hashes?: string | null];
  readonly parts?: readonly Part[];
  readonly rowByRow?: RowByRow;
  readonly baselineError?: readonly [code: string, message: string];
  readonly md5?: string;
}

const noControl: ControlFacts = { total: 0, declared: 0, declaredHash: undefined, totalHash: undefined };

export function replyOf({ baseline, parts = [], rowByRow, baselineError, md5 }: RawAnswer): Reply {
  if (baselineError) return { kind: "control-error", code: baselineError[0], message: baselineError[1], md5 };
  const control = baseline ? controlFacts(...baseline) : noControl;
  return rowByRow ? { kind: "rows", control, rows: rowByRow, md5 } : { kind: "parts", control, parts, md5 };
}

function controlFacts(total: number, declared: number, hash?: string | null): ControlFacts {
  if (!hash) return { total, declared, declaredHash: undefined, totalHash: undefined };
  const [declaredHash, totalHash] = hash.split(":");
  return { total, declared, declaredHash, totalHash };
}
