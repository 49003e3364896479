import type { Facts, MessageCode } from "../messages/messages.ts";
import type { LimitName, PoolingFacts, SessionFacts } from "../probe/sql/server-session.ts";

export interface SessionFault {
  readonly code: Extract<
    MessageCode,
    "transaction-pooler" | "statement-pooler" | "set-local-lost" | "limits-dropped"
  >;
  /** Only `limits-dropped` uses them. */
  readonly facts: Facts<"limits-dropped">;
}

/** Why evidence from such sessions would be worth less than it claims: a run refuses them, and `rowgate doctor` reports all. */
export function sessionFaults(session: SessionFacts, pooling: PoolingFacts): readonly SessionFault[] {
  const limits = droppedLimits(session);
  const codes = [...poolerFaults(pooling), ...(limits === "" ? [] : (["limits-dropped"] as const))];
  return codes.map((code) => ({ code, facts: { limits } }));
}

function poolerFaults(pooling: PoolingFacts): readonly SessionFault["code"][] {
  if (pooling.kind === "unknown") return [];
  if (pooling.statementMode) return ["statement-pooler"];
  return [
    ...(pooling.shared ? (["transaction-pooler"] as const) : []),
    ...(pooling.setLocalHolds ? [] : (["set-local-lost"] as const)),
  ];
}

function droppedLimits({ limits, requested }: SessionFacts): string {
  return (Object.keys(requested) as LimitName[])
    .filter((name) => limits[name] !== requested[name])
    .map((name) => `${name} is ${limits[name]} ms instead of ${requested[name]}`)
    .join(", ");
}
