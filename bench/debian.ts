import { existsSync, readdirSync } from "node:fs";
import path from "node:path";

/** A Postgres of the distribution that has pgTAP, and the program that runs its tests. */
export interface PgTap {
  /** Folder with `initdb` and `postgres`. */
  readonly bin: string;
  readonly version: string;
  readonly pgProve: string;
}

export type Detected = { readonly found: PgTap } | { readonly found: undefined; readonly missing: string };

const versionsFolder = "/usr/lib/postgresql";

/** Looks only: nothing is installed. */
export function detectPgTap(): Detected {
  const pgProve = onPath("pg_prove");
  if (pgProve === undefined) {
    return missing("pg_prove is not on PATH (Debian: libtap-parser-sourcehandler-pgtap-perl)");
  }
  if (onPath("psql") === undefined) return missing("psql is not on PATH");
  const versions = existsSync(versionsFolder) ? readdirSync(versionsFolder).toSorted().toReversed() : [];
  const version = versions.find(
    (one) =>
      existsSync(path.join(versionsFolder, one, "bin/initdb")) &&
      existsSync(`/usr/share/postgresql/${one}/extension/pgtap.control`),
  );
  if (version === undefined) {
    return missing(`no Postgres of ${versionsFolder} has pgTAP (Debian: postgresql-15-pgtap)`);
  }
  return { found: { bin: path.join(versionsFolder, version, "bin"), version, pgProve } };
}

function missing(what: string): Detected {
  return { found: undefined, missing: what };
}

function onPath(name: string): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(path.delimiter).filter((folder) => folder !== "");
  return folders.map((folder) => path.join(folder, name)).find((file) => existsSync(file));
}
