import type { ExitCode } from "./environment.ts";
import type { Outcome } from "./prove.ts";

/** What standard output gets to hold. Everything that a person reads is rendered from the archives alone. */
export interface Output {
  /** Called once a system, in their order. Rethrows what failed where nothing else is left to show. */
  readonly show: (outcome: Outcome) => Promise<void>;
  /** @param milliseconds that the whole took */
  readonly finish: (milliseconds: number) => ExitCode;
}
