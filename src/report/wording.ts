import type { Effect } from "../model/effect.ts";
import type { Expectation, Operation } from "../model/matrix.ts";
import type { CellRecord } from "../model/run.ts";
import type { Verdict } from "../model/verdict.ts";
import { verdictInfo } from "../model/verdict.ts";
import type { Tone } from "./paint.ts";
import { clean, oneLine } from "./text.ts";

export interface VerdictWords {
  /** Heads a failure, and stands in a grid (at most 8 letters there): upper case for what failed. */
  readonly head: string;
  readonly grid: string;
  /** After a number: `2 leaks`. */
  readonly one: string;
  readonly many: string;
  readonly tone: Tone;
}

export const verdictWords: Record<Verdict, VerdictWords> = {
  pass: { head: "PASS", grid: "pass", one: "pass", many: "pass", tone: "good" },
  skipped: { head: "SKIPPED", grid: "–", one: "skipped", many: "skipped", tone: "dim" },
  leak: { head: "LEAK", grid: "LEAK", one: "leak", many: "leaks", tone: "bad" },
  diverged: { head: "DIVERGED", grid: "DIVERGED", one: "diverged", many: "diverged", tone: "bad" },
  lockout: { head: "LOCKOUT", grid: "LOCKOUT", one: "lockout", many: "lockouts", tone: "bad" },
  error: { head: "ERROR", grid: "ERROR", one: "error", many: "errors", tone: "bad" },
  vacuous: { head: "VACUOUS", grid: "VACUOUS", one: "vacuous", many: "vacuous", tone: "warn" },
  inconclusive: {
    head: "INCONCLUSIVE",
    grid: "UNSURE",
    one: "inconclusive",
    many: "inconclusive",
    tone: "warn",
  },
};

/** What a person must look at first. Skips and passes are no failures and have their place in the totals. */
export const failureOrder: readonly FailingVerdict[] = [
  "leak",
  "diverged",
  "lockout",
  "error",
  "vacuous",
  "inconclusive",
];
export type FailingVerdict = Exclude<Verdict, "pass" | "skipped">;

export function isFailing(verdict: Verdict): verdict is FailingVerdict {
  return (failureOrder as readonly Verdict[]).includes(verdict);
}

/** Covered by a waiver that may cover it: an error never is. */
export function isWaived(cell: Pick<CellRecord, "verdict" | "waived">): boolean {
  return cell.waived && verdictInfo[cell.verdict].waivable;
}

export const effectWords: Record<Effect, string> = {
  allowed: "allowed",
  filtered: "filtered",
  refused: "refused",
  constraint: "let through, then stopped by a constraint",
  error: "error",
};

/** Heads of a grid: short, so that eight of them may stand in 80 columns. */
export const operationHeads: Record<Operation, string> = {
  select: "select",
  insert: "insert",
  update: "update",
  delete: "delete",
  blind_update: "update*",
  blind_delete: "delete*",
  upsert: "upsert",
  truncate: "truncate",
  execute: "execute",
};

/** An operation's head, or a column's name as it is. */
export function headOf(name: string): string {
  return Object.hasOwn(operationHeads, name) ? operationHeads[name as Operation] : clean(name);
}

type ByKind<T> = {
  readonly [K in Expectation["kind"]]: (expectation: Extract<Expectation, { kind: K }>) => T;
};

/** In a grid, when it passed. */
const gridWords: Record<Expectation["kind"], string> = {
  allow: "allow",
  deny: "deny",
  rows: "rows",
  within: "within",
  candidates: "some",
};

const declaredWords: ByKind<string> = {
  allow: () => "allow",
  deny: ({ reason }) => (reason === undefined ? "deny" : `deny: ${reason}`),
  rows: ({ name }) => (name === undefined ? "exactly these rows" : `rows ${name}`),
  within: ({ name }) => (name === undefined ? "these rows at the most" : `rows ${name} at the most`),
  candidates: ({ accept, reject }) =>
    [listed("accept", accept), listed("reject", reject)].filter((part) => part !== "").join("; "),
};

export function gridWord(cell: Pick<CellRecord, "expectation" | "column" | "everywhere">): string {
  if (cell.column === undefined) return gridWords[cell.expectation.kind];
  return cell.everywhere === true ? columnWords.allow : columnWords[cell.expectation.kind];
}

/** Of a column's value. */
const columnWords: Record<Expectation["kind"], string> = { ...gridWords, allow: "shown", deny: "hidden" };

/** `rows enrolled`, `deny: grant`, `accept own; reject other`. */
export function declared({ expectation, column }: Pick<CellRecord, "expectation" | "column">): string {
  const said = oneLine((declaredWords[expectation.kind] as (of: Expectation) => string)(expectation));
  if (column === undefined) return said;
  if (expectation.kind === "allow") return "visible";
  return expectation.kind === "deny" ? "hidden" : `visible in ${said}`;
}

/** The row set's SQL, where there is one. */
export function predicateOf(expectation: Expectation): string | undefined {
  return "predicate" in expectation ? oneLine(expectation.predicate) : undefined;
}

function listed(verb: string, names: readonly string[]): string {
  return names.length === 0 ? "" : `${verb} ${names.join(", ")}`;
}
