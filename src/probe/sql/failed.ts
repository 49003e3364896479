import type { FailedObservation } from "../../model/observation.ts";
import type { Reply } from "./protocol.ts";

/** What a reply that holds no answer means for who asked. */
export function failedObservation(reply: Reply | undefined): FailedObservation {
  if (reply?.kind === "failed") return { kind: "failed", failure: reply.failure };
  const message =
    reply?.kind === "control-error"
      ? `the baseline query failed on the privileged connection: ${reply.message} (${reply.code})`
      : "the batch came back without this probe's answer";
  return { kind: "failed", failure: { kind: "protocol", message } };
}
