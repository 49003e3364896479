import { messageOf } from "../model/errors.ts";
import { X509Certificate } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { isLocal } from "../lib/local.ts";
import type { TlsSettings } from "../model/target.ts";
import { listNames } from "../lib/nearest.ts";
import { type Part, sslmodes } from "./libpq.ts";
import type { Found, Settings } from "./settings.ts";

type SslMode = (typeof sslmodes)[number];

/**
 * libpq's modes, and two of them stricter: `allow` and `prefer` would let an attacker on the network path decide, so they are `require`
 * (and no encryption on this machine). Without any mode a server elsewhere must show a certificate for its name: what an
 * unknown server answers proves nothing about the one that was meant.
 * Source: https://www.postgresql.org/docs/current/libpq-ssl.html
 */
export function tlsOf(
  settings: Settings,
  host: string,
  layers: Readonly<Partial<Record<Part, Found>>>,
): TlsSettings | undefined {
  const mode = modeOf(settings, host, layers);
  if (mode === "disable" || host.startsWith("/")) return undefined;
  const ca = authority(settings, layers, mode);
  const [cert, key] = (["sslcert", "sslkey"] as const).map((part) => {
    const found = layers[part];
    return found && pem(settings, found, `database.${part}`);
  });
  const verify =
    mode === "verify-full"
      ? "chain and host"
      : mode === "verify-ca" || ca !== undefined
        ? "chain"
        : "nothing";
  return { verify, ca, cert, key };
}

function modeOf(
  settings: Settings,
  host: string,
  { sslmode, sslrootcert }: Readonly<Partial<Record<Part, Found>>>,
): Exclude<SslMode, "allow" | "prefer"> {
  const local = isLocal(host);
  if (sslmode === undefined) return local && sslrootcert === undefined ? "disable" : "verify-full";
  const mode = sslmodes.find((one) => one === settings.used("database.sslmode", sslmode));
  if (mode === undefined) {
    settings.wrong(sslmode, "database.sslmode", `sslmode must be one of ${listNames(sslmodes)}`);
    return "verify-full";
  }
  if (mode === "allow" || mode === "prefer") return local ? "disable" : "require";
  return mode;
}

/** PEM; `undefined`: none is named, or it is those that Node knows. */
function authority(
  settings: Settings,
  { sslrootcert, sslmode }: Readonly<Partial<Record<Part, Found>>>,
  mode: SslMode,
): string | undefined {
  if (sslrootcert?.text === "system") {
    settings.used("database.sslrootcert", sslrootcert);
    if (mode !== "verify-full")
      settings.wrong(
        sslrootcert,
        "database.sslrootcert",
        "`system` goes with `sslmode: verify-full` only",
        "anybody may have a certificate of a public authority: its name must be checked too",
      );
    return undefined;
  }
  if (sslrootcert !== undefined) return pem(settings, sslrootcert, "database.sslrootcert");
  const file = path.join(settings.variables["HOME"] ?? "", ".postgresql", "root.crt");
  if (settings.variables["HOME"] !== undefined && existsSync(file))
    return pem(settings, { text: file, from: file }, "database.sslrootcert");
  if (mode === "verify-ca")
    settings.report(
      sslmode?.at ?? settings.place("database"),
      "no-authority",
      `\`${settings.name}\` says \`sslmode: verify-ca\`, and no authority is named`,
      "name its certificate with `sslrootcert:` (on Supabase: Database settings, SSL configuration), or say `verify-full`",
    );
  return undefined;
}

/** A path in the file starts from the file's folder, one of the environment from the current folder. */
export function pem(settings: Settings, found: Found, path_: string): string | undefined {
  const text = settings.used(path_, found);
  const file = found.at === undefined ? path.resolve(text) : path.resolve(settings.file.folder, text);
  try {
    const read = readFileSync(file, "utf8");
    if (/-----BEGIN (?:TRUSTED )?CERTIFICATE-----/.test(read)) void new X509Certificate(read);
    else if (!read.includes("PRIVATE KEY-----")) throw new Error("it holds no PEM block");
    return read;
  } catch (cause) {
    const why = messageOf(cause);
    settings.wrong(
      found,
      path_,
      `cannot read ${text}: ${why}`,
      "a path in the file starts from the file's folder",
    );
    return undefined;
  }
}
