import { expect, test } from "vitest";
import { TokenTimes } from "../../../../src/channel/rest/token-times.ts";
import { now } from "../../../../src/clock.ts";
import type { Identity } from "../../../../src/model/channel.ts";

const hour = 3_600;

/** What a refused token is said to mean, with this machine's clock and the gateway's alike. */
function told(exp: number, message: string): string | undefined {
  const signedAt = now();
  const identity = {
    token: "t",
    claims: { exp: Math.floor(signedAt.wall / 1000) + exp },
  } as unknown as Identity;
  const raw = {
    status: 401,
    contentRange: null,
    preferenceApplied: null,
    date: new Date(signedAt.wall).toUTCString(),
    cached: undefined,
    body: "",
    sent: () => "GET /notes",
  };
  const answer = { code: "PGRST303", message };
  try {
    new TokenTimes(signedAt, [identity]).mustHold({ answer, body: "", sent: raw.sent }, raw);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

test("a run that outlasts its tokens says until when they were good, and how to run shorter", () => {
  const ended = told(-60, "JWT expired");
  expect(ended).toMatch(
    /has outlasted its tokens, of which the first was good until \d{4}-\d\d-\d\dT[\d:.]+Z/,
  );
  expect(ended).toContain("--only");
});

test("tokens that are good by both clocks, and refused for their times, are a clock's fault", () => {
  expect(told(hour, "JWT expired")).toContain("every one of them holds");
});

test("another claim that does not hold speaks for itself", () => {
  expect(told(-60, "JWT not in audience")).toBeUndefined();
});
