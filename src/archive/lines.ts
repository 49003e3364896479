import { createHash } from "node:crypto";
import { open } from "node:fs/promises";

import { onDisk } from "./disk.ts";

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
    // Whoever waits next is told; until then a failed write is no unhandled rejection.
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
