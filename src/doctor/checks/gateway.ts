import { isCode } from "../../model/answers.ts";
import type { Examination, RestFacts, TargetFacts } from "../../model/examination.ts";
import type { LinkFailure } from "../../model/link-failure.ts";
import { type SpeakingGateway, type Visit } from "../../model/examination-gateway.ts";
import { type Answer, type Check, listed, notAsked, problem, well } from "../answers.ts";
import { isLocal } from "../../lib/local.ts";
import { hostOf, isOurs } from "../hosts.ts";
import { certificateProblem } from "./tls.ts";

type WayProblem = "gateway-unknown-host" | "gateway-nobody-listens" | "gateway-no-answer";

const wayProblems: Readonly<Record<string, WayProblem>> = {
  ENOTFOUND: "gateway-unknown-host",
  EAI_AGAIN: "gateway-unknown-host",
  ECONNREFUSED: "gateway-nobody-listens",
  ETIMEDOUT: "gateway-no-answer",
  EHOSTUNREACH: "gateway-no-answer",
  ENETUNREACH: "gateway-no-answer",
  timeout: "gateway-no-answer",
};

export const checkGateway: Check = (of) => {
  const { gateway, target } = of;
  const { rest } = target;
  if (rest === undefined && of.restMatrices.length > 0)
    return [problem("gateway-wanted", { files: listed(of.restMatrices) })];
  if (gateway === undefined || rest === undefined)
    return notAsked("the target names no PostgREST: the direct channel answers alone");
  if (gateway.kind === "unreached") return [unreached(rest, target, gateway.failure)];
  const wrong = [...unfit(rest, gateway.first), ...unencrypted(rest, target)];
  if (wrong.length > 0) return wrong;
  return well(
    `${rest.url} answers`,
    rest.isBuiltin ? ["it is rowgate's builtin gateway, not PostgREST"] : [],
  );
};

function unreached({ url }: RestFacts, { patience }: TargetFacts, failure: LinkFailure): Answer {
  const { code, message, certifies = "it names none" } = failure;
  const certificate = certificateProblem(code);
  const name = certificate === undefined ? wayProblems[code] : (`gateway-${certificate}` as const);
  return problem(name ?? "gateway-failed", { url, code, said: message, certifies, seconds: patience });
}

/** Statuses of what stands in front of a PostgREST that is not there; Supabase answers 540 for a paused project. */
const down: ReadonlySet<number> = new Set([502, 503, 504, 520, 521, 522, 523, 530, 540]);

function unfit({ url }: RestFacts, { status, code, message, location, rows }: Visit): readonly Answer[] {
  if (code !== undefined)
    return isCode(code, "gatewayWithoutDatabase")
      ? [problem("gateway-without-database", { code, said: message })]
      : [];
  if (status >= 300 && status < 400 && location !== undefined)
    return [problem("gateway-moved", { url, location, status })];
  if (down.has(status)) return [problem("gateway-down", { url, status })];
  // A front door that wants a key of its own: see there.
  if (status === 401 || status === 403 || rows) return [];
  return [problem("not-postgrest", { url, status })];
}

function unencrypted({ url }: RestFacts, { posture }: TargetFacts): readonly Answer[] {
  if (!url.startsWith("http:") || isOurs(posture) || isLocal(hostOf(url))) return [];
  return [problem("gateway-unencrypted", { url })];
}

/** Whatever is asked of PostgREST has to wait until it is PostgREST that answers. */
export function speaking({ gateway }: Examination): SpeakingGateway | undefined {
  return gateway?.kind === "speaking" ? gateway : undefined;
}
