import type { Cell } from "../model/cell.ts";
import type { ProofAnswer } from "../model/proof.ts";
import type { GatewayInfo } from "../model/target.ts";
import { decidingFact } from "./session-facts.ts";

/** What is known of a gateway's sessions. */
export interface GatewaySessions {
  readonly kind: GatewayInfo["kind"];
  /** As whom requests without a token run; `undefined`: unknown. */
  readonly anonRole: string | undefined;
  /** A persona's `sub` was seen to arrive. */
  readonly identityShown: boolean;
  /** A token with a tampered signature was refused. */
  readonly tokensChecked: boolean;
  /** Some policy, view or function reads who logged in: through a gateway that is another role. */
  readonly asksWhoLoggedIn: boolean;
}

/**
 * The proof asks the policies on a connection of rowgate's own. It speaks for a gateway only where its sessions are shown to be the same
 * in all that the policies read: `undefined` then, else why they may not be.
 */
export function differsThroughGateway(
  cell: Cell,
  gateway: GatewaySessions | undefined,
  proof: ProofAnswer | undefined,
): string | undefined {
  if (gateway === undefined) return "nothing is known of the gateway";
  const { persona } = cell;
  const unsigned = persona.claims === undefined && persona.tokenFrom === undefined;
  if (unsigned && gateway.anonRole !== persona.role)
    return `requests without a token may run as another role than ${persona.role}`;
  if (!gateway.tokensChecked) return "the gateway was not seen to check tokens";
  if (persona.claims?.["sub"] !== undefined && !gateway.identityShown)
    return "nothing showed that the persona's sub arrives";
  const fact = decidingFact(cell);
  if (fact !== undefined) return fact;
  if (gateway.asksWhoLoggedIn)
    return "a policy or a function reads who logged in, which is another role there";
  const byPath = proof !== undefined && "restsOn" in proof ? (proof.restsOn.byPath ?? []) : [];
  // A gateway that rowgate has started has the search_path of the probes.
  if (gateway.kind === "remote" && byPath.length > 0)
    return `${byPath.join(", ")} finds names by search_path, which another setting of the gateway may change`;
  return undefined;
}
