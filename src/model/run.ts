import type { BaselineRecord } from "./baseline.ts";
import type { Channel } from "./cell.ts";
import type { PolicyInfo } from "./catalog.ts";
import type { SourcePosition } from "./errors.ts";
import type { Finding } from "./finding.ts";
import type { Expectation, Json, NewRows, Operation, Waiver } from "./matrix.ts";
import type { Observation } from "./observation.ts";
import type { ScratchRowRecord } from "./scratch-row.ts";
import type { ContainersRecord, GatewayInfo, Posture, TlsSettings, Writes } from "./target.ts";
import type { SeededRow } from "./proof.ts";
import type { Evidence, Judgement, Verdict } from "./verdict.ts";

/** The archive's format: raised when a reader of the old one could misread the new one. */
export const archiveVersion = 3;

/** One line of `cells.ndjson`, what it refers to in its place. */
export interface CellRecord {
  readonly id: string;
  readonly matrix: string;
  readonly persona: string;
  readonly schema: string;
  readonly relation: string;
  readonly operation: Operation;
  /** A column cell: whether the value of this column is shown. */
  readonly column?: string | undefined;
  /** A column cell: in every row that the SELECT declares. */
  readonly everywhere?: boolean | undefined;
  /** `execute`: the call, where the function has several. `relation` is the function then. */
  readonly call?: string | undefined;
  readonly expectation: Expectation;
  /** INSERT and UPDATE: which rows may be written. */
  readonly check?: NewRows | undefined;
  /** Rows that the data lacks, which were put in to see that what is declared holds, and undone. */
  readonly seeded?: readonly SeededRow[] | undefined;
  readonly implied: boolean;
  readonly at: SourcePosition;
  readonly waiver: Waiver | undefined;
  /** Marked `observed` in the matrix: no person has confirmed the expectation. */
  readonly observed?: boolean | undefined;
  /** A waiver of the matrix turned the failure into a pass of the run (not of the cell). */
  readonly waived: boolean;
  readonly verdict: Verdict;
  readonly channels: Readonly<Partial<Record<Channel, ChannelRecord>>>;
  readonly notOn: Readonly<Partial<Record<Channel, string>>>;
  /** How to reproduce it without rowgate; only for cells that did not pass. */
  readonly reproduce: Reproduction | undefined;
  /** Only for a leak: what lets the unexpected rows through. */
  readonly cause?: Cause | undefined;
  /** The policy or grant in force for this persona and operation; only for cells that did not pass. */
  readonly inForce: readonly string[];
}

/** What passes for all rows assume. */
export interface ProofsRecord {
  readonly hold: "for this persona, with the other tables as they are";
  readonly restsOn: readonly {
    readonly relation: string;
    /** Other relations that its policies, or what is declared, read: with other rows in them another proof may be due. */
    readonly relations: readonly string[];
    /** Claims that a policy reads and no persona holds, and the times that decide: no cell passes on these. */
    readonly claims: readonly string[];
    readonly time: readonly string[];
    /** Functions that find names by the session's search_path. */
    readonly byPath: readonly string[];
  }[];
}

/** What lets through more than declared: found by evaluating each rule with the rows, as the persona, or read from the catalogue. */
export type Cause =
  | {
      readonly kind: "policies";
      /** `schema.relation` whose policies they are. */
      readonly relation: string;
      /** Unexpected rows that were examined; each policy counts those of them that it lets through. */
      readonly rows: number;
      readonly policies: readonly CausePolicy[];
      /** RESTRICTIVE policies that apply and let the rows through as well. */
      readonly restrictive: number;
    }
  | {
      readonly kind: "no-rls";
      readonly relation: string;
      readonly why: "off" | "superuser" | "bypassrls" | "owner" | "kind";
      /** As whom the relation is read or written. */
      readonly role: string;
      /** It is read through this view, with its owner's rights (without `security_invoker`). */
      readonly view?: string | undefined;
      readonly origin?: string | undefined;
    }
  | {
      readonly kind: "definer";
      readonly function: string;
      readonly owner: string;
      readonly bypasses: boolean;
      readonly origin?: string | undefined;
    }
  | {
      readonly kind: "grant";
      readonly privilege: string;
      readonly on: string;
      readonly role: string;
      readonly origin?: string | undefined;
    }
  | { readonly kind: "unknown"; readonly because: string };

export interface CausePolicy {
  readonly name: string;
  readonly command: PolicyInfo["command"];
  readonly rows: number;
  /** `file:line` of the SQL that created it, where rowgate applied that file. */
  readonly origin?: string | undefined;
}

export interface ChannelRecord extends Judgement {
  /** What was sent: SQL, or `METHOD /path`. */
  readonly probe: string;
  readonly observation: Observation;
  readonly milliseconds: number | undefined;
}

export interface Reproduction {
  /** A block to paste into psql. */
  readonly psql: string;
  /**
   * A curl line that takes its token from `rowgate token`; `undefined` when the cell has no rest form, or what it writes would stay
   * and could not be distinguished from other rows.
   */
  readonly curl: string | undefined;
  /** SQL that takes back what the curl line writes; absent: it writes nothing that stays. */
  readonly undo?: string | undefined;
}

/** SHA-256 of what the run was given, hex. */
export interface InputFingerprint {
  readonly path: string;
  readonly sha256: string;
}

export interface PersonaRecord {
  readonly name: string;
  readonly role: string;
  /** The role that it logs in as by itself; absent: the gateway's. */
  readonly login?: string | undefined;
  readonly claims: Readonly<Record<string, Json>> | undefined;
  readonly settings: Readonly<Record<string, string>>;
}

/** Rows and an order-free hash of a probed table before and after the run. */
export interface TableFingerprint {
  readonly relation: string;
  readonly before: { readonly rows: number; readonly hash: string };
  /** Absent when it could not be read; then a finding says why. */
  readonly after?: { readonly rows: number; readonly hash: string } | undefined;
}

export interface GatewayChecks {
  /** The gateway honours `Prefer: tx=rollback` (a harmless GET came back with it applied, or rowgate has configured it so). */
  readonly rollbackHonoured: boolean;
  /** A token with a tampered signature was answered PGRST301. `undefined`: there was nothing to ask the gateway for. */
  readonly tamperedTokenRefused?: boolean | undefined;
  /** A token naming a role that does not exist was answered 22023. `undefined`: no key to sign one with. */
  readonly unknownRoleRefused: boolean | undefined;
  /** A statement sent through the gateway was seen at work in the database. Absent: rowgate has put the gateway there. */
  readonly sameDatabase?: boolean | undefined;
  /** A SELECT whose rows depend on `sub` answered exactly those rows: the identity arrives. `undefined`: no cell could show it. */
  readonly identityShown: boolean | undefined;
}

export interface Counts {
  readonly cells: number;
  /** Every cell once, by its own verdict, waived or not. */
  readonly byVerdict: Readonly<Record<Verdict, number>>;
  readonly byChannel: Readonly<Record<Channel, Readonly<Record<Verdict, number>>>>;
  /** Cells that passed, by what they rest on; absent in older archives. */
  readonly byEvidence?: Readonly<Record<Evidence, number>> | undefined;
  /** Of those for all rows: no more is let through whatever rows other tables hold; absent in older archives. */
  readonly anyTables?: number | undefined;
  /** Failing cells that a live waiver covers; they are in `byVerdict` too, under the verdict that they got. */
  readonly waived: number;
  readonly waivedByVerdict: Readonly<Record<Verdict, number>>;
  /** Errors in `byChannel` that waivers cover, which name them; absent: none. */
  readonly waivedErrors?: Readonly<Record<Channel, number>> | undefined;
  /** Cells whose expectation was observed and is not confirmed; absent: none. */
  readonly observed?: number | undefined;
}

export interface Timings {
  /** Milliseconds. */
  readonly start: number;
  readonly preflight: number;
  readonly probe: number;
  readonly total: number;
}

/** `run.json`: everything about a run but its cells. */
export interface RunRecord {
  readonly archiveVersion: typeof archiveVersion;
  readonly id: string;
  readonly rowgate: string;
  readonly startedAt: string;
  readonly finishedAt: string;
  /** `undefined` outside a git checkout. */
  readonly gitCommit: string | undefined;
  readonly matrix: { readonly name: string; readonly file: string };
  readonly inputs: readonly InputFingerprint[];
  readonly target: {
    readonly name: string;
    readonly posture: Posture;
    readonly database: string;
    readonly serverVersion: string;
    readonly rest: { readonly url: string; readonly gateway: GatewayInfo } | undefined;
    /** What it runs from, where that is containers. */
    readonly containers?: ContainersRecord | undefined;
    /** What a started database was made to look like, besides the system's SQL. */
    readonly baseline?: BaselineRecord | undefined;
    /** The key's id, never the key. */
    readonly keyId: string | undefined;
    /** What the database's certificate was checked for; `off`: not encrypted. Absent: rowgate has started it. */
    readonly tls?: TlsSettings["verify"] | "off" | "socket" | undefined;
    readonly writes?: Writes | undefined;
    /** Supabase's auth server, whose claims signed-in personas got besides their own. */
    readonly issuer?: string | undefined;
    /** Why it looks like production, although the configuration says that it is not. */
    readonly override?: string | undefined;
  };
  readonly filters: RunFilters;
  /** Words of a command line that proves the same matrix in the same state, without the filters. */
  readonly command?: readonly string[] | undefined;
  /** What the proofs for all rows rest on besides the policies; absent: none was made. */
  readonly proofs?: ProofsRecord | undefined;
  /** What `--fail-on` named: notes of these kinds fail the run. Absent: none do. */
  readonly failOn?: readonly string[] | undefined;
  /** Relations and functions that the matrix waives: no cell of theirs was probed. */
  readonly waivedRelations?: readonly WaivedRelation[] | undefined;
  readonly personas: readonly PersonaRecord[];
  /** In the order of the matrix. */
  readonly relations: readonly string[];
  readonly gatewayChecks: GatewayChecks | undefined;
  readonly fingerprints: readonly TableFingerprint[];
  /** Rows that the run made where nothing is rolled back. */
  readonly rows?: readonly ScratchRowRecord[] | undefined;
  readonly findings: readonly Finding[];
  /** Absent in older archives. */
  readonly escalation?: EscalationRecord | undefined;
  readonly counts: Counts;
  readonly roundTrips: { readonly direct: number; readonly rest: number };
  readonly timings: Timings;
  readonly exitCode: 0 | 1 | 2;
  /** What the checkpoint calls the chain; absent: it was not configured. */
  readonly chainOrigin?: string | undefined;
  /** The archive before this one (an unsigned chain shows accidents, not a determined hand). */
  readonly previous: { readonly id: string; readonly sha256: string } | undefined;
}

/** What of the search for escalation was done: chains that were not tried are no pass. */
export interface EscalationRecord {
  /** What was asked for: `default`, `full`, `off`, seconds or chains. */
  readonly wish: string;
  /** Why nothing was searched. */
  readonly because?: string | undefined;
  /** Chains of one step that could be tried, and those that were. */
  readonly possible: number;
  readonly tried: number;
  /** Of those tried, how many the database let through. */
  readonly accepted: number;
  /** Chains of an accepted write and a call that depends on it. */
  readonly twoStep: { readonly possible: number; readonly tried: number };
  /** On shared targets: chains that gained something once and not when they were tried again, so others had changed it. */
  readonly notConfirmed?: number | undefined;
  /** Relations and functions to which no step was sent, since a rollback does not undo it; and what takes too long to be measured. */
  readonly leftOut: readonly string[];
  /** Relations of which not every row was looked at. */
  readonly sampled: readonly string[];
  readonly seconds: number;
}

export interface WaivedRelation extends Waiver {
  /** `schema.relation`; of a function with its types. */
  readonly relation: string;
}

export interface RunFilters {
  readonly only: readonly string[];
  readonly personas: readonly string[];
  readonly channels: readonly Channel[];
}
