import type { Issue } from "./errors.ts";
import type { Finding } from "./finding.ts";
import type { Operation } from "./matrix.ts";
import type { Witness } from "./proof.ts";
import type { Verdict } from "./verdict.ts";

/** One statement of the pending migrations. */
export interface GateStatement {
  readonly file: string;
  readonly line: number;
  /** Its first line. */
  readonly text: string;
}

/** Rows that were read or changed, or candidates and calls that were accepted, of those that were tried. */
export interface Reached {
  readonly count: number;
  readonly of: number;
}

/** What a persona may do otherwise than before. */
export interface GateChange {
  readonly cell: string;
  readonly persona: string;
  /** `schema.name`; of a function with its types. */
  readonly relation: string;
  readonly operation: Operation;
  readonly column?: string | undefined;
  readonly call?: string | undefined;
  /** `undefined`: there was nothing of that name, or the probe could not tell. */
  readonly before: Reached | undefined;
  readonly after: Reached | undefined;
  /** Rows that are reached and were not, where their keys are known; there may be others that were reached and are not. */
  readonly rows?: number | undefined;
  /** Keys of a few rows, or names of candidates. */
  readonly examples: readonly string[];
  /** Columns that are granted besides those of before. */
  readonly columns?: readonly string[] | undefined;
  /** A row that the data does not hold, and that is in reach now; none of those at hand shows the change. */
  readonly lacking?: Witness | undefined;
  /** Rows may be changed to values that were refused before: the examples. */
  readonly values?: true | undefined;
  /** Nothing more is reached today: only a privilege changed. */
  readonly privilegeOnly: boolean;
  /** Why the matrix agrees: `declared` or `waived`, and where it says so. */
  readonly declared?:
    | {
        readonly how: "declared" | "waived";
        readonly at: string;
        /** Whether the matrix of the base says something else; absent where none is compared with. */
        readonly changed?: boolean | undefined;
      }
    | undefined;
  /** Index of the statement that made the change. */
  readonly statement?: number | undefined;
  /** Index of what put in the rows that show it, where another statement opened them: `statement`. */
  readonly filledBy?: number | undefined;
}

/** A cell of the matrix that passed before and does not pass afterwards. */
export interface BrokenCell {
  readonly cell: string;
  readonly verdict: Verdict;
  readonly because: string;
  /** Where the matrix declares it. */
  readonly at: string;
  readonly statement?: number | undefined;
  /** As of a change. */
  readonly filledBy?: number | undefined;
}

/** A finding that the migrations bring about; or what the matrix leaves out, and left out before. */
export interface NewFinding {
  readonly finding: Finding;
  readonly before?: true | undefined;
  readonly statement?: number | undefined;
}

/** Who could use an object that is created after the migrations, by default privileges alone. */
export interface FutureAccess {
  readonly object: "table" | "function";
  readonly schema: string;
  /** Who creates it. */
  readonly owner: string;
  readonly role: string;
  readonly gained: readonly string[];
  readonly lost: readonly string[];
  readonly statement?: number | undefined;
}

/** Among what code writes: a BEFORE trigger that decides which rows are refused. */
export const refusesRows = "which rows are refused";

/** Among what it does: a function that runs with its owner's rights returns rows. */
export const returnsRows = "what it returns";

/** Code that a statement or a call runs, and that is other code than before: what it writes is not compared. */
export interface SideWrite {
  /** `trigger copy on public.notes` */
  readonly by: string;
  /** Relations, and whatever else it sets. */
  readonly writes: readonly string[];
  /** Of it, the functions that write, as the matrix waives them. */
  readonly functions: readonly string[];
  /** What a write or a sign-up that fires it opened, or why none could be tried; `undefined`: none was tried. */
  readonly opens?: readonly string[] | undefined;
  readonly statement?: number | undefined;
}

/** What a role could hand on, change or become by itself, and could not before. */
export interface PowerGained {
  /** `undefined`: it is not about one role. */
  readonly role: string | undefined;
  /** `may grant SELECT on public.secrets to others` */
  readonly power: string;
  readonly statement?: number | undefined;
}

/** `authenticated may grant SELECT on public.secrets to others`: as reports print it, and the matrix waives it. */
export function powerText({ role, power }: PowerGained): string {
  return role === undefined ? power : `${role} ${power}`;
}

export interface GateRecord {
  readonly matrix: string;
  readonly target: string;
  /** The commit with which the matrix was compared. */
  readonly base?: string | undefined;
  readonly files: readonly string[];
  readonly statements: readonly GateStatement[];
  readonly personas: number;
  readonly relations: number;
  /** Cells whose access was compared. */
  readonly compared: number;
  /** And those of them of which the proof for all rows was asked on both sides. */
  readonly proved: number;
  /** Cells whose access is known before, and not afterwards. */
  readonly unknown: readonly string[];
  readonly gained: readonly GateChange[];
  readonly lost: readonly GateChange[];
  readonly broken: readonly BrokenCell[];
  readonly findings: readonly NewFinding[];
  readonly future: readonly FutureAccess[];
  readonly sideWrites: readonly SideWrite[];
  readonly powers: readonly PowerGained[];
  /** Why the matrix does not fit the database afterwards, where it did before. */
  readonly misfit: { readonly issues: readonly Issue[]; readonly statement?: number | undefined } | undefined;
  /** What is worth knowing and stops nothing: a sentence each. */
  readonly notes: readonly string[];
  /** What is in force otherwise than before: a sentence each. */
  readonly rules: readonly string[];
  readonly milliseconds: number;
}

/** Access that was gained, and that the matrix does not declare. */
export function undeclaredGains({ gained }: Pick<GateRecord, "gained">): readonly GateChange[] {
  return gained.filter(({ declared }) => declared === undefined);
}

/** 1: access widens, or a cell that passed does not pass, and the matrix does not say so. */
export function gateExitCode(record: GateRecord): 0 | 1 {
  const widened = record.future.some(({ gained }) => gained.length > 0);
  const { broken, findings, unknown, sideWrites, powers } = record;
  const fails =
    undeclaredGains(record).length +
    broken.length +
    findings.length +
    unknown.length +
    sideWrites.length +
    powers.length;
  return fails > 0 || widened || record.misfit !== undefined ? 1 : 0;
}
