import { isCode } from "../../../model/answers.ts";
import { now } from "../../../lib/clock.ts";
import type { Identity } from "../../../model/channel.ts";
import { dateSince, type Moment, setBetween } from "../../../lib/moment.ts";
import type { Answer } from "../../../model/observation.ts";
import { ProbeFailure } from "../failure.ts";
import type { RawReply } from "../response-handler.ts";
import { type Reply, said } from "../reply.ts";

/** Milliseconds that PostgREST lets pass between a token's times and its own. */
const tolerated = 30_000;

/** Tokens carry times, and whoever reads these has a clock of its own: what PGRST303 may mean besides that a claim is wrong. */
export class TokenTimes {
  readonly #signedAt: Moment;
  readonly #tokens: readonly Identity[];

  constructor(signedAt: Moment, identities: readonly Identity[]) {
    this.#signedAt = signedAt;
    this.#tokens = identities.filter(({ token }) => token !== undefined);
  }

  /** Throws ProbeFailure where a token was refused for a clock: that says nothing about the cell, and is no mistake of the matrix. */
  mustHold({ answer }: Reply, { date, sent }: RawReply): void {
    if (!isCode(answer.code, "tokenClaims")) return;
    const here = now();
    const theirs = Date.parse(date ?? "");
    const why = this.#apart(here, theirs) ?? (timely(answer) ? this.#allHold(here) : undefined);
    if (why === undefined) return;
    throw new ProbeFailure("protocol", `the gateway refused the token (${said(answer)}): ${why}`, sent());
  }

  /** The header `Date` counts whole seconds and rounds down. */
  #apart(here: Moment, theirs: number): string | undefined {
    const ahead = theirs + 500 - this.#at(here);
    if (Number.isNaN(ahead) || Math.abs(ahead) <= tolerated) return undefined;
    const set = setBetween(this.#signedAt, here);
    const apart = ahead - set;
    if (Math.abs(apart) <= tolerated)
      return `this machine's clock was set ${seconds(set)} ${set > 0 ? "forward" : "back"} after the tokens had been signed; run again`;
    return `the gateway's clock is ${seconds(apart)} ${apart > 0 ? "ahead of" : "behind"} this machine's; set the clocks (NTP), and run again`;
  }

  /** A front door has a date of its own, and servers keep theirs for a second. What holds by one clock and not by another shows it too. */
  #allHold(here: Moment): string | undefined {
    const at = this.#at(here) / 1000;
    const hold = this.#tokens.every(({ claims = {} }) => {
      const { exp = Infinity, nbf = 0, iat = 0 } = claims;
      return Number(exp) > at && Number(nbf) <= at && Number(iat) <= at;
    });
    return hold && this.#tokens.length > 0
      ? "by the clock that this machine had when the tokens were signed, every one of them holds; compare the clocks (rowgate doctor), set them (NTP), and run again"
      : undefined;
  }

  /** By the clock that the tokens were signed by. */
  #at(here: Moment): number {
    return dateSince(this.#signedAt, here).getTime();
  }
}

/** PGRST303 stands for every claim that does not hold. Only the wording of an error hangs on it. */
function timely({ message = "" }: Answer): boolean {
  return /^JWT (?:expired|not yet valid|issued at future)$/.test(message);
}

function seconds(milliseconds: number): string {
  return `${Math.round(Math.abs(milliseconds) / 1000)} s`;
}
