import { isCode } from "../../model/answers.ts";
import type { DatabaseFacts, TargetFacts } from "../../model/examination.ts";
import type { LinkFailure } from "../../model/link-failure.ts";
import type { TlsSettings } from "../../model/target.ts";
import { type Answer, type Check, problem, waitsFor, well } from "../answers.ts";
import { isLocal } from "../../lib/local.ts";
import { isOurs } from "../hosts.ts";
import { certificateProblem, isTls } from "./tls.ts";

type LoginProblem =
  | "unknown-host"
  | "nobody-listens"
  | "no-answer"
  | "connection-closed"
  | "wrong-password"
  | "no-password"
  | "login-refused"
  | "no-such-database"
  | "no-connection-left"
  | "not-ready"
  | "startup-refused";

/** By errno, SQLSTATE or a word of the channel's own. */
const loginProblems: Readonly<Record<string, LoginProblem>> = {
  ENOTFOUND: "unknown-host",
  EAI_AGAIN: "unknown-host",
  ECONNREFUSED: "nobody-listens",
  ENOENT: "nobody-listens",
  ETIMEDOUT: "no-answer",
  EHOSTUNREACH: "no-answer",
  ENETUNREACH: "no-answer",
  timeout: "no-answer",
  ECONNRESET: "connection-closed",
  EPIPE: "connection-closed",
  closed: "connection-closed",
  "28P01": "wrong-password",
  "no-password": "no-password",
  "28000": "login-refused",
  "3D000": "no-such-database",
  "53300": "no-connection-left",
  "57P03": "not-ready",
  "08P01": "startup-refused",
};

export const checkLogin: Check = ({ target, database }) => {
  const { user, host, port } = target;
  const where = `${host}:${port}/${target.database}`;
  if (database.kind === "reached" || database.failure.code === "not-read-only")
    return well(`as ${user} at ${where}`);
  const { failure } = database;
  if (isTls(failure)) return waitsFor("encryption");
  // Of several connections one may be the last.
  const named = !database.loggedIn || isCode(failure.code, "tooManyConnections");
  const name = named ? loginProblems[failure.code] : undefined;
  const facts = { ...factsOf(target, failure), seconds: target.patience, database: target.database, user };
  return [problem(name ?? "login-failed", facts)];
};

function factsOf(
  { host, port }: TargetFacts,
  failure: LinkFailure,
): Record<"host" | "port" | "code" | "said", string> {
  return { host, port: String(port), code: failure.code, said: failure.message };
}

export const checkEncryption: Check = ({ target, database }) => {
  const { tls, host, posture } = target;
  const failed = failureOf(target, database);
  if (failed !== undefined) return [failed];
  if (tls !== undefined) return cameToTalk(database) ? agreed(tls, host) : waitsFor("login");
  if (isLocal(host)) return well("none, and none needed: the connection does not leave this machine");
  return isOurs(posture)
    ? well("none: rowgate started the server itself")
    : [problem("unencrypted", { host })];
};

function failureOf(target: TargetFacts, database: DatabaseFacts): Answer | undefined {
  if (database.kind === "reached" || !isTls(database.failure)) return undefined;
  const { failure } = database;
  const facts = { ...factsOf(target, failure), certifies: failure.certifies ?? "it names none" };
  if (failure.code === "no-tls") return problem("no-tls", facts);
  return problem(certificateProblem(failure.code) ?? "tls-failed", facts);
}

/** Postgres itself has said something, and it says nothing before TLS is agreed on. */
function cameToTalk(database: DatabaseFacts): boolean {
  if (database.kind === "reached") return true;
  const { code } = database.failure;
  return code === "not-read-only" || code === "no-password" || /^(?:\d|XX)/.test(code);
}

function agreed(verify: TlsSettings["verify"], host: string): readonly Answer[] {
  if (verify === "nothing")
    return well("TLS, and nobody looked whose certificate it is", [
      "whoever stands in between can read along: sslmode=verify-full looks",
    ]);
  return well(
    verify === "chain"
      ? "TLS, the certificate's authority checked"
      : `TLS, the certificate checked for ${host}`,
  );
}
