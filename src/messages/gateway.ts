/** What is wrong with the gateway, its keys, tokens, clock and roles, or with the database behind it. `{name}` is replaced by a fact. */
export const gatewayMessages = {
  "no-gateway": {
    check: "gateway",
    sentence: "{files} uses the rest channel, and the target has no PostgREST",
    todo: "set `rest.url` in rowgate.yaml, or SUPABASE_URL; or probe with --channel direct",
  },
  "gateway-unencrypted": {
    check: "gateway",
    sentence: "tokens and rows cross the network to {url} unencrypted",
    todo: "use https",
  },
  "gateway-redirects": {
    check: "gateway",
    sentence: "{url} redirects to {location} ({status})",
    todo: "set that address: rowgate follows no redirect, because the request could carry a token",
  },
  "not-postgrest": {
    check: "gateway",
    sentence: "the server at {url} is not PostgREST: it answered {status} without PostgREST's error code",
    todo: "set PostgREST's own address; on Supabase it ends in /rest/v1",
  },
  "gateway-down": {
    check: "gateway",
    sentence: "PostgREST does not answer behind {url} ({status})",
    todo: "start it; restore the Supabase project if it is paused",
  },
  "gateway-without-database": {
    check: "gateway",
    sentence: "the gateway cannot reach its database ({code}): {reported}",
    todo: "check PostgREST's log and its db-uri",
  },
  "key-wanted": {
    check: "api key",
    sentence: "the gateway requires an API key, and the target has none ({status})",
    todo: "set the publishable key (on older projects: anon) as `api_key` of the target",
  },
  "key-refused": {
    check: "api key",
    sentence: "the gateway rejects the API key ({status}): {reported}",
    todo: "use the publishable key of this project; rotated and revoked keys are rejected",
  },
  "secret-key": {
    check: "api key",
    sentence:
      "the API key is a {kind}: requests without a token bypass every policy, so everything looks open",
    todo: "use the publishable key (on older projects: anon), and keep this key out of every client",
  },
  "key-expired": {
    check: "api key",
    sentence: "the API key expired on {day}",
    todo: "copy a new one from the project's settings",
  },
  "key-of-another-project": {
    check: "api key",
    sentence: "the API key belongs to the project {project}, and {url} does not",
    todo: "copy both from the settings of one project",
  },
  "signs-with-api-key": {
    check: "tokens",
    sentence: "the target's JWT secret is an API key, which cannot sign tokens",
    todo: "publishable and secret keys are no JWT secrets, and anon and service_role keys are signed tokens: set the JWT secret, or a private key that was imported as a signing key",
  },
  "short-secret": {
    check: "tokens",
    sentence:
      "the JWT secret is shorter than 32 bytes; PostgREST rejects such a secret, so it is not the gateway's",
    todo: "set the whole jwt-secret of PostgREST",
  },
  "signatures-not-checked": {
    check: "tokens",
    sentence:
      "the gateway accepted a token with a tampered signature ({answer}): any caller can claim any identity",
    todo: "set PostgREST's jwt-secret; a run through such a gateway proves nothing",
  },
  "secrets-differ": {
    check: "tokens",
    sentence:
      "the gateway rejects tokens signed with the target's {algorithm} key ({code}): PostgREST verifies with another key",
    todo: "set the secret or private key of this project; the two sides were configured with different ones",
  },
  "unknown-key-id": {
    check: "tokens",
    sentence: "the gateway knows this {algorithm} key under another `kid` than {keyId} ({code})",
    todo: "set the `kid` that the gateway has for the key",
  },
  "key-not-published": {
    check: "tokens",
    sentence: "{url} does not publish the target's {algorithm} key; it publishes {keys}",
    todo: "import the private key as a signing key of the project, or use one that was imported",
  },
  "other-key-id": {
    check: "tokens",
    sentence: "{url} publishes the target's {algorithm} key as {published}, and the target has {keyId}",
    todo: "set the `kid` that is published",
  },
  "gateway-without-secret": {
    check: "tokens",
    sentence: "the gateway has no key to verify tokens with (PGRST300)",
    todo: "set PostgREST's jwt-secret",
  },
  "token-refused": {
    check: "tokens",
    sentence: "the gateway rejects the token of {persona} ({code}): {reported}",
    todo: "compare its claims (`aud`, `exp`, `role`) with what PostgREST requires, and check who signed it and with which key",
  },
  "no-key": {
    check: "tokens",
    sentence: "{personas} need a token, and the target has no key to sign one with",
    todo: "set the JWT secret or a private key, or pass tokens in (`token:` of a persona)",
  },
  "cannot-sign": {
    check: "tokens",
    sentence: "no token could be made for {persona}: {reported}",
    todo: "{todo}",
  },
  "no-signing-key": {
    check: "tokens",
    status: "unknown",
    sentence: "the target has no key to sign tokens with, so doctor could not check whether one is accepted",
    todo: "set the JWT secret or a private key, or name a matrix whose personas have tokens (`token:`)",
  },
  "own-clock": {
    check: "clock",
    sentence: "this machine's clock is {seconds} s {direction} those of the gateway and the database",
    todo: "set this machine's clock (NTP): its tokens are rejected as expired, or as not yet valid (PGRST303)",
  },
  "gateway-clock": {
    check: "clock",
    sentence: "the gateway's clock is {seconds} s {direction} this machine's; it tolerates 30 s",
    todo: "set this machine's clock (NTP), or the gateway's: tokens are rejected as expired, or as not yet valid (PGRST303)",
  },
  "database-clock": {
    check: "clock",
    sentence: "the database's clock is {seconds} s {direction} this machine's",
    todo: "set this machine's clock (NTP), or the server's: policies that compare with now() decide for another time",
  },
  "times-refused": {
    check: "clock",
    sentence: "the gateway rejects tokens because of their times (PGRST303): {reported}",
    todo: "the clocks of the two machines differ: set them (NTP)",
  },
  "no-date": {
    check: "clock",
    status: "unknown",
    sentence: "the gateway's answers have no Date header, so doctor could not compare its clock",
    todo: "check whether a proxy in between removes the header",
  },
  distrusted: {
    check: "role switch",
    sentence: "a run would trust no answer of this gateway: {reported}",
    todo: "fix the tokens first",
  },
  "another-anonymous-role": {
    check: "role switch",
    sentence:
      "the gateway runs requests without a token as {actual}, and the target says {declared} (db-anon-role)",
    todo: "set PostgREST's db-anon-role to {declared}, or correct `anon_role` of the target's rest",
  },
  "no-anonymous-role": {
    check: "role switch",
    sentence:
      "the gateway refuses requests without a token (PGRST302) because its db-anon-role is not set, and these personas send none: {personas}",
    todo: "set PostgREST's db-anon-role to {declared}, or give the personas claims, so that they send tokens",
  },
  "role-not-switched": {
    check: "role switch",
    sentence: "persona {persona}: {reported}",
    todo: "check whether the gateway's login may become that role, and whether a token with this role is rejected",
  },
  "schema-not-exposed": {
    check: "schemas",
    sentence: "the gateway does not expose the schema {schema} (PGRST106)",
    todo: "add it to PostgREST's db-schemas (on Supabase: exposed schemas), or remove it from the target's `schemas`",
  },
  "no-such-schema": {
    check: "schemas",
    sentence: "the database has no schema {schema}",
    todo: "apply the migration that creates it, or remove it from the target's `schemas`",
  },
  "stale-schema-cache": {
    check: "schema cache",
    sentence:
      "the gateway does not know {relations}, and the database has it (PGRST205): its schema cache is older than the last migration",
    todo: "NOTIFY pgrst, 'reload schema'; or restart PostgREST",
  },
  "nothing-known": {
    check: "schema cache",
    sentence:
      "the gateway knows none of the {asked} relations that doctor requested (PGRST205): its schema cache is older than they are, or it serves another database",
    todo: "NOTIFY pgrst, 'reload schema'; if that changes nothing, compare PostgREST's db-uri with the database URL",
  },
  "nothing-to-request": {
    check: "schema cache",
    status: "unknown",
    sentence: "the exposed schemas contain no relation that doctor could request",
    todo: "apply the migrations, or correct the target's `schemas`",
  },
  "another-database": {
    check: "same database",
    sentence: "the gateway serves another database than the direct connection: {why}",
    todo: "compare PostgREST's db-uri with the database URL: both channels must answer for the same rows",
  },
  "same-database-unknown": {
    check: "same database",
    status: "unknown",
    sentence: "could not verify that the gateway serves the database of the direct connection: {why}",
    todo: 'a run passes nothing on the rest channel without this: GRANT pg_read_all_stats TO "{user}" lets it see the gateway\'s statements; connect to the primary, not to a copy',
  },
  "rollback-not-honoured": {
    check: "rollback",
    sentence: "the gateway ignores Prefer: tx=rollback: a write would stay, so rowgate sends none through it",
    todo: "set db-tx-end to rollback-allow-override or commit-allow-override on a staging PostgREST, never in production; or set `writes: commit`",
  },
  "rollback-unknown": {
    check: "rollback",
    status: "unknown",
    sentence:
      "no persona could read any relation, so doctor could not check whether the gateway honours Prefer: tx=rollback",
    todo: "name a matrix with a persona that may read something",
  },
} as const;
