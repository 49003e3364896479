import type { LimitName, ReachedDatabase, SessionFacts } from "../../model/examination.ts";
import { type Answer, type Check, listed, problem, waitsFor, well } from "../answers.ts";
import { isOurs } from "../hosts.ts";

const oldest = 130_000;
const tooNew = 190_000;

export const checkServer: Check = ({ target, database }) => {
  if (database.kind === "unreached") return waitsFor("login");
  const { version, versionNum, inRecovery, readOnly } = database.session;
  const { host, user } = target;
  const wrong = [
    ...(versionNum < oldest || versionNum >= tooNew ? [problem("unknown-version", { version })] : []),
    ...(inRecovery && !target.readOnly ? [problem("read-replica", { host })] : []),
    ...(readOnly && !inRecovery && !target.readOnly ? [problem("read-only-session", { user })] : []),
  ];
  if (wrong.length > 0) return wrong;
  return inRecovery
    ? well(`Postgres ${version}, a read replica`, ["what it shows may be a moment old"])
    : well(`Postgres ${version}, a primary`);
};

export const checkSessions: Check = ({ database }) => {
  if (database.kind === "unreached")
    return database.failure.code === "not-read-only" ? [problem("not-read-only", {})] : waitsFor("login");
  const { session, pooling } = database;
  const wrong = [...pooled(database), ...limits(session)];
  if (wrong.length > 0) return wrong;
  if (pooling.kind === "untold") return [problem("rest-of-sessions", { said: pooling.message })];
  return pooling.direct
    ? well("with the server itself; limits and SET LOCAL hold")
    : well(
        "through a pooler that gives each a backend of its own, as far as was seen; limits and SET LOCAL hold",
      );
};

function pooled({ pooling }: ReachedDatabase): readonly Answer[] {
  if (pooling.kind === "untold") return [];
  if (pooling.statementMode) return [problem("statement-pooler", {})];
  return [
    ...(pooling.shared ? [problem("transaction-pooler", {})] : []),
    ...(pooling.setLocalHolds ? [] : [problem("set-local-lost", {})]),
  ];
}

function limits({ limits: found, told }: SessionFacts): readonly Answer[] {
  const names = Object.keys(told) as LimitName[];
  const dropped = names
    .filter((name) => found[name] !== told[name])
    .map((name) => `${name} is ${found[name]} ms and not ${told[name]}`);
  return dropped.length === 0 ? [] : [problem("limits-dropped", { limits: dropped.join(", ") })];
}

export const checkSight: Check = ({ target, database }) => {
  if (database.kind === "unreached") return waitsFor("login");
  const { superuser, bypassRls, name } = database.catalog.login;
  if (!superuser && !bypassRls) return [problem("no-privileged-connection", { user: name })];
  const { unreadable } = database;
  if (unreadable.length > 0) return [problem("may-not-read", { user: name, relations: listed(unreadable) })];
  const notes = superuser && !isOurs(target.posture) ? ["a role with BYPASSRLS would do"] : [];
  return well(`${name} ${superuser ? "is a superuser" : "has BYPASSRLS"}`, notes);
};

export const checkSafeupdate: Check = ({ target, database }) => {
  if (database.kind === "unreached") return waitsFor("login");
  const { safeupdate, safeupdateOf } = database.session;
  const login = target.rest?.login;
  if (safeupdate && !target.readOnly) return [problem("safeupdate-here", { user: target.user })];
  const gateway = safeupdateOf.some((role) => role === null || role === login);
  if (gateway && target.rest !== undefined)
    return well(`loaded for ${login ?? "everybody"}, and not for ${target.user}`, [
      "through the gateway, an UPDATE or DELETE without a filter is refused (21000): such cells are proved on the direct channel alone",
    ]);
  return well("not loaded");
};
