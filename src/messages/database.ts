/** What is wrong with the database, the login, or how sessions connect to it. `{name}` is replaced by a fact. */
export const databaseMessages = {
  unencrypted: {
    check: "encryption",
    sentence: "every row crosses the network to {host} unencrypted",
    todo: "set sslmode=verify-full, and sslrootcert for an authority of your own",
  },
  "unknown-version": {
    check: "server",
    sentence: "rowgate does not support Postgres {version}: it supports 13 to 18",
    todo: "update the server, or rowgate",
  },
  "read-replica": {
    check: "server",
    sentence: "{host} is a read replica: it refuses every write (25006) before it evaluates a policy",
    todo: "connect to the primary, or set `writes: none`",
  },
  "read-only-session": {
    check: "server",
    sentence:
      "sessions of {user} are read-only (default_transaction_read_only), so the server refuses every write before it evaluates a policy",
    todo: "ALTER ROLE {user} RESET default_transaction_read_only, or set `writes: none`",
  },
  "transaction-pooler": {
    check: "sessions",
    sentence:
      "the connection goes through a pooler in transaction mode: sessions share server processes, so settings of one session can apply to another",
    todo: "connect to the server itself, or in the pooler's session mode (on Supabase port 5432 instead of 6543)",
  },
  "statement-pooler": {
    check: "sessions",
    sentence: "the connection goes through a pooler in statement mode, which does not support transactions",
    todo: "connect to the server itself",
  },
  "set-local-lost": {
    check: "sessions",
    sentence: "SET LOCAL does not last exactly until the end of the transaction on this connection",
    todo: "connect to the server itself: otherwise a persona's identity could apply to the next one",
  },
  "limits-dropped": {
    check: "sessions",
    sentence: "the timeouts that rowgate sets at the start of a session are not in force: {limits}",
    todo: "a pooler drops them: connect to the server itself, or give the login the same limits (ALTER ROLE … SET statement_timeout, lock_timeout, idle_in_transaction_session_timeout)",
  },
  "not-read-only": {
    check: "sessions",
    sentence: "the session is not read-only, although rowgate requested it (default_transaction_read_only)",
    todo: "a pooler drops startup options, and rowgate does not read a target without writes through it: connect to the server itself, or in the pooler's session mode if it passes them on",
  },
  "pooler-unknown": {
    check: "sessions",
    status: "unknown",
    sentence: "could not determine whether the connection goes through a pooler: {reported}",
    todo: "check the server's log",
  },
  "no-privileged-connection": {
    check: "privileges",
    sentence: "{user} has neither BYPASSRLS nor SUPERUSER, so it cannot see the rows that policies hide",
    todo: "log in as a role with BYPASSRLS (on Supabase: postgres); owning the tables is not enough where RLS is forced",
  },
  "may-not-read": {
    check: "privileges",
    sentence: "{user} has no SELECT on {relations}; BYPASSRLS skips policies, not privileges",
    todo: 'GRANT pg_read_all_data TO "{user}", or SELECT on these',
  },
  "no-such-role": {
    check: "roles",
    sentence: "role {role} does not exist ({usedFor})",
    todo: "create it, or correct its name",
  },
  "login-may-not-become": {
    check: "roles",
    sentence: "{user} may not SET ROLE {role} ({code})",
    todo: 'GRANT "{role}" TO "{user}"',
  },
  "gateway-may-not-become": {
    check: "roles",
    sentence: "the gateway's login {login} may not SET ROLE {role}, so every request as {role} is refused",
    todo: 'GRANT "{role}" TO "{login}"',
  },
  "gateway-cannot-log-in": {
    check: "roles",
    sentence: "the target names {login} as the gateway's login, and that role is NOLOGIN",
    todo: "set `login` of the target's rest to the role in PostgREST's db-uri",
  },
  "persona-login": {
    check: "roles",
    sentence: "persona {persona} logs in as {login}; {user} cannot impersonate it without being a superuser",
    todo: "log in as a superuser, or remove `login:` if no policy or setting depends on it",
  },
  "owner-bypasses-rls": {
    check: "ownership",
    sentence:
      "{role} has the owner's rights on {relations}; policies apply to an owner only if RLS is forced",
    todo: "ALTER TABLE … FORCE ROW LEVEL SECURITY, or give the table another owner",
  },
  "safeupdate-here": {
    check: "safeupdate",
    sentence:
      "safeupdate is active in sessions of {user}: it refuses an UPDATE or DELETE without WHERE (21000) before any policy is evaluated",
    todo: "ALTER ROLE {user} SET safeupdate.enabled = off",
  },
  "no-user": {
    check: "users",
    sentence: "auth.users has no row for the `sub` of {personas}",
    todo: "use ids of existing users in the matrix: where policies look users up, a persona without a row proves little",
  },
  "users-unread": {
    check: "users",
    status: "unknown",
    sentence: "auth.users could not be read: {reported}",
    todo: "log in as a role that may read it (on Supabase: postgres)",
  },
  "matrix-unfit": {
    check: "matrix",
    sentence: "{file} does not fit the target: {reported}",
    todo: "{todo}",
  },
} as const;
