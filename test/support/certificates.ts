import { generateKeyPairSync, randomBytes } from "node:crypto";
import forge from "node-forge";

export interface Certified {
  /** PEM. */
  readonly key: string;
  readonly cert: string;
}

/** Hours from now; below 0, hours ago. */
export interface Validity {
  readonly from: number;
  readonly until: number;
}

/** Longer than any clock of a test is off. */
const aDay: Validity = { from: -24, until: 24 };

/** An authority of its own. */
export function makeAuthority(): Certified {
  const keys = keyPair();
  const cert = certificate("rowgate test authority", keys, aDay);
  cert.setIssuer(cert.subject.attributes);
  cert.setExtensions([
    { name: "basicConstraints", cA: true, critical: true },
    { name: "keyUsage", keyCertSign: true, cRLSign: true, critical: true },
  ]);
  cert.sign(keys.privateKey, forge.md.sha256.create());
  return { key: keys.pem, cert: forge.pki.certificateToPem(cert) };
}

/** A server's certificate for these DNS names and addresses. */
export function certify(
  authority: Certified,
  names: readonly string[],
  addresses: readonly string[] = [],
  validity: Validity = aDay,
): Certified {
  const keys = keyPair();
  const cert = certificate(names[0] ?? "localhost", keys, validity);
  cert.setIssuer(forge.pki.certificateFromPem(authority.cert).subject.attributes);
  const altNames = [
    ...names.map((value) => ({ type: 2, value })),
    ...addresses.map((ip) => ({ type: 7, ip })),
  ];
  cert.setExtensions([
    { name: "basicConstraints", cA: false },
    { name: "extKeyUsage", serverAuth: true },
    { name: "subjectAltName", altNames },
  ]);
  cert.sign(forge.pki.privateKeyFromPem(authority.key), forge.md.sha256.create());
  return { key: keys.pem, cert: forge.pki.certificateToPem(cert) };
}

interface Keys {
  readonly pem: string;
  readonly privateKey: forge.pki.rsa.PrivateKey;
  readonly publicKey: forge.pki.rsa.PublicKey;
}

function keyPair(): Keys {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    privateKeyEncoding: { type: "pkcs1", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" },
  });
  return {
    pem: privateKey,
    privateKey: forge.pki.privateKeyFromPem(privateKey),
    publicKey: forge.pki.publicKeyFromPem(publicKey) as forge.pki.rsa.PublicKey,
  };
}

const hour = 3_600_000;

function certificate(commonName: string, keys: Keys, { from, until }: Validity): forge.pki.Certificate {
  const cert = forge.pki.createCertificate();
  cert.publicKey = keys.publicKey;
  // A first digit of 0 keeps the number positive.
  cert.serialNumber = `01${randomBytes(8).toString("hex")}`;
  cert.validity.notBefore = new Date(Date.now() + from * hour);
  cert.validity.notAfter = new Date(Date.now() + until * hour);
  cert.setSubject([{ name: "commonName", value: commonName }]);
  return cert;
}
