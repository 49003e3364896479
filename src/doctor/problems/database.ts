/** What is wrong with the database and with who logs in to it. */
export const databaseProblems = {
  "unknown-version": {
    check: "server",
    sentence: "Postgres {version} is not one of those that rowgate was made for, 13 to 18",
    hint: "what a probe of another version means is not known: update the server, or rowgate",
  },
  "read-replica": {
    check: "server",
    sentence: "{host} is a read replica, where every write is refused before any policy is asked (25006)",
    hint: "connect to the primary, or say `writes: none`",
  },
  "read-only-session": {
    check: "server",
    sentence:
      "sessions of {user} are read-only (default_transaction_read_only), so every write is refused before any policy is asked",
    hint: "ALTER ROLE {user} RESET default_transaction_read_only, or say `writes: none`",
  },
  "transaction-pooler": {
    check: "sessions",
    sentence:
      "the connection leads through a pooler in transaction mode: what a session is told holds for somebody else, and no session is a fresh one",
    hint: "connect to the server itself, or to the pooler's session mode (on Supabase port 5432 instead of 6543)",
  },
  "statement-pooler": {
    check: "sessions",
    sentence:
      "the connection leads through a pooler in statement mode, which knows no transaction to roll back",
    hint: "connect to the server itself",
  },
  "set-local-lost": {
    check: "sessions",
    sentence: "what SET LOCAL says does not hold until the end of its transaction, and no longer",
    hint: "connect to the server itself: a persona could not be told from the one before it",
  },
  "limits-dropped": {
    check: "sessions",
    sentence: "the limits that a session was told at its start are not in force: {limits}",
    hint: "something in between drops them: connect to the server itself",
  },
  "not-read-only": {
    check: "sessions",
    sentence: "the session was told to be read-only (default_transaction_read_only) and is not",
    hint: "something in between drops it, and a target without writes is not read through such a thing: connect to the server itself",
  },
  "no-privileged-connection": {
    check: "full sight",
    sentence:
      "{user} has neither BYPASSRLS nor SUPERUSER: it cannot tell a row that was withheld from one that is not there",
    hint: "log in as a role with BYPASSRLS (on Supabase: postgres); to own the tables is not enough where RLS is forced",
  },
  "may-not-read": {
    check: "full sight",
    sentence: "{user} may not read {relations}: BYPASSRLS lets one past policies, and past no privilege",
    hint: 'GRANT pg_read_all_data TO "{user}", or SELECT on these',
  },
  "no-such-role": {
    check: "roles",
    sentence: "there is no role {role} in the server ({who})",
    hint: "create it, or name the one that is meant",
  },
  "login-may-not-become": {
    check: "roles",
    sentence: "{user} may not SET ROLE {role} ({code})",
    hint: 'GRANT "{role}" TO "{user}"',
  },
  "gateway-may-not-become": {
    check: "roles",
    sentence:
      "{login}, whom the gateway logs in as, may not SET ROLE {role}: each of its requests is refused, whatever policies say",
    hint: 'GRANT "{role}" TO "{login}"',
  },
  "gateway-cannot-log-in": {
    check: "roles",
    sentence: "{login}, whom the gateway is said to log in as, is NOLOGIN",
    hint: "name the role of PostgREST's db-uri (`login` of the target's rest)",
  },
  "persona-login": {
    check: "roles",
    sentence:
      "the persona {persona} logs in as {login}, and only a superuser can take its place, which {user} is not",
    hint: "log in as a superuser; or take `login:` out if neither a policy nor a setting depends on it",
  },
  "owner-bypasses-rls": {
    check: "ownership",
    sentence:
      "{role} has the rights of the owner of {relations}, to whom policies apply only where they are forced",
    hint: "ALTER TABLE … FORCE ROW LEVEL SECURITY, or give the table another owner",
  },
  "safeupdate-here": {
    check: "safeupdate",
    sentence:
      "safeupdate is at work in sessions of {user}: an UPDATE or DELETE without WHERE is refused (21000) before any policy is asked",
    hint: "ALTER ROLE {user} SET safeupdate.enabled = off",
  },
  "no-user": {
    check: "users",
    sentence: "auth.users has no row for the `sub` of {personas}",
    hint: "let the matrix name users that exist: where policies look users up, a persona that nobody is proves little",
  },
  "matrix-unfit": {
    check: "matrix",
    sentence: "{file} does not fit the target: {said}",
    hint: "{hint}",
  },
} as const;
