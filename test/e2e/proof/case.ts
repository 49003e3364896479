import { readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";
import type { Channel } from "../../../src/model/cell.ts";
import type { Limits, Posture, Writes } from "../../../src/model/target.ts";
import type { ArgumentsWish, EscalationWish, ProofWish } from "../../../src/run/request.ts";
import type { TxEnd } from "../../../src/stage/gateway/config.ts";

/** A cell's verdict, or the verdicts of its channels too, and what its reason must say. */
export type Want =
  | string
  | {
      readonly cell?: string;
      readonly direct?: string;
      readonly rest?: string;
      readonly because?: string;
    };

/** One database and its matrix, and what a run must make of them. */
export interface Side {
  /** Applied after the case's own SQL. */
  readonly sql?: string;
  /** `relations:` of the matrix; the case's own unless said. */
  readonly relations?: string;
  /** `functions:` likewise. */
  readonly functions?: string;
  /** Cells that do not pass, as `<persona>/<relation>/<operation>` (`public` is left out). All others must pass. */
  readonly want?: Readonly<Record<string, Want>>;
  readonly exit?: 0 | 1 | 2;
  /** Findings, as `<kind>` or `<kind> <what it names>`. */
  readonly findings?: readonly string[];
  /** The run stops before any probe and says this. */
  readonly stops?: string;
  /** Cells of which a channel is left out. */
  readonly notOn?: Readonly<Record<string, string>>;
}

export interface Case extends Side {
  readonly name: string;
  readonly personas?: readonly string[];
  /** Top-level keys of the matrix besides personas and relations. */
  readonly matrix?: string;
  readonly channels?: readonly Channel[];
  readonly withoutRest?: boolean;
  readonly txEnd?: TxEnd;
  readonly signingSecret?: string;
  readonly login?: { readonly user: string; readonly password: string };
  readonly limits?: Partial<Limits>;
  readonly posture?: Posture;
  readonly writes?: Writes;
  readonly only?: readonly string[];
  /** What passes rest on: the rows at hand, unless the case is about all rows. */
  readonly proof?: ProofWish;
  /** Whether functions are called with others' arguments. */
  readonly arguments?: ArgumentsWish;
  /** How long to search for escalation; not at all, unless the case is about it. */
  readonly escalation?: EscalationWish;
  /** Functions are taken from PUBLIC and given to who signs in: nothing of them is left for anon, which is no persona here. */
  readonly signedInOnly?: boolean;
  /** The same with the trap, and without it: the one must be told, the other must pass. */
  readonly trap: Side;
  readonly twin?: Side;
}

/** One side of a case: with its trap, or without. */
export interface Proof {
  readonly name: string;
  readonly one: Case;
  readonly side: Side;
  /** Unless the side says otherwise. */
  readonly exit: 0 | 1;
}

const folder = path.resolve(import.meta.dirname, "../../cases/proof");

/** Each case of `test/cases/proof/<file>.yaml`, with its trap and without. */
export function casesOf(...files: readonly string[]): readonly Proof[] {
  const cases = files.flatMap(
    (file) => parse(readFileSync(path.join(folder, `${file}.yaml`), "utf8"), { merge: true }) as Case[],
  );
  return cases.flatMap((one) => [
    { one, side: one.trap, exit: 1, name: `${one.name}: is told` },
    ...(one.twin === undefined
      ? []
      : [{ one, side: one.twin, exit: 0, name: `${one.name}: without it, all passes` } as const]),
  ]);
}
