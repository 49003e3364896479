import { DatabaseError } from "pg";
import { RowgateError } from "../../model/errors.ts";
import type { DatabaseAddress } from "../../model/target.ts";

interface Told {
  /** In place of the library's words, where those say too little. */
  readonly message?: string;
  readonly hint: string;
}

const authority =
  "name the authority that signed it with `sslrootcert` (on Supabase: Database settings, SSL configuration); only if you know the way there: `sslmode: require` verifies nothing";

/** By SQLSTATE, or by the code that Node gives an error of the network or of TLS. */
const known: Readonly<Record<string, (to: DatabaseAddress) => Told>> = {
  SELF_SIGNED_CERT_IN_CHAIN: () => ({
    message: "the server's certificate is signed by an authority that is not trusted",
    hint: authority,
  }),
  DEPTH_ZERO_SELF_SIGNED_CERT: () => ({
    message: "the server's certificate is signed by itself",
    hint: authority,
  }),
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: () => ({
    message: "the server's certificate is signed by an authority that is not trusted",
    hint: authority,
  }),
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: () => ({
    message: "the server's certificate is signed by an authority that is not trusted",
    hint: authority,
  }),
  CERT_SIGNATURE_FAILURE: () => ({
    message: "the server's certificate is not signed by the authority that it names",
    hint: authority,
  }),
  CERT_HAS_EXPIRED: () => ({
    message: "the server's certificate has expired",
    hint: "renew it, and see whether this machine's clock is right",
  }),
  CERT_NOT_YET_VALID: () => ({
    message: "the server's certificate is not valid yet",
    hint: "see whether this machine's clock is right",
  }),
  ERR_TLS_CERT_ALTNAME_INVALID: ({ host }) => ({
    message: `the server's certificate is not made out to ${host}`,
    hint: "connect by a name that it is made out to (`sslmode: verify-full` compares it); `verify-ca` would not look at the name",
  }),
  ENOTFOUND: ({ host }) => ({
    message: `there is no host ${host}`,
    hint: "check the name; a host with IPv6 addresses only needs a network that has them (on Supabase: use the session pooler)",
  }),
  ECONNREFUSED: () => ({ hint: "check that the server runs, and listens at this address and port" }),
  EHOSTUNREACH: () => ({
    hint: "no way leads there from this network: see firewalls, and whether the host has IPv6 addresses only",
  }),
  ENETUNREACH: () => ({
    hint: "no way leads there from this network: the host may have IPv6 addresses only (on Supabase: use the session pooler)",
  }),
  "28P01": () => ({ hint: "check the login's name and password" }),
  "28000": () => ({
    hint: "see the server's pg_hba.conf: it may want encryption (`sslmode: verify-full`), another login or another address",
  }),
  "3D000": ({ database }) => ({ hint: `there is no database ${database} on that server: check the name` }),
  "53300": () => ({
    hint: "the server, or a pooler in front of it, has no connection left: rowgate needs about six",
  }),
};

const fallback = "check that the server runs, and the login's name and password";

/** What kept a login from succeeding, and what to do. Never holds the password. */
export function connectError(to: DatabaseAddress, cause: unknown): RowgateError {
  const code = codeOf(cause);
  const said = cause instanceof Error ? cause.message : String(cause);
  const noTls = said === "The server does not support SSL connections";
  const told: Told = noTls
    ? {
        message: "the server does not speak TLS",
        hint: "let it (`ssl = on`); only on a network that nobody else is on: `sslmode: disable`",
      }
    : ((code === undefined ? undefined : known[code]?.(to)) ?? { hint: fallback });
  return new RowgateError({
    code: "direct/connect",
    message: `Cannot log in to ${to.host}:${to.port}/${to.database} as ${to.user}: ${told.message ?? said}`,
    hint: told.hint,
    cause,
  });
}

function codeOf(cause: unknown): string | undefined {
  if (cause instanceof DatabaseError) return cause.code;
  if (cause instanceof AggregateError) return codeOf(cause.errors[0]);
  return cause instanceof Error && "code" in cause ? String(cause.code) : undefined;
}
