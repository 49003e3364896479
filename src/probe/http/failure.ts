import type { Failure } from "../../model/observation.ts";

/** Ends a cell's probe: no answer of the server can be told. Caught at the channel's edge, never seen outside. */
export class ProbeFailure extends Error {
  readonly failure: Failure;
  /** The request that came to nothing, as people read it. */
  readonly sent: string | undefined;

  constructor(kind: Failure["kind"], message: string, sent?: string) {
    super(message);
    this.name = "ProbeFailure";
    this.failure = { kind, message };
    this.sent = sent;
  }
}

/** Anything else that was thrown is a fault of ours or of the client: still no answer of the server. */
export function failureOf(error: unknown): Failure {
  if (error instanceof ProbeFailure) return error.failure;
  return { kind: "protocol", message: error instanceof Error ? error.message : String(error) };
}
