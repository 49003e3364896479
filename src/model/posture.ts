import type { Cell } from "./cell.ts";
import { RowgateError } from "./errors.ts";
import { operationInfo } from "./operations.ts";
import type { DatabaseAddress, Posture, Target } from "./target.ts";

/** What a posture allows, whatever is planned, asked for or configured. */
interface PostureRules {
  /** Writes may be sent, such as are undone. */
  readonly takesWrites: boolean;
  /** Others work there too: their rows change meanwhile, and they wait for our locks. */
  readonly shared: boolean;
  /**
   * What becomes of a write that would reach what a rollback does not undo: on a database of rowgate's own it is said and
   * made, on one that others use it is not made unless the matrix says that it may.
   */
  readonly sideEffects: "noted" | "blocked";
  /** Rows may be people's: the archive holds them redacted, unless asked otherwise. The others hold what the matrix's own files inserted. */
  readonly redacts: boolean;
}

export const postureRules: Readonly<Record<Posture, PostureRules>> = {
  embedded: { takesWrites: true, shared: false, sideEffects: "noted", redacts: false },
  container: { takesWrites: true, shared: false, sideEffects: "noted", redacts: false },
  staging: { takesWrites: true, shared: true, sideEffects: "blocked", redacts: true },
  production: { takesWrites: false, shared: true, sideEffects: "blocked", redacts: true },
};

/** A write came as far as a channel whose target takes none. It was not sent; that it came so far is a defect of rowgate. */
export class WriteRefused extends RowgateError {
  constructor(what: string, rule = "The target takes no writes") {
    super({
      code: "posture/write-refused",
      message: `${rule}, and ${what} would be one: it was not sent.`,
      hint: "this is a defect of rowgate: a write must not be planned for such a target; nothing has been changed",
    });
    this.name = "WriteRefused";
  }
}

type Rules = Pick<Target, "posture" | "writes">;

export function readsOnly({ posture, writes }: Rules): boolean {
  return !postureRules[posture].takesWrites || writes === "none";
}

/** Why a cell that would write is skipped. */
export function noWrites({ posture }: Rules): string {
  return postureRules[posture].takesWrites
    ? "the target takes no writes (`writes: none`)"
    : `no write is sent to ${posture}`;
}

/** Where to log in: on a target without writes the session itself is set to read-only. */
export function addressOf(target: Rules & Pick<Target, "database">): DatabaseAddress {
  return readsOnly(target) ? { ...target.database, readOnly: true } : target.database;
}

/** What a read-only transaction would stop, and what it may not: a function that is called for what it does. */
export function wouldWrite({ operation, call }: Pick<Cell, "operation" | "call">): boolean {
  return operation === "execute" ? call?.routine.volatility === "volatile" : !operationInfo[operation].reads;
}
