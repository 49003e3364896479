/** What could not be told, and why. None of it is ever shown as well. */
export const unclearProblems = {
  "rest-of-sessions": {
    check: "sessions",
    sentence: "whether a pooler is in between could not be told: {said}",
    hint: "see the server's log",
  },
  "users-unread": {
    check: "users",
    sentence: "auth.users could not be read: {said}",
    hint: "log in as a role that may read it (on Supabase: postgres)",
  },
  "no-signing-key": {
    check: "tokens",
    sentence: "the target names no key to sign tokens with, so whether one is accepted was not asked",
    hint: "give the JWT secret or private key, or name a matrix whose personas bring tokens (`token:`)",
  },
  "nothing-to-ask-for": {
    check: "schema cache",
    sentence: "the exposed schemas hold no relation to ask for",
    hint: "apply the migrations, or name the schemas that are meant",
  },
  "sameness-unseen": {
    check: "one database",
    sentence: "nothing shows that the gateway serves the database of the direct connection: {why}",
    hint: 'a run lets nothing pass on the rest channel without: GRANT pg_read_all_stats TO "{user}" lets it see the gateway\'s statements; connect to the primary, and to no copy',
  },
  "rollback-not-shown": {
    check: "rollback",
    sentence:
      "no persona could read any relation, so nothing shows whether the gateway honours Prefer: tx=rollback",
    hint: "name a matrix with a persona that may read something",
  },
  "no-date": {
    check: "clock",
    sentence: "the gateway's answers carry no date, so its clock was not compared",
    hint: "something in between takes the Date header out",
  },
} as const;
