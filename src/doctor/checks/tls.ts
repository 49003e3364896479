import type { LinkFailure } from "../../model/link-failure.ts";

export type CertificateProblem = "unknown-authority" | "wrong-host" | "certificate-out-of-date";

/** Node's names. Source: https://nodejs.org/api/tls.html#x509-certificate-error-codes */
const certificateProblems: Readonly<Record<string, CertificateProblem>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: "unknown-authority",
  SELF_SIGNED_CERT_IN_CHAIN: "unknown-authority",
  UNABLE_TO_GET_ISSUER_CERT: "unknown-authority",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "unknown-authority",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "unknown-authority",
  CERT_UNTRUSTED: "unknown-authority",
  // An authority of the same name, and not the same one.
  CERT_SIGNATURE_FAILURE: "unknown-authority",
  ERR_TLS_CERT_ALTNAME_INVALID: "wrong-host",
  HOSTNAME_MISMATCH: "wrong-host",
  CERT_HAS_EXPIRED: "certificate-out-of-date",
  CERT_NOT_YET_VALID: "certificate-out-of-date",
};

export function certificateProblem(code: string): CertificateProblem | undefined {
  return certificateProblems[code];
}

/** The way is there, and it could not be made a private one. */
export function isTls({ code }: LinkFailure): boolean {
  return (
    code === "no-tls" ||
    code === "EPROTO" ||
    /^ERR_(?:SSL|TLS)_/.test(code) ||
    /CERT/.test(code) ||
    code in certificateProblems
  );
}
