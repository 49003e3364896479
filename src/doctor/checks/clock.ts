import { isCode } from "../../model/answers.ts";
import type { Examination } from "../../model/examination.ts";
import type { TokenFacts } from "../../model/examination-gateway.ts";
import { type Answer, type Check, problem, waitsFor, well } from "../answers.ts";
import { speaking } from "./gateway.ts";

/** Milliseconds that PostgREST lets pass between a token's times and its own. */
const tolerated = 30_000;

export const checkClock: Check = (of) => {
  const gateway = speaking(of);
  const wrong = apart(of);
  if (wrong.length > 0) return wrong;
  if (of.target.rest !== undefined && gateway === undefined) return waitsFor("gateway");
  if (gateway !== undefined && timesRefused(gateway.tokens))
    return [problem("times-refused", { said: gateway.tokens.dated?.message ?? "" })];
  if (gateway !== undefined && gateway.first.clockAhead === undefined && gateway.tokens.dated === undefined)
    return [problem("no-date", {})];
  if (of.database.kind === "unreached") return waitsFor("login");
  if (gateway === undefined) return well("the database's agrees with ours");
  return well(
    gateway.first.clockAhead === undefined
      ? "the database's agrees with ours, and the gateway takes tokens with our times"
      : "all three agree",
  );
};

/** Which of them is wrong only two others can tell. */
function apart(of: Examination): readonly Answer[] {
  const gateway = speaking(of)?.first.clockAhead;
  const database = ofDatabase(of);
  const gatewayIsOff = gateway !== undefined && Math.abs(gateway) > tolerated;
  if (gatewayIsOff && database !== undefined && Math.abs(gateway - database) < tolerated)
    return [problem("own-clock", skew(-database))];
  return [
    ...(gatewayIsOff ? [problem("gateway-clock", skew(gateway))] : []),
    ...(database === undefined ? [] : [problem("database-clock", skew(database))]),
  ];
}

function ofDatabase({ database }: Examination): number | undefined {
  if (database.kind === "unreached") return undefined;
  const { clockAhead, clockUnsure } = database.session;
  return Math.abs(clockAhead) - clockUnsure > tolerated ? clockAhead : undefined;
}

function skew(ahead: number): { seconds: number; direction: string } {
  return { seconds: Math.round(Math.abs(ahead) / 1000), direction: ahead > 0 ? "ahead of" : "behind" };
}

/** The same claims are taken without times, and refused with them. */
export function timesRefused({ ours, dated }: TokenFacts): boolean {
  return isCode(dated?.code, "tokenClaims") && !isCode(ours?.code, "tokenClaims");
}
