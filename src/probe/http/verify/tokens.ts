import { randomBytes } from "node:crypto";
import jwt from "jsonwebtoken";
import { now } from "../../../lib/clock.ts";
import { type Moment, dateSince, setBetween } from "../../../lib/moment.ts";
import { isCode } from "../../../model/answers.ts";
import type { Identity } from "../../../model/channel.ts";
import type { Answer, Failure } from "../../../model/observation.ts";
import type { SigningKey } from "../../../model/target.ts";
import { ProbeFailure } from "../failure.ts";
import { type Reply, describeAnswer } from "../reply.ts";
import type { RawReply } from "../response-handler.ts";
import type { Transport } from "../transport.ts";

/** No server has a role of that name. */
export const unknownRole = "rowgate_no_such_role";

/** A token whose signature no key makes: a persona's own, changed by one letter, or one of a key made up here. */
export function tamperedToken(identities: Iterable<Identity>): string {
  for (const { token } of identities) {
    const [header, payload, signature = ""] = token?.split(".") ?? [];
    // Not the last letter: some of its bits are padding.
    if (signature.length > 1) return [header, payload, swapFirst(signature)].join(".");
  }
  return jwt.sign({ role: unknownRole }, randomBytes(32));
}

/** A well-signed token for a role that does not exist; claims (`aud`, `exp`…) are those of a persona. */
export function tokenOfUnknownRole(identities: Iterable<Identity>, key: SigningKey): string {
  return signedForNobody([...identities].find(({ token }) => token !== undefined)?.claims ?? {}, key);
}

/** Throws when the key does not fit its algorithm. */
export function signedForNobody(claims: object, key: SigningKey): string {
  return signedAs({ ...claims, role: unknownRole }, key);
}

/** A token with a role only; valid for a minute. */
export function signedFor(role: string, key: SigningKey): string {
  const issuedAt = Math.floor(Date.now() / 1000);
  return signedAs({ role, iat: issuedAt, exp: issuedAt + 60 }, key);
}

/** Claims as they are. Throws when the key does not fit its algorithm. */
export function signedAs(claims: object, key: SigningKey): string {
  const { algorithm, keyId } = key;
  const secret = key.algorithm === "HS256" ? key.secret : key.privateKeyPem;
  const header = { alg: algorithm, typ: "JWT", ...(keyId !== undefined && { kid: keyId }) };
  return jwt.sign(JSON.stringify(claims), secret, { algorithm, header });
}

function swapFirst(text: string): string {
  return `${text.startsWith("A") ? "B" : "A"}${text.slice(1)}`;
}

/** Milliseconds that PostgREST lets pass between a token's times and its own. */
const tolerated = 30_000;

/** Tokens carry times, which the gateway compares with its own clock: what PGRST303 may mean besides a wrong claim. */
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
    throw new ProbeFailure(
      "protocol",
      `the gateway refused the token (${describeAnswer(answer)}): ${why}`,
      sent(),
    );
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

  /** A proxy has its own date, and servers cache theirs for a second. What holds by one clock and not by another shows it too. */
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

/** PGRST303 is the code for every claim that does not hold. Only the wording of an error hangs on it. */
function timely({ message = "" }: Answer): boolean {
  return /^JWT (?:expired|not yet valid|issued at future)$/.test(message);
}

function seconds(milliseconds: number): string {
  return `${Math.round(Math.abs(milliseconds) / 1000)} s`;
}

/**
 * A cache, or any proxy that replays answers, gives a stranger what it gave the persona: one of the reads that were
 * answered is sent again with a token that must not be accepted. Set: no answer since then can be believed.
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
