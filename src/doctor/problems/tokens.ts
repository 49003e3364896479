/** What is wrong with keys, tokens, clocks, and the role that a token leads to. */
export const tokenProblems = {
  "key-wanted": {
    check: "api key",
    sentence: "the gateway wants an API key, and the target names none ({status})",
    hint: "give the publishable key (on older projects: anon) as the target's `api_key`",
  },
  "key-refused": {
    check: "api key",
    sentence: "the gateway does not accept the API key ({status}): {said}",
    hint: "take the publishable key of this very project; keys that were rotated or revoked are refused",
  },
  "secret-key": {
    check: "api key",
    sentence:
      "the API key is a {kind}: a request that brings no token of its own passes every policy, so everything looks open",
    hint: "give the publishable key (on older projects: anon), and keep this one from wherever it went",
  },
  "key-expired": {
    check: "api key",
    sentence: "the API key expired on {day}",
    hint: "take a new one from the project's settings",
  },
  "key-of-another-project": {
    check: "api key",
    sentence: "the API key is of the project {project}, and {url} is not",
    hint: "take both from the same project's settings",
  },
  "signs-with-api-key": {
    check: "tokens",
    sentence: "what was given as JWT secret is an API key, which signs nothing",
    hint: "publishable and secret keys are no JWT secrets, and anon and service_role keys are tokens that one signed: give the JWT secret, or a private key that was imported as signing key",
  },
  "short-secret": {
    check: "tokens",
    sentence:
      "the JWT secret is shorter than 32 bytes: PostgREST starts with no such secret, so it cannot be the one that it checks with",
    hint: "give the secret that PostgREST has (jwt-secret), whole",
  },
  "signatures-not-checked": {
    check: "tokens",
    sentence:
      "the gateway took a token with a tampered signature ({said}): whoever asks is whoever it says it is",
    hint: "give PostgREST its jwt-secret; nothing that is proved through such a gateway means anything",
  },
  "secrets-differ": {
    check: "tokens",
    sentence:
      "the gateway does not accept tokens signed with the target's {algorithm} key ({code}): it is not the one that PostgREST checks with",
    hint: "give rowgate the secret or private key of this very project; the two sides were configured with different ones",
  },
  "unknown-key-id": {
    check: "tokens",
    sentence: "the gateway has our {algorithm} key, and not under the key id {keyId} ({code})",
    hint: "give the key the `kid` that the gateway knows it by",
  },
  "key-not-published": {
    check: "tokens",
    sentence: "our {algorithm} key is not among those that {url} publishes: {keys}",
    hint: "import the private key as a signing key of the project, or give rowgate one that was",
  },
  "other-key-id": {
    check: "tokens",
    sentence: "{url} publishes our {algorithm} key as {published}, and the target says {keyId}",
    hint: "give the key the `kid` that it is published by",
  },
  "gateway-without-secret": {
    check: "tokens",
    sentence: "the gateway has no key to check tokens with (PGRST300)",
    hint: "give PostgREST its jwt-secret",
  },
  "token-refused": {
    check: "tokens",
    sentence: "the gateway does not accept the token of {persona} ({code}): {said}",
    hint: "compare its claims (`aud`, `exp`, `role`) with what PostgREST asks for, and who signed it with whose key that is",
  },
  "no-key": {
    check: "tokens",
    sentence: "{personas} need a token, and the target names no key to sign one with",
    hint: "give the JWT secret or a private key, or hand tokens in (`token:` of a persona)",
  },
  "cannot-sign": {
    check: "tokens",
    sentence: "{persona} cannot be signed in: {said}",
    hint: "{hint}",
  },
  "own-clock": {
    check: "clock",
    sentence: "this machine's clock is {seconds} s {direction} those of the gateway and the database",
    hint: "set this machine's clock (NTP): its tokens are refused as expired, or as not yet valid (PGRST303)",
  },
  "gateway-clock": {
    check: "clock",
    sentence: "the gateway's clock is {seconds} s {direction} this machine's, and it lets 30 s pass",
    hint: "set this machine's clock (NTP), or the gateway's: tokens are refused as expired, or as not yet valid (PGRST303)",
  },
  "database-clock": {
    check: "clock",
    sentence: "the database's clock is {seconds} s {direction} this machine's",
    hint: "set this machine's clock (NTP), or the server's: policies that compare with now() answer for another moment",
  },
  "times-refused": {
    check: "clock",
    sentence: "the gateway refuses tokens for their times (PGRST303): {said}",
    hint: "the clocks of the two machines differ: set them (NTP)",
  },
  distrusted: {
    check: "role switch",
    sentence: "a run would believe nothing that this gateway says: {said}",
    hint: "mend the tokens first",
  },
  "another-anonymous-role": {
    check: "role switch",
    sentence:
      "the gateway serves requests without a token as {actual}, and the target says {declared} (db-anon-role)",
    hint: "set PostgREST's db-anon-role to {declared}, or let `anon_role` of the target's rest say what it is",
  },
  "no-anonymous-role": {
    check: "role switch",
    sentence:
      "the gateway serves no request without a token (PGRST302), and of the personas {personas} comes without: its db-anon-role is not set",
    hint: "set PostgREST's db-anon-role to {declared}, or give the personas claims, so that they bring tokens",
  },
  "role-not-switched": {
    check: "role switch",
    sentence: "for {persona}, {said}",
    hint: "look whether the gateway's login may become that role, and whether a token with this role is refused",
  },
} as const;
