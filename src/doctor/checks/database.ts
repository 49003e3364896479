import { isLocal } from "../../lib/local.ts";
import { formatQualified } from "../../lib/sql-text.ts";
import { isTlsFailure } from "../../messages/connection.ts";
import { listed } from "../../messages/findings.ts";
import { isCode } from "../../model/answers.ts";
import type { RelationInfo, RoleInfo } from "../../model/catalog.ts";
import { sessionFaults } from "../../run/session-faults.ts";
import type { DatabaseFacts, Examination, ReachedDatabase, TargetFacts } from "../facts.ts";
import {
  type Answer,
  type Check,
  connectionProblem,
  either,
  isStarted,
  ok,
  onDatabase,
  problem,
  skipped,
  waitsFor,
} from "./answers.ts";

export const checkLogin: Check = ({ target, database }) => {
  const { user, host, port } = target;
  if (database.kind === "connected" || database.failure.code === "not-read-only")
    return ok(`as ${user} at ${host}:${port}/${target.database}`);
  const { failure, loggedIn } = database;
  if (isTlsFailure(failure)) return waitsFor("encryption");
  // After the login only the next connection's refusal is about connecting; any other error is of a query.
  if (!loggedIn || isCode(failure.code, "tooManyConnections"))
    return [connectionProblem(peerOf(target), failure)];
  const { code, message } = failure;
  return [problem("connection-failed", { where: `${host}:${port}`, code, reported: message })];
};

function peerOf({
  host,
  port,
  user,
  database,
  timeout,
}: TargetFacts): Parameters<typeof connectionProblem>[0] {
  return { where: `${host}:${port}`, host, user, database, seconds: timeout };
}

export const checkEncryption: Check = ({ target, database }) => {
  const { tls, host, posture } = target;
  if (database.kind === "unreached" && isTlsFailure(database.failure))
    return [connectionProblem(peerOf(target), database.failure)];
  if (tls === undefined) {
    if (isLocal(host)) return ok("none needed: the connection does not leave this machine");
    return isStarted(posture)
      ? ok("none: rowgate started the server itself")
      : [problem("unencrypted", { host })];
  }
  if (!hasAnswered(database)) return waitsFor("login");
  if (tls === "nothing")
    return ok("TLS, without verification of the certificate", [
      "anyone on the network path can intercept the connection: sslmode=verify-full prevents that",
    ]);
  return ok(
    tls === "chain"
      ? "TLS, the certificate's authority verified"
      : `TLS, the certificate verified for ${host}`,
  );
};

/** Postgres itself has answered, which it does only after TLS is agreed. */
function hasAnswered(database: DatabaseFacts): boolean {
  if (database.kind === "connected") return true;
  const { code } = database.failure;
  return code === "not-read-only" || code === "no-password" || /^(?:\d|XX)/.test(code);
}

const oldestVersion = 130_000;
const unknownVersion = 190_000;

export const checkServer: Check = onDatabase(({ target }, { session }) => {
  const { version, versionNum, inRecovery, readOnly } = session;
  const { host, user } = target;
  const isSupported = versionNum >= oldestVersion && versionNum < unknownVersion;
  const problems = [
    ...(isSupported ? [] : [problem("unknown-version", { version })]),
    ...(inRecovery && !target.readOnly ? [problem("read-replica", { host })] : []),
    ...(readOnly && !inRecovery && !target.readOnly ? [problem("read-only-session", { user })] : []),
  ];
  return either(problems, () =>
    inRecovery
      ? ok(`Postgres ${version}, a read replica`, ["its data may be a moment old"])
      : ok(`Postgres ${version}, a primary`),
  );
});

export const checkSessions: Check = (of) => {
  const { database } = of;
  if (database.kind === "unreached" && database.failure.code === "not-read-only")
    return [problem("not-read-only", {})];
  return checkOpenSessions(of);
};

const checkOpenSessions = onDatabase((_, { session, pooling }) => {
  const faults = sessionFaults(session, pooling).map(({ code, facts }) => problem(code, facts));
  return either(faults, () => {
    if (pooling.kind === "unknown") return [problem("pooler-unknown", { reported: pooling.message })];
    return pooling.direct
      ? ok("directly on the server; timeouts and SET LOCAL are in force")
      : ok(
          "through a pooler that gave each session a separate server process; timeouts and SET LOCAL are in force",
        );
  });
});

export const checkPrivileges: Check = onDatabase(({ target }, { catalog, unreadable }) => {
  const { superuser, bypassRls, name } = catalog.login;
  if (!superuser && !bypassRls) return [problem("no-privileged-connection", { user: name })];
  if (unreadable.length > 0) return [problem("may-not-read", { user: name, relations: listed(unreadable) })];
  const notes = superuser && !isStarted(target.posture) ? ["a role with BYPASSRLS is enough"] : [];
  return ok(`${name} ${superuser ? "is a superuser" : "has BYPASSRLS"}`, notes);
});

export const checkRoles: Check = onDatabase((of, database) => {
  const { personas, target } = of;
  const { roles } = database.catalog;
  const problems = [
    ...missingRoles(of, roles),
    ...[...database.becomes].flatMap(([role, failure]) =>
      failure === null
        ? []
        : [problem("login-may-not-become", { user: target.user, role, code: failure.code })],
    ),
    ...gatewayLogin(of, roles),
    ...personaLogins(of, database),
  ];
  return either(problems, () => {
    const names = [...new Set(personas.map(({ role }) => role))];
    const notes = roles.filter(({ name }) => names.includes(name)).flatMap(bypassNote);
    return names.length === 0
      ? skipped("no persona was named")
      : ok(`${target.user} may become ${listed(names)}`, notes);
  });
});

function bypassNote({ name, superuser, bypassRls }: RoleInfo): readonly string[] {
  if (!superuser && !bypassRls) return [];
  return [`RLS does not apply to ${name} (${superuser ? "superuser" : "BYPASSRLS"})`];
}

function missingRoles({ personas, target }: Examination, roles: readonly RoleInfo[]): readonly Answer[] {
  const { rest } = target;
  const uses = [
    ...personas.map(({ name, role }) => ({ role, use: name })),
    ...personas.flatMap(({ name, role, login }) =>
      login === undefined || login === role ? [] : [{ role: login, use: `login of ${name}` }],
    ),
    ...(rest === undefined ? [] : [{ role: rest.anonRole, use: "anonymous role of the gateway" }]),
    ...(rest?.login === undefined ? [] : [{ role: rest.login, use: "login of the gateway" }]),
  ];
  const missing = new Set(
    uses.flatMap(({ role }) => (roles.some(({ name }) => name === role) ? [] : [role])),
  );
  return [...missing].map((role) => {
    const usedFor = listed(uses.filter((one) => one.role === role).map(({ use }) => use));
    return problem("no-such-role", { role, usedFor });
  });
}

function gatewayLogin({ personas, target }: Examination, roles: readonly RoleInfo[]): readonly Answer[] {
  const { rest } = target;
  const login = roles.find(({ name }) => name === rest?.login);
  if (login === undefined || rest === undefined) return [];
  const through = personas.filter(({ throughGateway }) => throughGateway).map(({ role }) => role);
  const wanted = [...new Set([rest.anonRole, ...through])];
  const refused = wanted.filter(
    (role) =>
      roles.some(({ name }) => name === role) && !login.mayBecome.includes(role) && role !== login.name,
  );
  return [
    ...(login.canLogin ? [] : [problem("gateway-cannot-log-in", { login: login.name })]),
    ...refused.map((role) => problem("gateway-may-not-become", { login: login.name, role })),
  ];
}

/** Only a superuser can have another `session_user`. */
function personaLogins({ personas, target }: Examination, { catalog }: ReachedDatabase): readonly Answer[] {
  const { superuser, name } = catalog.login;
  if (superuser) return [];
  return personas.flatMap((persona) =>
    persona.login === undefined || persona.login === name
      ? []
      : [problem("persona-login", { persona: persona.name, login: persona.login, user: target.user })],
  );
}

export const checkOwnership: Check = onDatabase(({ target, personas }, { catalog }) => {
  const { roles, relations } = catalog;
  const bound = roles.filter(
    ({ name, superuser, bypassRls }) =>
      !superuser && !bypassRls && personas.some(({ role }) => role === name),
  );
  return either(
    bound.flatMap((role) => owned(role, relations)),
    () => {
      const count = relations.filter(({ rls }) => rls).length;
      const tables = `${count} ${count === 1 ? "table" : "tables"} with RLS in ${listed(target.schemas)}`;
      return ok(`no persona's role has an owner's rights on the ${tables}`);
    },
  );
});

function owned(role: RoleInfo, relations: readonly RelationInfo[]): readonly Answer[] {
  const own = relations.filter(
    ({ rls, forceRls, owner }) => rls && !forceRls && role.inherits.includes(owner),
  );
  if (own.length === 0) return [];
  const names = listed(own.map((one) => formatQualified(one)));
  return [problem("owner-bypasses-rls", { role: role.name, relations: names })];
}

export const checkSafeupdate: Check = onDatabase(({ target }, { session }) => {
  const { user, rest } = target;
  if (session.safeupdate && !target.readOnly) return [problem("safeupdate-here", { user })];
  const isLoaded = session.safeupdateOf.some((role) => role === null || role === rest?.login);
  return isLoaded && rest !== undefined
    ? ok(`loaded for ${rest.login ?? "every role"}, not for ${user}`, [
        "the gateway refuses an UPDATE or DELETE without a filter (21000): such cells are proved only on the direct channel",
      ])
    : ok("not loaded");
});

export const checkUsers: Check = onDatabase(({ personas }, { users }) => {
  const known = personas.filter(({ sub }) => sub !== undefined);
  if (users.kind === "no-table") return skipped("the database has no auth.users");
  if (known.length === 0) return skipped("no persona has a `sub`");
  if (users.kind === "unreadable") return [problem("users-unread", { reported: users.message })];
  if (users.isEmpty) return skipped("auth.users is empty");
  const missing = known.filter(({ sub }) => sub !== undefined && users.missing.includes(sub));
  return missing.length > 0
    ? [problem("no-user", { personas: listed(missing.map(({ name }) => name)) })]
    : ok(
        `auth.users has a row for the \`sub\` of ${known.length} ${known.length === 1 ? "persona" : "personas"}`,
      );
});

export const checkMatrix: Check = (of) =>
  of.matrices.length === 0 ? skipped("none was named (--matrix)") : checkMatrices(of);

const checkMatrices = onDatabase(({ matrices }, { catalog }) => {
  const { superuser, bypassRls } = catalog.login;
  const isPrivileged = superuser || bypassRls;
  if (!isPrivileged && matrices.every((one) => one.kind === "fits" || one.mistakes.length === 0))
    return waitsFor("privileges");
  return matrices.flatMap((matrix) => {
    const { file } = matrix;
    if (matrix.kind === "fits") return ok(`${file} fits: ${matrix.cells} cells`);
    const { message, hint = "correct what is listed below", mistakes } = matrix;
    return [problem("matrix-unfit", { file, reported: message, todo: hint }, mistakes)];
  });
});
