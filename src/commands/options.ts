import type { BaselineName, DefaultPrivileges, Layout } from "../model/baseline.ts";
import { type Channel, channels } from "../model/cell.ts";
import type { ArgumentsWish, EscalationWish, ProofWish } from "../run/request.ts";
import type { GatewayWish } from "../stage/postgrest.ts";
import type { TxEnd } from "../stage/gateway/config.ts";
import { didYouMean, nearest } from "../lib/nearest.ts";
import { RowgateError } from "../model/errors.ts";
import { findingSeverity } from "../model/finding.ts";
import { type StartedTarget, startedTargets } from "../model/target.ts";

export function isStarted(target: string): target is StartedTarget {
  return (startedTargets as readonly string[]).includes(target);
}

export interface RunOptions {
  /** One that rowgate starts, or a name in `rowgate.yaml`. */
  readonly target: string;
  /** The configuration; `undefined`: the first `rowgate.yaml` from the current folder upwards. */
  readonly config: string | undefined;
  readonly overrideProductionGuard: boolean;
  /** What the embedded target's database holds before the SQL; `undefined`: what the SQL looks like. */
  readonly baseline?: BaselineName | undefined;
  readonly defaultPrivileges?: DefaultPrivileges | undefined;
  /** Whether extensions that Postgres lacks are imitated; `undefined`: they are. */
  readonly standIns?: boolean | undefined;
  /** Where the embedded target's Postgres is installed; `undefined`: rowgate's own is started. */
  readonly postgresBin?: string | undefined;
  /** Images of the container target. */
  readonly postgresImage: string | undefined;
  readonly postgrestImage: string | undefined;
  readonly reuse: boolean;
  readonly only: readonly string[];
  readonly persona: readonly string[];
  readonly channel: readonly Channel[];
  readonly policies: string | undefined;
  /** In which order its files are applied; `undefined`: as the folder looks. */
  readonly layout?: Layout | undefined;
  readonly overlay: readonly string[];
  /** `undefined`: `auto`. */
  readonly gateway: GatewayWish | undefined;
  /** `undefined`: `rollback-allow-override`. */
  readonly gatewayTxEnd: TxEnd | undefined;
  readonly proof: ProofWish;
  /** `undefined`: `varied`, on shared targets `declared`. */
  readonly arguments?: ArgumentsWish | undefined;
  /** `undefined`: `default`. */
  readonly escalation: EscalationWish | undefined;
  readonly logs: string;
  /** `<format>=<file>` each. */
  readonly report: readonly string[];
  /** `note`, or kinds of findings. */
  readonly failOn: readonly string[];
  /** What the matrix leaves out fails the run, and is printed as YAML. */
  readonly requireComplete?: boolean | undefined;
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly json: boolean;
  readonly keep: boolean;
}

/** What a run may be asked for, and no command that runs a matrix for another end: nothing is archived, nothing searched. */
export const runOnly: Pick<
  RunOptions,
  | "overrideProductionGuard"
  | "postgresImage"
  | "postgrestImage"
  | "reuse"
  | "only"
  | "persona"
  | "channel"
  | "gateway"
  | "gatewayTxEnd"
  | "proof"
  | "escalation"
  | "logs"
  | "report"
  | "failOn"
  | "keep"
> = {
  overrideProductionGuard: false,
  postgresImage: undefined,
  postgrestImage: undefined,
  reuse: false,
  only: [],
  persona: [],
  channel: channels,
  gateway: undefined,
  gatewayTxEnd: undefined,
  proof: "rows-at-hand",
  escalation: "off",
  logs: "logs",
  report: [],
  failOn: [],
  keep: false,
};

/** `--fail-on` only adds to what fails a run: an error or a failure that did not count would be a false pass. @throws RowgateError `usage/fail-on` */
export function checkFailOn(given: readonly string[]): void {
  const kinds = Object.keys(findingSeverity);
  const wrong = given.find((what) => what !== "note" && !kinds.includes(what));
  if (wrong === undefined) return;
  const always = wrong === "error" || wrong === "failure";
  throw new RowgateError({
    code: "usage/fail-on",
    message: always
      ? `--fail-on ${wrong} changes nothing: errors and failures always fail the run.`
      : `--fail-on ${wrong}: this is neither note nor a kind of finding${didYouMean(nearest(wrong, ["note", ...kinds]))}`,
    hint: "--fail-on note for all notes, or the kind of some, as in --fail-on undeclared-function (docs/verdicts.md lists them)",
  });
}
