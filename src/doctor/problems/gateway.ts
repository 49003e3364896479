/** What is wrong with the way to the gateway, with what answers there, and with the database behind it. */
export const gatewayProblems = {
  "gateway-wanted": {
    check: "gateway",
    sentence: "{files} speaks to PostgREST, and the target names none",
    hint: "say `rest.url` in rowgate.yaml, or set SUPABASE_URL; or probe with --channel direct alone",
  },
  "gateway-unknown-host": {
    check: "gateway",
    sentence: "no server is known by the name in {url} ({code})",
    hint: "check the REST URL; a Supabase project that was deleted or renamed has no name any more",
  },
  "gateway-nobody-listens": {
    check: "gateway",
    sentence: "nobody listens at {url}",
    hint: "start PostgREST, or mend the REST URL",
  },
  "gateway-no-answer": {
    check: "gateway",
    sentence: "{url} did not answer within {seconds} s ({code})",
    hint: "look at firewall, VPN and allow-list, and whether PostgREST waits for its database",
  },
  "gateway-unknown-authority": {
    check: "gateway",
    sentence:
      "the certificate of {url} is signed by itself or by an authority that is not known here ({code})",
    hint: "give the authority's certificate (`ca` of the target's rest, or NODE_EXTRA_CA_CERTS)",
  },
  "gateway-wrong-host": {
    check: "gateway",
    sentence: "the certificate of {url} is for another host: {certifies}",
    hint: "use a name that it is for, or have one made for this name",
  },
  "gateway-certificate-out-of-date": {
    check: "gateway",
    sentence: "the certificate of {url} is not valid today ({code})",
    hint: "renew it; if it is in order, this machine's clock is not",
  },
  "gateway-failed": {
    check: "gateway",
    sentence: "{url} could not be asked ({code}): {said}",
    hint: "check the scheme (http or https), host and port of the REST URL",
  },
  "gateway-unencrypted": {
    check: "gateway",
    sentence: "tokens and rows cross the network to {url} unencrypted",
    hint: "use https",
  },
  "gateway-moved": {
    check: "gateway",
    sentence: "{url} sends one on to {location} ({status})",
    hint: "name that address: a redirect is not followed, since a token would go with it",
  },
  "not-postgrest": {
    check: "gateway",
    sentence: "what answers at {url} is not PostgREST: {status} without a code of its own",
    hint: "name PostgREST's own address; on Supabase it ends in /rest/v1",
  },
  "gateway-down": {
    check: "gateway",
    sentence: "PostgREST does not answer behind {url} ({status})",
    hint: "start it; a Supabase project that was paused has to be restored",
  },
  "gateway-without-database": {
    check: "gateway",
    sentence: "the gateway cannot reach its own database ({code}): {said}",
    hint: "see PostgREST's log and its db-uri",
  },
  "schema-not-exposed": {
    check: "schemas",
    sentence: "the gateway does not expose the schema {schema} (PGRST106)",
    hint: "add it to PostgREST's db-schemas (on Supabase: exposed schemas), or take it out of the target's `schemas`",
  },
  "no-such-schema": {
    check: "schemas",
    sentence: "the database has no schema {schema}",
    hint: "apply the migration that creates it, or take it out of the target's `schemas`",
  },
  "stale-schema-cache": {
    check: "schema cache",
    sentence:
      "the gateway has not heard of {relations}, though the database has it (PGRST205): its schema cache is older than the last migration",
    hint: "NOTIFY pgrst, 'reload schema'; or restart PostgREST",
  },
  "nothing-known": {
    check: "schema cache",
    sentence:
      "the gateway knows none of the {asked} relations that it was asked for (PGRST205): its schema cache is older than they are, or it serves another database",
    hint: "NOTIFY pgrst, 'reload schema'; if that changes nothing, compare PostgREST's db-uri with the database URL",
  },
  "another-database": {
    check: "one database",
    sentence: "the gateway serves another database than the direct connection: {why}",
    hint: "compare PostgREST's db-uri with the database URL: both channels must answer for the same rows",
  },
  "rollback-not-honoured": {
    check: "rollback",
    sentence:
      "the gateway does not honour Prefer: tx=rollback: a write through it would stay, so none is sent",
    hint: "set db-tx-end to rollback-allow-override or commit-allow-override on a staging PostgREST, never in production; or say `writes: commit`",
  },
} as const;
