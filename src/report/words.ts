import { grouped } from "../lib/grouped.ts";
import type { Effect } from "../model/effect.ts";
import { formatPosition, type SourcePosition } from "../model/errors.ts";
import type { Expectation, Operation } from "../model/matrix.ts";
import type { Cause, CellRecord, RunRecord, WaivedRelation } from "../model/run.ts";
import type { Verdict } from "../model/verdict.ts";
import type { Tone } from "./paint.ts";
import { clean, number, oneLine, plural } from "./text.ts";

export interface VerdictWords {
  /** Heads a failure. */
  readonly head: string;
  /** In a wide grid, at most 8 letters: upper case for what failed. */
  readonly grid: string;
  /** Next to an operation's letter, where there is room. */
  readonly letter: string;
  /** After a number: `2 leaks`. */
  readonly one: string;
  readonly many: string;
  readonly tone: Tone;
}

export const verdictWords: Record<Verdict, VerdictWords> = {
  pass: { head: "PASS", grid: "pass", letter: "", one: "pass", many: "pass", tone: "good" },
  skipped: { head: "SKIPPED", grid: "–", letter: "–", one: "skipped", many: "skipped", tone: "dim" },
  leak: { head: "LEAK", grid: "LEAK", letter: "L", one: "leak", many: "leaks", tone: "bad" },
  diverged: {
    head: "DIVERGED",
    grid: "DIVERGED",
    letter: "D",
    one: "diverged",
    many: "diverged",
    tone: "bad",
  },
  lockout: { head: "LOCKOUT", grid: "LOCKOUT", letter: "K", one: "lockout", many: "lockouts", tone: "bad" },
  error: { head: "ERROR", grid: "ERROR", letter: "E", one: "error", many: "errors", tone: "bad" },
  vacuous: { head: "VACUOUS", grid: "VACUOUS", letter: "V", one: "vacuous", many: "vacuous", tone: "warn" },
  inconclusive: {
    head: "INCONCLUSIVE",
    grid: "UNSURE",
    letter: "?",
    one: "inconclusive",
    many: "inconclusive",
    tone: "warn",
  },
};

/** What a person must look at first. */
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

/** What the matrix leaves out: one entry for all that it waives for the same reason until the same day. */
export function waivedTogether({
  waivedRelations = [],
}: Pick<RunRecord, "waivedRelations">): readonly (WaivedRelation & { readonly names: string })[] {
  const groups = grouped(waivedRelations, ({ reason, expires }) => JSON.stringify([reason, expires]));
  return [...groups.values()].flatMap((group) =>
    group.slice(0, 1).map((one) => ({ ...one, names: group.map(({ relation }) => relation).join(", ") })),
  );
}

export const effectWords: Record<Effect, string> = {
  allowed: "allowed",
  filtered: "filtered",
  refused: "refused",
  constraint: "let through, then stopped by a constraint",
  error: "error",
};

/** Heads of a grid: short, so that eight of them fit into 80 columns. */
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

type DeclaredCell = Pick<CellRecord, "expectation" | "column" | "check"> &
  Partial<Pick<CellRecord, "operation" | "observed">>;

/** `rows enrolled`, `deny: grant`, `accept own; reject other`; what no person has confirmed says so. */
export function declared(cell: DeclaredCell): string {
  return cell.observed === true ? `observed: ${declaredText(cell)}` : declaredText(cell);
}

function declaredText({ expectation, column, check, operation }: DeclaredCell): string {
  const said = (declaredWords[expectation.kind] as (of: Expectation) => string)(expectation);
  const written = check === undefined ? "" : `check ${check.name ?? "these rows"}`;
  const text = oneLine([said, written].filter((part) => part !== "").join("; "));
  if (column === undefined) return text;
  if (operation === "update" || operation === "insert") return expectation.kind === "deny" ? "fixed" : "free";
  if (expectation.kind === "allow") return "visible";
  return expectation.kind === "deny" ? "hidden" : `visible in ${text}`;
}

/** The row set's SQL, where there is one. */
export function predicateOf(expectation: Expectation): string | undefined {
  return "predicate" in expectation ? oneLine(expectation.predicate) : undefined;
}

function listed(verb: string, names: readonly string[]): string {
  return names.length === 0 ? "" : `${verb} ${names.join(", ")}`;
}

/** ` own_org` behind `execute`, where a function has several calls. */
export function callOf({ call }: Pick<CellRecord, "call">): string {
  return call === undefined ? "" : ` ${clean(call)}`;
}

/** `public.courses · select`, `public.profiles · execute own_org · email` */
export function placeName(cell: CellRecord): string {
  const column = cell.column === undefined ? "" : ` · ${clean(cell.column)}`;
  return `${clean(cell.schema)}.${clean(cell.relation)} · ${operationHeads[cell.operation]}${callOf(cell)}${column}`;
}

/** `ana · public.courses · select` */
export function cellName(cell: CellRecord): string {
  return `${clean(cell.persona)} · ${placeName(cell)}`;
}

export function position(at: SourcePosition): string {
  return clean(formatPosition(at));
}

/** What personas of a failing group did, after `3 personas`: the past tense fits one and several. */
const leaked: Record<Operation, string> = {
  select: "read more than declared",
  insert: "inserted what must be refused",
  update: "changed more than declared",
  delete: "deleted more than declared",
  blind_update: "changed more than declared, by an UPDATE that reads no column",
  blind_delete: "deleted more than declared, by a DELETE that reads no column",
  upsert: "upserted more than declared",
  truncate: "could empty the table",
  execute: "got more from the call than declared",
};

const lockedOut: Record<Operation, string> = {
  select: "read less than declared",
  insert: "could not insert what is declared",
  update: "changed less than declared",
  delete: "deleted less than declared",
  blind_update: "changed less than declared, by an UPDATE that reads no column",
  blind_delete: "deleted less than declared, by a DELETE that reads no column",
  upsert: "upserted less than declared",
  truncate: "could not truncate the table",
  execute: "got less from the call than declared",
};

export function headline(verdict: FailingVerdict, operation: Operation): string {
  const phrases: Record<FailingVerdict, string> = {
    leak: leaked[operation],
    lockout: lockedOut[operation],
    diverged: "got different rows from the two channels",
    error: "met an error",
    vacuous: "had no row that could have proved it",
    inconclusive: "could not be decided",
  };
  return phrases[verdict];
}

/** The heads of a failing group's column of counts. */
export const countHeads: Record<Operation, string> = {
  select: "read",
  insert: "insert",
  update: "changed",
  delete: "deleted",
  blind_update: "changed",
  blind_delete: "deleted",
  upsert: "upserted",
  truncate: "truncate",
  execute: "returned",
};

type ByCause = { readonly [K in Cause["kind"]]: (cause: Extract<Cause, { kind: K }>) => string };

const exempt: Record<Extract<Cause, { kind: "no-rls" }>["why"], (role: string) => string> = {
  off: () => "row level security is off there",
  superuser: (role) => `RLS does not apply to ${role}, a superuser`,
  bypassrls: (role) => `RLS does not apply to ${role}, which has BYPASSRLS`,
  owner: (role) => `RLS does not apply to ${role}, its owner: it is not forced (FORCE ROW LEVEL SECURITY)`,
  kind: () => "only tables have row level security",
};

const causeWords: ByCause = {
  policies: ({ relation, rows, policies, restrictive }) => {
    const many = policies.length > 1;
    const each = policies.map((one) => {
      const share = many ? `, ${number(one.rows)} of ${plural(rows, "row")}` : "";
      return `policy "${one.name}" on ${relation} (FOR ${one.command.toUpperCase()}${share})${createdAt(one.origin)}`;
    });
    const joined = many
      ? `; permissive policies are joined with OR${restrictive === 0 ? ", and no RESTRICTIVE policy narrows them" : ""}`
      : "";
    return `because of ${each.join(" and ")}${joined}`;
  },
  "no-rls": ({ relation, why, role, view, origin }) =>
    view === undefined
      ? `${relation}: ${exempt[why](role)}${createdAt(origin)}`
      : `view ${view} reads ${relation} with the rights of its owner (it is not security_invoker): ${exempt[why](role)}${createdAt(origin)}`,
  definer: ({ function: name, owner, bypasses, origin }) =>
    `function ${name} runs with the rights of its owner ${owner} (SECURITY DEFINER)${bypasses ? ", to which RLS does not apply" : ""}${createdAt(origin)}`,
  grant: ({ privilege, on, role, origin }) => `${role} holds ${privilege} on ${on}${createdAt(origin)}`,
  unknown: ({ because }) => `cause not found: ${because}`,
};

/** What lets the unexpected rows through, in one sentence. */
export function causeText(cause: Cause): string {
  return oneLine((causeWords[cause.kind] as (of: Cause) => string)(cause));
}

function createdAt(origin: string | undefined): string {
  return origin === undefined ? "" : `, ${origin}`;
}
