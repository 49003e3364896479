/** A comparison: one line of the table. */
export interface Row {
  readonly what: string;
  readonly ours: string;
  readonly theirs: string;
  readonly ratio: number | undefined;
  /** `undefined`: shown for what it tells, and held to nothing. */
  readonly budget: Budget | undefined;
}

export interface Budget {
  readonly bound: "at least" | "at most";
  readonly value: number;
}

export interface StageResult {
  readonly rows: readonly Row[];
  /** Sentences for below the table: what was left out, and how a figure came to be. */
  readonly notes: readonly string[];
  /** Everything that was measured, for the JSON. */
  readonly raw: Readonly<Record<string, unknown>>;
}

export function isMet({ ratio, budget }: Row): boolean | undefined {
  if (ratio === undefined || budget === undefined) return undefined;
  return budget.bound === "at least" ? ratio >= budget.value : ratio <= budget.value;
}

export function rate(perSecond: number, unit: string): string {
  return `${Math.round(perSecond).toLocaleString("en")} ${unit}/s`;
}

export function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(2)} s`;
}

export function megabytes(kilobytes: number): string {
  return `${Math.round(kilobytes / 1024)} MB`;
}
