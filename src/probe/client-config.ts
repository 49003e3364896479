import { checkServerIdentity } from "node:tls";
import type { ClientConfig } from "pg";
import type { DatabaseAddress, Limits } from "../model/target.ts";

/** How every connection of ours is opened. Nothing of it is left to the environment, which `pg` would ask. */
export function clientConfig(address: DatabaseAddress, limits: Limits): ClientConfig {
  const { host, port, user, password, database, options, readOnly } = address;
  const startup = [
    ...(options === undefined ? [] : [options]),
    // Whatever role and database say: predicates were read with backslashes that are backslashes.
    "-c standard_conforming_strings=on",
    ...(readOnly === true ? ["-c default_transaction_read_only=on"] : []),
  ];
  return {
    host,
    port,
    user,
    password,
    database,
    ssl: sslOf(address),
    options: startup.join(" "),
    application_name: "rowgate",
    statement_timeout: limits.statementTimeoutMs,
    lock_timeout: limits.lockTimeoutMs,
    idle_in_transaction_session_timeout: limits.idleInTransactionTimeoutMs,
    connectionTimeoutMillis: limits.requestTimeoutMs,
    // The server ends a statement first; this is for a server that answers no more.
    query_timeout: limits.statementTimeoutMs + limits.requestTimeoutMs,
  };
}

function sslOf({ host, tls }: DatabaseAddress): NonNullable<ClientConfig["ssl"]> {
  if (tls === undefined) return false;
  const { verify, ca, cert, key } = tls;
  const own = {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  };
  if (verify === "nothing") return { ...own, rejectUnauthorized: false };
  return {
    ...own,
    rejectUnauthorized: true,
    // By the name that was asked for: for an address, Node would compare the certificate with `localhost`.
    checkServerIdentity: (_name, certificate) =>
      verify === "chain" ? undefined : checkServerIdentity(host, certificate),
  };
}
