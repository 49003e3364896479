/** Whose role and settings a statement runs with; no role: the login itself, which sees everything. */
export interface ActingAs {
  readonly role: string | null;
  readonly settings: readonly (readonly [name: string, value: string])[];
}

/** The login itself. */
export const privileged: ActingAs = { role: null, settings: [] };

export interface Step {
  readonly as: ActingAs;
  readonly sql: string;
  /** The statement returns one text; else it is only run. */
  readonly rows: boolean;
  /** An error does not end the request. */
  readonly goOn?: boolean;
  /** It asks for a stored expression: a policy names what it reads by OID, also in a schema that its user has no USAGE of. */
  readonly stored?: boolean;
  /** It is asked only where a step before it was answered so; else its answer is NULL. */
  readonly onlyIf?: OnlyIf;
  /** What it is planned as may serve each time it is asked. */
  readonly planned?: boolean;
}

export interface OnlyIf {
  /** Of that step, in the request. */
  readonly place: number;
  /** Letters: T, F, N. */
  readonly truths: string;
}

export type StepAnswer =
  | { readonly value: string | null }
  | { readonly touched: number }
  | { readonly code: string; readonly message: string };

export const isError = (answer: StepAnswer | undefined): answer is { code: string; message: string } =>
  answer !== undefined && "code" in answer;

/** After its first timeout nothing more is asked about a relation: each question would take as long. */
export interface Patience {
  timedOut: boolean;
}
