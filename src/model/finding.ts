import type { BypassPath } from "./bypass-path.ts";
import type { SourcePosition } from "./errors.ts";
import type { Witness } from "./proof.ts";

/** What a function returned for an argument that identifies another persona. */
export interface ArgumentFinding {
  /** With what goes in: `public.find(id uuid)`. */
  readonly function: string;
  readonly personas: readonly string[];
  /** `with uid = 'u2' (luis)` */
  readonly with: string;
  /** Whose rows came back, decided the answer, or were changed. */
  readonly relation: string;
  readonly rows: number;
  readonly keys: readonly string[];
  /** The call that shows it. */
  readonly sql: string;
}

/** Something to report that is not about one cell. Facts only: src/messages/findings.ts words them. */
export type Finding = FindingFacts & {
  /** `--fail-on` made a failure of this note. */
  readonly raised?: true | undefined;
  /** In the record: what it counts as, in addition to the verdicts of cells. */
  readonly verdict?: "leak" | undefined;
};

type FindingFacts =
  | { readonly kind: "undeclared-relation"; readonly relation: string; readonly relationKind: string }
  | {
      readonly kind: "undeclared-function";
      /** With what goes in: `public.find(id uuid)`. */
      readonly function: string;
      /** Personas' roles that may execute it. */
      readonly roles: readonly string[];
    }
  | {
      readonly kind: "undeclared-definer";
      readonly function: string;
      /** With whose rights it runs. */
      readonly owner: string;
      /** Personas' roles that may execute it, and whom policies bind. */
      readonly roles: readonly string[];
    }
  | {
      readonly kind: "undeclared-identity-setter";
      readonly function: string;
      /** Personas' roles that may call it through the gateway, and whom policies bind. */
      readonly roles: readonly string[];
    }
  | { readonly kind: "undeclared-exposed-schema"; readonly schema: string }
  | {
      /** `[api] schemas` of config.toml names others than `exposes:`. */
      readonly kind: "exposed-schemas-differ";
      readonly configured: readonly string[];
      readonly configuredAt: SourcePosition;
      readonly exposes: readonly string[];
      readonly at: SourcePosition;
    }
  | { readonly kind: "missing-pre-request"; readonly function: string }
  | {
      readonly kind: "unprobed-anonymous-role";
      readonly role: string;
      /** Declared relations on which it holds something, and functions that run with their owners' rights. */
      readonly reaches: readonly string[];
    }
  | {
      readonly kind: "owner-bypasses-rls";
      readonly persona: string;
      readonly role: string;
      readonly relation: string;
    }
  | {
      readonly kind: "superuser-persona";
      readonly persona: string;
      readonly role: string;
      readonly why: "superuser" | "bypassrls";
    }
  | {
      /** The persona is the token without claims that an equal of it states. */
      readonly kind: "claims-left-out";
      readonly persona: string;
      readonly claims: readonly string[];
    }
  | {
      /** What new objects give to roles, on the target that was captured and here. */
      readonly kind: "default-privileges-differ";
      readonly target: string;
      /** ISO 8601. */
      readonly capturedAt: string;
      /** `SELECT, INSERT on new tables of postgres in public to anon` */
      readonly onlyThere: readonly string[];
      readonly onlyHere: readonly string[];
    }
  | {
      readonly kind: "login-role-escalation";
      readonly login: string;
      /** As whom the login can put policies aside, by SET ROLE. */
      readonly roles: readonly string[];
    }
  | ({ readonly kind: "login-bypass-path" } & BypassPath)
  | { readonly kind: "unprobed-role"; readonly role: string; readonly relations: readonly string[] }
  | { readonly kind: "argument-untested"; readonly function: string; readonly arguments: readonly string[] }
  | ({ readonly kind: "argument-leak" } & ArgumentFinding)
  | ({ readonly kind: "argument-answer" } & ArgumentFinding)
  | ({ readonly kind: "argument-writes" } & ArgumentFinding)
  | {
      /** Yes or no, by rows that these personas may not read. */
      readonly kind: "answers-about-others";
      readonly function: string;
      readonly personas: readonly string[];
    }
  | {
      /** A value of the user's choice was stored, and the matrix says nothing of the column. */
      readonly kind: "unlisted-assignable-columns";
      readonly relation: string;
      /** `role (ana, luis)` */
      readonly columns: readonly string[];
    }
  | { readonly kind: "columns-not-tried"; readonly relation: string; readonly columns: readonly string[] }
  | { readonly kind: "arguments-not-varied"; readonly function: string; readonly because: string }
  | {
      /** A policy would allow the persona a row that it owns, and the data has no such row: the deny passes for the existing rows. */
      readonly kind: "own-row-missing";
      readonly relation: string;
      /** `belen: update, delete` */
      readonly cells: readonly string[];
      /** One such row, as JSON. */
      readonly example: string;
    }
  | {
      /** Rows are let in that differ from every accepted candidate in columns of which the same persona's row sets speak. */
      readonly kind: "insert-unlike-candidates";
      /** Cells. */
      readonly count: number;
      /** `public.docs.published` */
      readonly columns: readonly string[];
    }
  | {
      /** Accepted candidates are all that the matrix says of an INSERT, and the policies let in other rows. */
      readonly kind: "insert-wider-than-declared";
      readonly relation: string;
      readonly personas: readonly string[];
      /** One such row, which was inserted and undone: column → text. */
      readonly example: Witness;
    }
  | {
      readonly kind: "forbidden-update-untested";
      readonly relation: string;
      readonly column: string;
      /** The relations whose policies read it. */
      readonly of: readonly string[];
      readonly personas: readonly string[];
    }
  | {
      readonly kind: "cascades-past-a-deny";
      /** Whose rows are deleted or changed. */
      readonly relation: string;
      /** Rows of which others are deleted. */
      readonly from: string;
      readonly does: "deletes" | "changes";
      readonly personas: readonly string[];
    }
  | ChainFinding
  | {
      /** What the matrix allows to be gained, and nothing that was tried has gained. */
      readonly kind: "may-become-not-reached";
      readonly cell: string;
      readonly at: SourcePosition;
    }
  | { readonly kind: "no-privileged-connection"; readonly login: string }
  | { readonly kind: "rows-changed"; readonly relation: string }
  | { readonly kind: "rows-unreadable"; readonly because: string }
  | { readonly kind: "probe-rows-left"; readonly relation: string; readonly rows: number }
  | { readonly kind: "changed-by-others"; readonly relation: string }
  | { readonly kind: "session-user-policy"; readonly relation: string; readonly policy: string }
  | { readonly kind: "immutable-reads-setting"; readonly function: string }
  | { readonly kind: "rollback-not-honoured"; readonly gateway: string }
  | {
      readonly kind: "waiver-expired";
      readonly cell: string;
      readonly expires: string;
      readonly at: SourcePosition;
    }
  | {
      readonly kind: "side-effect-outside-transaction";
      readonly relation: string;
      readonly function: string;
      readonly reaches: string;
    }
  | { readonly kind: "sequences-advanced"; readonly sequences: readonly string[] }
  | { readonly kind: "not-watched"; readonly relation: string; readonly because: string }
  | { readonly kind: "login-unknown"; readonly persona: string; readonly because: string }
  | { readonly kind: "privileged-login-setting"; readonly login: string; readonly setting: string }
  | {
      readonly kind: "writes-committed";
      /** Rows that the run made, and those of them that may still be there. */
      readonly rows: number;
      readonly left: number;
    }
  /** By how many seconds it was set forward; back, below 0. */
  | { readonly kind: "clock-was-set"; readonly seconds: number }
  | { readonly kind: "production-override"; readonly because: string }
  | { readonly kind: "rest-not-probed"; readonly reason: string };

/** What a persona gains by writes and calls that are allowed. */
export const chainKinds = [
  "escalation",
  "escalation-of-another",
  "gives-away",
  "plants",
  "opens-by-declared-step",
] as const;
export type ChainKind = (typeof chainKinds)[number];

/** A chain of steps, and what it opens. */
export interface Chain {
  /** Who can take the steps. */
  readonly personas: readonly string[];
  /** In words, in order. */
  readonly steps: readonly string[];
  /** How many chains that differ in their values alone gain the same. */
  readonly chains: number;
  readonly gains: readonly {
    /** `select public.docs`. */
    readonly what: string;
    readonly rows: number;
    /** Keys of a few of the rows. */
    readonly examples: readonly string[];
    /** Who gains it: no persona of the matrix is the one that stands for any other user. Absent in older archives. */
    readonly by?: readonly string[];
  }[];
  /** SQL for psql that shows it; nothing of it stays. */
  readonly reproduce: string;
}

export type ChainFinding = { readonly [Kind in ChainKind]: { readonly kind: Kind } & Chain }[ChainKind];

export function isChain(finding: Finding): finding is ChainFinding {
  return (chainKinds as readonly string[]).includes(finding.kind);
}

export type FindingKind = Finding["kind"];

/**
 * `leak`: a statement that was made showed more than the matrix declares; exit code 1, also when there are errors, as a cell's. `error`: 2;
 * `failure`: 1; `note`: reported, and does not count.
 */
export type Severity = "leak" | "error" | "failure" | "note";

export const findingSeverity: Readonly<Record<FindingKind, Severity>> = {
  "undeclared-relation": "failure",
  "undeclared-function": "note",
  "undeclared-definer": "failure",
  "undeclared-identity-setter": "failure",
  "undeclared-exposed-schema": "failure",
  "exposed-schemas-differ": "note",
  "missing-pre-request": "failure",
  "owner-bypasses-rls": "error",
  "superuser-persona": "note",
  "claims-left-out": "note",
  "default-privileges-differ": "failure",
  "login-role-escalation": "failure",
  "login-bypass-path": "failure",
  "unprobed-role": "note",
  "unprobed-anonymous-role": "failure",
  "argument-untested": "note",
  "argument-leak": "leak",
  "argument-answer": "leak",
  "argument-writes": "leak",
  "answers-about-others": "note",
  "arguments-not-varied": "note",
  "unlisted-assignable-columns": "note",
  "columns-not-tried": "note",
  "forbidden-update-untested": "note",
  "own-row-missing": "note",
  "insert-unlike-candidates": "note",
  "insert-wider-than-declared": "leak",
  "cascades-past-a-deny": "note",
  escalation: "leak",
  "escalation-of-another": "leak",
  "gives-away": "leak",
  plants: "leak",
  "opens-by-declared-step": "note",
  "may-become-not-reached": "failure",
  "no-privileged-connection": "error",
  "rows-changed": "error",
  "rows-unreadable": "error",
  "probe-rows-left": "error",
  "changed-by-others": "note",
  "session-user-policy": "note",
  "immutable-reads-setting": "failure",
  "rollback-not-honoured": "note",
  "waiver-expired": "failure",
  "side-effect-outside-transaction": "note",
  "sequences-advanced": "note",
  "not-watched": "note",
  "login-unknown": "failure",
  "privileged-login-setting": "failure",
  "writes-committed": "note",
  "clock-was-set": "note",
  "production-override": "note",
  "rest-not-probed": "note",
};

/** Notes that say that something was not proved, or not probed at all: what `--strict` makes failures of. */
export const unprovedNotes: readonly FindingKind[] = [
  "own-row-missing",
  "forbidden-update-untested",
  "argument-untested",
  "unprobed-role",
  "undeclared-function",
  "exposed-schemas-differ",
  "not-watched",
  "changed-by-others",
];

/** Notes that say that the matrix leaves out something in reach: what `--require-complete` makes failures of. */
export const incompleteNotes: readonly FindingKind[] = ["undeclared-function", "unprobed-role"];

/** What a finding counts as in its run. */
export function severityOf({ kind, raised }: Pick<Finding, "kind" | "raised">): Severity {
  return raised === true ? "failure" : findingSeverity[kind];
}

/** As the record holds it. A note that `--fail-on` names, by its kind or as `note`, is a failure; what is worse stays as it is. */
export function recordedFinding(finding: Finding, failOn: readonly string[]): Finding {
  if (isLeak(finding)) return { ...finding, verdict: "leak" };
  const named = failOn.includes("note") || failOn.includes(finding.kind);
  return named && findingSeverity[finding.kind] === "note" ? { ...finding, raised: true } : finding;
}

export function isLeak(finding: Pick<Finding, "kind" | "raised">): boolean {
  return severityOf(finding) === "leak";
}

/** Whether a finding fails the run, whatever its cells say. */
export function failsRun(finding: Pick<Finding, "kind" | "raised">): boolean {
  return severityOf(finding) !== "note";
}
