import type { Identity } from "../../../model/channel.ts";
import type { Failure } from "../../../model/observation.ts";
import { tamperedToken } from "../tokens.ts";
import type { Transport } from "../transport.ts";

/**
 * A cache, or whatever plays back what it has heard, gives a stranger what it gave the persona: one of the reads that were
 * answered is sent again with a token that nobody may accept. Set: no answer since then can be believed.
 */
export async function playedBack(
  transport: Transport,
  identities: ReadonlyMap<string, Identity>,
): Promise<Failure | undefined> {
  const token = tamperedToken(identities.values());
  // What comes to nothing shows nothing either way.
  const reply = await transport.askAgain(`Bearer ${token}`).catch(() => undefined);
  if (reply === undefined || reply.status > 299) return undefined;
  const message =
    "a token with a tampered signature was answered as a persona's had been: something before the gateway answers " +
    `from what it remembers (${reply.sent()})`;
  return { kind: "protocol", message };
}
