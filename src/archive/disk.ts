import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { RowgateError } from "../model/errors.ts";
import { createHash } from "node:crypto";

/** What the operating system's word means to a person, and what to do. Source: errno(3). */
const causes: Record<string, { readonly happened: string; readonly hint: string }> = {
  ENOSPC: { happened: "the disk is full", hint: "free space there, or name another folder with --logs" },
  EDQUOT: {
    happened: "the disk quota is used up",
    hint: "free space there, or name another folder with --logs",
  },
  EFBIG: {
    happened: "the file is larger than the system allows",
    hint: "raise the limit (`ulimit -f`), or name a folder on another disk with --logs",
  },
  EACCES: {
    happened: "permission denied",
    hint: "give this user the right to write there, or name another folder with --logs",
  },
  EPERM: {
    happened: "operation not permitted",
    hint: "give this user the right to write there, or name another folder with --logs",
  },
  EROFS: {
    happened: "the file system is read-only",
    hint: "mount it for writing, or name another folder with --logs",
  },
  ENOTDIR: {
    happened: "a part of the path is a file, not a folder",
    hint: "move that file away, or name another folder with --logs",
  },
  ENOENT: { happened: "there is no such file or folder", hint: "check the path" },
  EEXIST: { happened: "it is there already", hint: "two runs had one id: run again" },
  ENOTEMPTY: { happened: "it is there already", hint: "two runs had one id: run again" },
  EISDIR: { happened: "it is a folder, not a file", hint: "check the path" },
  EMFILE: { happened: "too many files are open", hint: "raise the limit (`ulimit -n`)" },
  ELOOP: {
    happened: "it is a symbolic link",
    hint: "an archive holds regular files only: replace it by the file that rowgate wrote",
  },
  EIO: { happened: "the disk reported an error", hint: "check the disk; do not trust what was written" },
};

/** @param doing the first words of the sentence: `Could not write the archive`. */
export function diskError(doing: string, path: string, cause: unknown): RowgateError {
  if (cause instanceof RowgateError) return cause;
  const code = errno(cause);
  const known = code === undefined ? undefined : causes[code];
  return new RowgateError({
    code: "archive/disk",
    message: `${doing}: ${path}: ${known?.happened ?? String(cause)}`,
    details: code,
    hint: known?.hint ?? "name another folder with --logs",
    cause,
  });
}

function errno(cause: unknown): string | undefined {
  return cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : undefined;
}

/** Runs a step on the disk; whatever it throws becomes a {@link RowgateError} that names the path. */
export async function onDisk<T>(doing: string, path: string, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (cause) {
    throw diskError(doing, path, cause);
  }
}

/** Opens a file for reading, if it is one: a link could lead out of the archive, and a pipe would never end. */
export async function openPlain(doing: string, path: string): Promise<FileHandle> {
  const flags = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
  const handle = await onDisk(doing, path, () => open(path, flags));
  if ((await handle.stat()).isFile()) return handle;
  await handle.close();
  throw notPlain(doing, path);
}

function notPlain(doing: string, path: string): RowgateError {
  return new RowgateError({
    code: "archive/disk",
    message: `${doing}: ${path} is not a regular file`,
    hint: "an archive holds regular files only: replace it by the file that rowgate wrote",
  });
}

/** MiB: a larger file is none of ours. */
const mostWhole = 64;

export async function readWhole(doing: string, path: string): Promise<string> {
  const handle = await openPlain(doing, path);
  try {
    if ((await handle.stat()).size <= mostWhole * 1024 * 1024)
      return await onDisk(doing, path, () => handle.readFile("utf8"));
  } finally {
    await handle.close();
  }
  throw new RowgateError({
    code: "archive/shape",
    message: `${doing}: ${path} is larger than ${mostWhole} MiB`,
    hint: "rowgate does not write such a file: compare the archive with its SHA256SUMS (`sha256sum -c SHA256SUMS`)",
  });
}

/** Writes a file that only its owner may read, and waits until the disk has it. `wx`: fails when it is there. */
export async function writeWhole(path: string, bytes: string, flag: "w" | "wx" = "w"): Promise<void> {
  await onDisk("Could not write the archive", path, async () => {
    const handle = await open(path, flag, 0o600);
    try {
      await handle.writeFile(bytes, "utf8");
      await handle.sync();
    } finally {
      await handle.close();
    }
  });
}

/** A file's name is safe only once its folder is; Windows cannot open a folder to say so. */
export async function syncFolder(path: string): Promise<void> {
  if (process.platform === "win32") return;
  await onDisk("Could not write the archive", path, async () => {
    const handle: FileHandle = await open(path, "r");
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  });
}

/** Large enough that a write costs little beside its data, small enough that memory does not notice. */
const chunkCharacters = 256 * 1024;

export interface LineFile {
  /** Returns a promise when a chunk is full: wait for it, or chunks pile up in memory. */
  readonly write: (line: string) => void | Promise<void>;
  readonly lines: () => number;
  /** Flushes, waits for the disk, and gives the SHA-256 (hex) of every byte written. */
  readonly close: () => Promise<string>;
  /** Closes without caring for what was not written yet. */
  readonly discard: () => Promise<void>;
}

/** A file of lines, hashed as it is written. */
export async function openLineFile(path: string): Promise<LineFile> {
  const doing = "Could not write the archive";
  const handle = await onDisk(doing, path, () => open(path, "w", 0o600));
  const hash = createHash("sha256");
  let lines = 0;
  let pending = "";
  let written: Promise<void> = Promise.resolve();

  /** Resolves when the chunk before is on its way out: the next is filled while this one is written. */
  function flush(): Promise<void> {
    const before = written;
    const chunk = Buffer.from(pending, "utf8");
    pending = "";
    hash.update(chunk);
    // One after another: appendFile repeats short writes, so two at once would mix their bytes.
    written = before.then(() => onDisk(doing, path, () => handle.appendFile(chunk)));
    // The next to wait gets the error; until then a failed write is no unhandled rejection.
    written.catch(() => undefined);
    return before;
  }

  return {
    write: (line) => {
      pending += `${line}\n`;
      lines += 1;
      return pending.length < chunkCharacters ? undefined : flush();
    },
    lines: () => lines,
    close: async () => {
      void flush();
      await written;
      await onDisk(doing, path, () => handle.sync());
      await onDisk(doing, path, () => handle.close());
      return hash.digest("hex");
    },
    discard: async () => {
      await written.catch(() => undefined);
      // Already closed is as good as closed.
      await handle.close().catch(() => undefined);
    },
  };
}
