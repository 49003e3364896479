import type { LinkFailure } from "../model/link-failure.ts";

/** Why a connection to a database or a gateway failed. `{name}` is replaced by a fact. */
export const connectionMessages = {
  "unknown-host": {
    check: "login",
    sentence: "cannot resolve host {host} ({code})",
    todo: "check the host name and this machine's DNS; on Supabase, a deleted or renamed project has no host name any more, and the direct database host has only an IPv6 address: without IPv6, use the session pooler",
  },
  "connection-refused": {
    check: "login",
    sentence: "no server listens on {where} ({code})",
    todo: "start the server, or correct host and port; inside a container, localhost is the container itself",
  },
  "no-answer": {
    check: "login",
    sentence: "{where} did not answer within {seconds} s ({code})",
    todo: "check firewall, VPN and allow-list, and whether a gateway waits for its database; Supabase's direct database host has only an IPv6 address: without IPv6, use its session pooler",
  },
  "connection-closed": {
    check: "login",
    sentence: "{where} closed the connection ({code})",
    todo: "check that the right server listens there, and whether it requires TLS (sslmode=require or better; https)",
  },
  "wrong-password": {
    check: "login",
    sentence: "the server rejected the user name or password of {user} ({code})",
    todo: "correct user and password where the target takes them from; behind Supabase's pooler the user is postgres.<project ref>",
  },
  "no-password": {
    check: "login",
    sentence: "the server asks {user} for a password, and the target has none",
    todo: "set one in the variable with the database URL, in PGPASSWORD or in the password file",
  },
  "login-refused": {
    check: "login",
    sentence: "the server does not let {user} log in ({code}): {reported}",
    todo: "check pg_hba.conf for this address, user and database, whether it requires TLS (sslmode=verify-full), and whether the role has LOGIN",
  },
  "no-such-database": {
    check: "login",
    sentence: "the server has no database {database} ({code})",
    todo: "correct the database name: in a URL it follows the last slash",
  },
  "too-many-connections": {
    check: "login",
    sentence: "the server has no connection left for {user} ({code})",
    todo: "close other connections, or raise max_connections or the role's CONNECTION LIMIT; a run needs up to eight",
  },
  "not-ready": {
    check: "login",
    sentence: "the server is starting, stopping or recovering ({code})",
    todo: "wait, and check the server's log if that takes long",
  },
  "startup-refused": {
    check: "login",
    sentence: "a pooler rejected the startup options of the session ({code}): {reported}",
    todo: "connect to the server itself: without these options a session has no timeouts",
  },
  "connection-failed": {
    check: "login",
    sentence: "{where} could not be queried ({code}): {reported}",
    todo: "check host, port, login and the server's log; behind Supabase's pooler the user is postgres.<project ref>; check http or https in a REST URL",
  },
  "no-tls": {
    check: "encryption",
    sentence: "{where} does not support TLS, and the target requires it",
    todo: "set `ssl = on` in the server; use sslmode=disable only on a trusted network",
  },
  "unknown-authority": {
    check: "encryption",
    sentence: "the certificate of {host} is self-signed or signed by an unknown authority ({code})",
    todo: "give the authority's certificate: `sslrootcert` for the database (Supabase: database settings, SSL configuration), `ca` of the target's rest or NODE_EXTRA_CA_CERTS for the gateway; sslmode=require does not verify it",
  },
  "wrong-certificate-host": {
    check: "encryption",
    sentence: "the certificate of {host} is for another host: {certifies}",
    todo: "connect by a host name in the certificate, or issue a certificate for this name; sslmode=verify-full compares the name, sslmode=verify-ca only the authority",
  },
  "certificate-out-of-date": {
    check: "encryption",
    sentence: "the certificate of {host} has expired or is not valid yet ({code})",
    todo: "renew it; if its dates are right, correct this machine's clock",
  },
  "tls-failed": {
    check: "encryption",
    sentence: "TLS with {where} failed ({code}): {reported}",
    todo: "check the server's TLS settings, proxies in between, and http or https in a REST URL",
  },
} as const;

export type ConnectionCode = keyof typeof connectionMessages;

/** By errno, SQLSTATE, Node's name of a TLS error, or an `EdgeCode`. Source: https://nodejs.org/api/tls.html#x509-certificate-error-codes */
const byCode: Readonly<Record<string, ConnectionCode>> = {
  ENOTFOUND: "unknown-host",
  EAI_AGAIN: "unknown-host",
  ECONNREFUSED: "connection-refused",
  ENOENT: "connection-refused",
  ETIMEDOUT: "no-answer",
  EHOSTUNREACH: "no-answer",
  ENETUNREACH: "no-answer",
  timeout: "no-answer",
  ECONNRESET: "connection-closed",
  EPIPE: "connection-closed",
  UND_ERR_SOCKET: "connection-closed",
  closed: "connection-closed",
  "28P01": "wrong-password",
  "no-password": "no-password",
  "28000": "login-refused",
  "3D000": "no-such-database",
  "53300": "too-many-connections",
  "57P03": "not-ready",
  "08P01": "startup-refused",
  "no-tls": "no-tls",
  DEPTH_ZERO_SELF_SIGNED_CERT: "unknown-authority",
  SELF_SIGNED_CERT_IN_CHAIN: "unknown-authority",
  UNABLE_TO_GET_ISSUER_CERT: "unknown-authority",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "unknown-authority",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "unknown-authority",
  CERT_UNTRUSTED: "unknown-authority",
  // An authority of the same name, but not the same one.
  CERT_SIGNATURE_FAILURE: "unknown-authority",
  ERR_TLS_CERT_ALTNAME_INVALID: "wrong-certificate-host",
  HOSTNAME_MISMATCH: "wrong-certificate-host",
  CERT_HAS_EXPIRED: "certificate-out-of-date",
  CERT_NOT_YET_VALID: "certificate-out-of-date",
};

/** What a failed connection means; an unknown code is reported with the server's own words. */
export function connectionCode({ code }: LinkFailure): ConnectionCode {
  const isTls = code === "EPROTO" || /^ERR_(?:SSL|TLS)_|CERT/.test(code);
  return byCode[code] ?? (isTls ? "tls-failed" : "connection-failed");
}

/** The server was connected to, and TLS with it failed. */
export function isTlsFailure(failure: LinkFailure): boolean {
  return connectionMessages[connectionCode(failure)].check === "encryption";
}

export interface Peer {
  /** `host:port`, or a URL. */
  readonly where: string;
  readonly host: string;
  readonly user?: string;
  readonly database?: string;
  /** How long it had to answer. */
  readonly seconds: number;
}

/** The facts that these messages need. */
export function connectionFacts(
  { where, host, user = "", database = "", seconds }: Peer,
  { code, message, certifies = "it names none" }: LinkFailure,
): Readonly<Record<ConnectionFact, string | number>> {
  return { where, host, user, database, seconds, code, reported: message, certifies };
}

type ConnectionFact = "where" | "host" | "user" | "database" | "seconds" | "code" | "reported" | "certifies";
