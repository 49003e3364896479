import type { Signer } from "../archive/sign.ts";
import type { Cell } from "../model/cell.ts";
import type { Matrix } from "../model/matrix.ts";
import type { Observation } from "../model/observation.ts";
import type { KnownAnswers } from "../prove/known-answers.ts";
import type { Captured, ConfiguredApi } from "../model/baseline.ts";
import type { SqlOrigin } from "../model/origin.ts";
import type { Moment } from "../lib/moment.ts";
import type { ProofAnswer } from "../model/proof.ts";
import type { CellRecord, InputFingerprint, RunFilters } from "../model/run.ts";
import type { DatabaseAddress, Limits, RestAddress, Target } from "../model/target.ts";

/** What preflight needs of a run: its database, before a gateway is started for it. */
export interface PreflightRequest {
  readonly matrix: Matrix;
  readonly filters: RunFilters;
  readonly database: DatabaseAddress;
  readonly limits: Limits;
  readonly gateway: GatewayFacts | undefined;
  readonly known?: RunRequest["known"];
}

/** What is known of a gateway before it is started. */
export interface GatewayFacts extends Pick<RestAddress, "login" | "anonRole"> {
  /** Those that it exposes. */
  readonly schemas: readonly string[];
  readonly preRequest: Target["preRequest"];
}

export function gatewayOf({ rest, schemas, preRequest }: Target): GatewayFacts | undefined {
  return rest && { login: rest.login, anonRole: rest.anonRole, schemas, preRequest };
}

/** One matrix, one running target, and where the evidence goes. */
export const proofWishes = ["all-rows", "rows-at-hand"] as const;
export type ProofWish = (typeof proofWishes)[number];

export const argumentsWishes = ["varied", "declared"] as const;
export type ArgumentsWish = (typeof argumentsWishes)[number];
/**
 * How long to search for escalation: a share of the run's own time, as many seconds, as many one-step chains (the same on every
 * machine), until all was tried, or not at all.
 */
export type EscalationWish =
  | "default"
  | "full"
  | "off"
  | { readonly seconds: number }
  /** As many times as long as by default: so that a later run by default tries nothing that was not tried. */
  | { readonly times: number }
  | { readonly chains: number };

export interface RunRequest {
  readonly id: string;
  readonly startedAt: Moment;
  readonly matrix: Matrix;
  readonly target: Target;
  /** What the run was given, besides the matrix: policies and seeds. */
  readonly inputs: readonly InputFingerprint[];
  readonly filters: RunFilters;
  /** The archive's root. */
  readonly logs: string;
  /** Where the SQL that rowgate applied created what is in force: for the causes of leaks, and the archive. */
  readonly origins?: (() => Promise<readonly SqlOrigin[]>) | undefined;
  /** How far passes are proved: for all rows there could be, where a policy decides (the default), or for the rows at hand. */
  readonly proof?: ProofWish | undefined;
  /** Of a cell that its direct probe has shown to be a leak: whether the proof is asked, and its cause looked for. Default: always. */
  readonly examines?: ((cell: Cell, seen: Observation) => boolean) | undefined;
  /** What earlier runs have found, where nothing has changed since. */
  readonly known?: KnownAnswers | undefined;
  /** `note`, or kinds of findings: notes that fail the run. */
  readonly failOn?: readonly string[] | undefined;
  /** Whether functions are called with other arguments than the declared ones; default: on targets that no one else uses. */
  readonly arguments?: ArgumentsWish | undefined;
  /** `listed`: columns that the matrix says nothing of are not written: no verdict hangs on them. */
  readonly columns?: "listed" | undefined;
  /** `undefined`: `default`. */
  readonly escalation?: EscalationWish | undefined;
  /** A copy of the target's database that nothing else uses: what is tried besides the probes is tried there, beside them. */
  readonly copy?: DatabaseAddress | undefined;
  /** Words of a command line that proves the same again, for the record. */
  readonly command?: readonly string[] | undefined;
  readonly gitCommit: string | undefined;
  readonly version: string;
  /** What the chain is called in its checkpoint. */
  readonly chainOrigin?: string | undefined;
  /** The default privileges of the target that this database stands for. */
  readonly captured?: Captured | undefined;
  /** What config.toml says of the API, where the system is the project's. */
  readonly api?: ConfiguredApi | undefined;
  /** Signs what the archive attests. */
  readonly signer?: Signer | undefined;
  /** Milliseconds that starting the target took. */
  readonly startMs: number;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Aborted: the run ends after the chunk that is on, and leaves no archive. */
  readonly interrupted?: AbortSignal | undefined;
}

/** What a run tells while it is on. */
export interface RunEvents {
  readonly planned?: (cells: number) => void;
  /** `proof`: the answer of the proof for all rows, where it was asked. */
  readonly cell?: (record: CellRecord, proof?: ProofAnswer) => void;
}
