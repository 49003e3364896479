import type { Cell } from "../../model/cell.ts";
import type { Failure } from "../../model/observation.ts";

/** Another state of the session in which an identity-less persona is probed too. */
export type SessionState = "never set" | "reset";

/** One probe of a batch; `sql/probe_batch.sql` says what each kind does. */
export interface BatchRequest {
  readonly kind: "r" | "w" | "e" | "i" | "f";
  readonly control?: string | undefined;
  /** `i`: one for each candidate; templates (`$1`) unless rules rewrite them. `after`: templates. */
  readonly statements: readonly string[];
  readonly after?: readonly (string | null)[] | undefined;
  /** `i`: what goes into each template. */
  readonly values?: readonly Readonly<Record<string, string | null>>[] | undefined;
  readonly differences?: string | undefined;
  readonly list?: string | undefined;
  readonly guard?: 1 | 2 | undefined;
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
  readonly n?: number;
  readonly h?: string;
  readonly an?: number;
  readonly ah?: string;
  readonly d?: Differences;
  readonly away?: boolean;
  readonly stage?: string;
  readonly cname?: string;
  readonly ctable?: string;
  readonly dtype?: string;
  readonly mode?: "replica";
  /** Which of the statements it was, from 1; absent for the first. */
  readonly v?: number;
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
}

export interface ControlFacts {
  readonly total: number;
  readonly declared: number;
  readonly declaredHash: string | undefined;
  readonly totalHash: string | undefined;
}

export type Reply =
  | { readonly kind: "parts"; readonly control: ControlFacts; readonly parts: readonly Part[] }
  | { readonly kind: "rows"; readonly control: ControlFacts; readonly rows: RowByRow }
  | { readonly kind: "control-error"; readonly code: string; readonly message: string }
  | { readonly kind: "failed"; readonly failure: Failure }
  | { readonly kind: "routine"; readonly routine: string | undefined };

/** An answer as `rowgate.answers` holds it. */
export interface RawAnswer {
  readonly c?: readonly [number, number, (string | null)?];
  readonly t?: readonly Part[];
  readonly e?: RowByRow;
  readonly ce?: readonly [string, string];
}

const noControl: ControlFacts = { total: 0, declared: 0, declaredHash: undefined, totalHash: undefined };

export function replyOf(raw: RawAnswer): Reply {
  if (raw.ce) return { kind: "control-error", code: raw.ce[0], message: raw.ce[1] };
  const control = raw.c ? controlFacts(raw.c[0], raw.c[1], raw.c[2]) : noControl;
  return raw.e ? { kind: "rows", control, rows: raw.e } : { kind: "parts", control, parts: raw.t ?? [] };
}

function controlFacts(total: number, declared: number, hash: string | null | undefined): ControlFacts {
  if (!hash) return { total, declared, declaredHash: undefined, totalHash: undefined };
  const [declaredHash, totalHash] = hash.split(":");
  return { total, declared, declaredHash, totalHash };
}
