import type { Channel } from "../model/cell.ts";
import type { Operation } from "../model/matrix.ts";
import type { Wants } from "./filters.ts";
import type { SampleRow } from "./relation.ts";

export interface ExpandOptions {
  readonly channels: readonly Channel[];
  /** Schemas that the gateway exposes; empty when the target has none. */
  readonly exposed: readonly string[];
  /** Rows that a persona is declared to see, as material for candidates. */
  readonly visible: ReadonlyMap<string, readonly SampleRow[]>;
  /** The cells that were asked for. */
  readonly wants: Wants;
  /** Those of which cells were asked for, where that is known: the others' are not looked at. */
  readonly operations?: ReadonlySet<Operation> | undefined;
}
