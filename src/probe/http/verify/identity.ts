import { isCode } from "../../../model/answers.ts";
import { randomUUID } from "node:crypto";
import type { BoundCandidate, Cell } from "../../../model/cell.ts";
import type { ChannelAnswer, Identity } from "../../../model/channel.ts";
import type { Json } from "../../../model/matrix.ts";
import type { SigningKey } from "../../../model/target.ts";
import type { Caller } from "../caller.ts";
import { isWrite } from "../operations.ts";
import type { Reply } from "../reply.ts";
import { shownColumns } from "../context.ts";
import { signedAs } from "./tokens.ts";

/** What one SELECT cell whose rows depend on `sub` shows of the identity; `undefined`: nothing either way. */
export function showsIdentity({ observation }: ChannelAnswer): boolean | undefined {
  if (observation.kind !== "rows" || observation.undetermined > 0) return undefined;
  const { answer, baseline, affected, unexpected, missing } = observation;
  // An error says nothing of who asked.
  if (answer.code !== null) return undefined;
  // All rows or none would be visible without a `sub` just as well.
  if (baseline.declared === 0 || baseline.declared === baseline.total) return undefined;
  return unexpected === 0 && missing === 0 && affected === baseline.declared;
}

/**
 * The same person but for `sub`: whatever else a policy reads (the role, every other claim) is as it was. `undefined`: no
 * such token can be signed, or the claims are not known to be those of the token.
 */
export function twinOf(identity: Identity, key: SigningKey | undefined): Identity | undefined {
  const { persona, claims, token } = identity;
  const sub = claims?.["sub"];
  if (key === undefined || token === undefined || persona.tokenFrom !== undefined || typeof sub !== "string")
    return undefined;
  const other: Readonly<Record<string, Json>> = { ...claims, sub: anotherOf(sub) };
  return { ...identity, claims: other, token: signedAs(other, key) };
}

/** Of the same form, so that a policy's cast takes it. */
function anotherOf(sub: string): string {
  if (/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(sub)) return randomUUID();
  return /^\d{1,18}$/.test(sub) ? String((Number(sub) % 1_000_000) + 1_000_000) : `${sub}-another`;
}

const candidatesAtMost = 3;
/** An answer that hangs on chance or on the time must not look like one that hangs on `sub`. */
const rounds = 3;

/**
 * Whether a request is answered otherwise when nothing but `sub` differs: then `sub` arrives. The persona's own request
 * goes through (rows that may be inserted, a call, a read), its twin's is refused or shows other rows, and so again and
 * again. That both are answered alike shows nothing: policies may not ask for `sub`.
 */
export async function differsFromTwin(cell: Cell, persona: Caller, twin: Caller): Promise<boolean> {
  for (const send of requestsOf(cell)) {
    const first = answerOf(cell, await send(persona));
    if (first === undefined) continue;
    let alike = false;
    for (let round = 0; round < rounds && !alike; round += 1) {
      const other = await send(twin);
      // A token that is refused was not asked about anything.
      alike = answerOf(cell, other) === first || isCode(other.answer.code, "token");
      alike ||= answerOf(cell, await send(persona)) !== first;
    }
    if (!alike) return true;
  }
  return false;
}

function requestsOf(cell: Cell): readonly ((caller: Caller) => Promise<Reply>)[] {
  if (cell.operation === "insert")
    return cell.candidates.slice(0, candidatesAtMost).map(
      ({ values }: BoundCandidate) =>
        (caller) =>
          caller.insert(values),
    );
  if (cell.operation === "select")
    return [(caller) => caller.read({ columns: shownColumns(cell), limit: 1 })];
  // A call that may write is not made for a twin that the matrix does not know.
  return cell.operation === "execute" && !isWrite(cell) ? [(caller) => caller.run()] : [];
}

/** What a request that went through has shown; `undefined`: it did not, or it did nothing. */
function answerOf({ operation }: Cell, { answer, body }: Reply): string | undefined {
  if (answer.code !== null || answer.rows === 0) return undefined;
  // Which rows come first is the planner's affair.
  return operation === "execute" ? `${answer.rows} ${body}` : String(answer.rows);
}
