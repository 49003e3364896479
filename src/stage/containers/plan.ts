import type { Engine } from "./engine.ts";
import type { Image } from "./image.ts";

/** What a supervisor starts containers with. */
export interface Site {
  readonly engine: Engine;
  /** The network in which they find each other by name. */
  readonly network: string;
  /** Aborted when everything is to end. */
  readonly signal: AbortSignal;
  /** Masked in what containers say. */
  readonly secrets: readonly string[];
}

export interface ContainerPlan {
  readonly image: Image;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly environment: Readonly<Record<string, string>>;
  readonly ports: readonly number[];
  /** It outlives the run, and no cleaner of testcontainers may take it. */
  readonly reuse: boolean;
}

/** A network, and the name by which Postgres is found in it. */
export interface Place {
  readonly network: string;
  readonly postgres: string;
}

export function placeOf(site: string): Place {
  return { network: `rowgate-${site}`, postgres: `rowgate-${site}-postgres` };
}
