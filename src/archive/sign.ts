import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { RowgateError } from "../model/errors.ts";

/** An Ed25519 key by which runs are signed. The key itself is in no field: it is never written. */
export interface Signer extends PublicKey {
  readonly sign: (bytes: Uint8Array) => Buffer;
}

export interface PublicKey {
  /** SHA-256 (hex) of the public key in SPKI DER form: `openssl pkey -pubin -in key.pub -outform DER | sha256sum`. */
  readonly id: string;
  /** The 32 bytes alone. */
  readonly raw: Buffer;
  readonly verifies: (bytes: Uint8Array, signature: Uint8Array) => boolean;
}

/** @param from what the key is called in a message, never its text. @throws RowgateError `key/unusable` */
export function readSigner(pem: string, from: string): Signer {
  const key = parsed(() => createPrivateKey(pem), from, "private");
  return { ...publicKey(createPublicKey(key)), sign: (bytes) => sign(null, bytes, key) };
}

/** @throws RowgateError `key/unusable` */
export function readPublicKey(pem: string, from: string): PublicKey {
  return publicKey(parsed(() => createPublicKey(pem), from, "public"));
}

function parsed(read: () => KeyObject, from: string, kind: "private" | "public"): KeyObject {
  let key: KeyObject | undefined;
  try {
    key = read();
  } catch {
    // What OpenSSL says of it may quote it.
  }
  if (key?.asymmetricKeyType === "ed25519") return key;
  throw new RowgateError({
    code: "key/unusable",
    message: `${from} is not an Ed25519 ${kind} key in PEM form.`,
    hint: "openssl genpkey -algorithm ed25519 -out rowgate.key && openssl pkey -in rowgate.key -pubout -out rowgate.pub",
  });
}

function publicKey(key: KeyObject): PublicKey {
  const der = key.export({ type: "spki", format: "der" });
  return {
    id: createHash("sha256").update(der).digest("hex"),
    raw: der.subarray(-32),
    verifies: (bytes, signature) => verify(null, bytes, key, signature),
  };
}

/** https://github.com/secure-systems-lab/dsse: signatures are of the payload and its type. */
export interface Envelope {
  readonly payloadType: string;
  readonly payload: string;
  readonly signatures: readonly { readonly keyid: string; readonly sig: string }[];
}

export const statementType = "application/vnd.in-toto+json";

/** DSSE's pre-authentication encoding: lengths in bytes, in decimal. */
export function preAuthentication(type: string, payload: Uint8Array): Buffer {
  const head = `DSSEv1 ${Buffer.byteLength(type)} ${type} ${payload.length} `;
  return Buffer.concat([Buffer.from(head), payload]);
}

/** @param signer absent: an envelope without signatures, which shows nothing but the form. */
export function envelopeOf(statement: object, signer: Signer | undefined): Envelope {
  const payload = Buffer.from(JSON.stringify(statement));
  return {
    payloadType: statementType,
    payload: payload.toString("base64"),
    signatures:
      signer === undefined
        ? []
        : [
            {
              keyid: signer.id,
              sig: signer.sign(preAuthentication(statementType, payload)).toString("base64"),
            },
          ],
  };
}

/** What the signatures of an envelope come to, with these keys. */
export function checkEnvelope(
  { payloadType, payload, signatures }: Envelope,
  keys: readonly PublicKey[],
): readonly Signature[] {
  const bytes = preAuthentication(payloadType, Buffer.from(payload, "base64"));
  return signatures.map(({ keyid, sig }) => {
    const key = keys.find(({ id }) => id === keyid);
    if (key === undefined) return { keyId: keyid, state: "unknown key" };
    return { keyId: keyid, state: key.verifies(bytes, Buffer.from(sig, "base64")) ? "valid" : "invalid" };
  });
}

export interface Signature {
  readonly keyId: string;
  readonly state: "valid" | "invalid" | "unknown key";
}

/** https://c2sp.org/signed-note: the text, an empty line, and a line for each signature; Ed25519 has the number 1. */
export function signedNote(text: string, name: string, signer: Signer | undefined): string {
  if (signer === undefined) return `${text}\n`;
  const signature = Buffer.concat([noteKeyId(name, signer), signer.sign(Buffer.from(text))]);
  return `${text}\n\u2014 ${name} ${signature.toString("base64")}\n`;
}

function noteKeyId(name: string, { raw }: PublicKey): Buffer {
  return createHash("sha256")
    .update(Buffer.concat([Buffer.from(`${name}\n`), Buffer.of(1), raw]))
    .digest()
    .subarray(0, 4);
}

/** The text of a note, and what its signatures come to. */
export function readNote(
  note: string,
  keys: readonly PublicKey[],
): { readonly text: string; readonly signatures: readonly Signature[] } {
  const end = note.lastIndexOf("\n\n");
  const text = end < 0 ? note : note.slice(0, end + 1);
  const lines =
    end < 0
      ? []
      : note
          .slice(end + 2)
          .split("\n")
          .filter((line) => line !== "");
  const signatures = lines.map((line): Signature => {
    const [, name = "", base64 = ""] = /^\u2014 ([^\s+]+) ([A-Za-z0-9+/]+={0,2})$/.exec(line) ?? [];
    const bytes = Buffer.from(base64, "base64");
    const key = keys.find((one) => noteKeyId(name, one).equals(bytes.subarray(0, 4)));
    if (key === undefined)
      return { keyId: `${name} ${bytes.subarray(0, 4).toString("hex")}`, state: "unknown key" };
    return { keyId: key.id, state: key.verifies(Buffer.from(text), bytes.subarray(4)) ? "valid" : "invalid" };
  });
  return { text, signatures };
}
