import type { Cell, Channel } from "./cell.ts";
import type { Json, Persona } from "./matrix.ts";
import type { Observation } from "./observation.ts";

/** A persona made ready for a run: the same claims reach both channels. */
export interface Identity {
  readonly persona: Persona;
  /** What `request.jwt.claims` holds, as JSON text; `undefined` on a target that speaks no JWT. */
  readonly claims: Readonly<Record<string, Json>> | undefined;
  /** Every other setting that the session holds from its first moment, by name in lower case. */
  readonly settings: Readonly<Record<string, string>>;
  /** The signed token; `undefined` when the persona sends none (PostgREST's anon). Never archived, never printed. */
  readonly token: string | undefined;
}

/** What a channel brings back for one cell. */
export interface ChannelAnswer {
  readonly observation: Observation;
  /** What was sent, for people: SQL, or `METHOD /path` with its body. Holds no secret. */
  readonly probe: string;
}

/** A way to reach the rows. It observes; it never judges. */
export interface ProbeChannel {
  readonly name: Channel;
  /** Why the target's posture keeps a cell from being probed; `probe` throws for such a cell. */
  forbids(cell: Cell): string | undefined;
  /** Cells of one relation; the answers come in the same order. Never throws for what a server said. @throws WriteRefused */
  probe(cells: readonly Cell[]): Promise<readonly ChannelAnswer[]>;
  /** Statements or requests sent so far, each a round trip. */
  readonly roundTrips: number;
  close(): Promise<void>;
}
