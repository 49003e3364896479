/** An error of a connection: errno's name, Node's name of a TLS error, a SQLSTATE, or an `EdgeCode`. */
export interface LinkFailure {
  readonly code: string;
  readonly message: string;
  /** Host names in the certificate, where it is for another host. */
  readonly certifies?: string | undefined;
}

/** Where neither the server nor the system gives a code. */
export type EdgeCode = "no-tls" | "no-password" | "timeout" | "closed" | "not-read-only" | "unknown";
