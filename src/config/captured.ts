import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";
import type { Captured } from "../model/baseline.ts";
import { messageOf, RowgateError } from "../model/errors.ts";

/** Beside rowgate.yaml, under version control. */
export const capturedName = "rowgate.captured.json";

const shape = z.strictObject({
  version: z.literal(1),
  target: z.string(),
  captured_at: z.iso.datetime(),
  default_privileges: z.array(
    z.strictObject({
      owner: z.string(),
      schema: z.string().nullable(),
      objects: z.string(),
      acl: z.array(z.string()),
    }),
  ),
});

/** What `rowgate capture` wrote into a folder; `undefined`: nothing. @throws RowgateError `config/captured` */
export async function readCaptured(folder: string): Promise<Captured | undefined> {
  const file = path.join(folder, capturedName);
  const text = await readFile(file, "utf8").catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") return undefined;
    throw unreadable(file, cause.message, cause);
  });
  if (text === undefined) return undefined;
  const read = shape.safeParse(jsonOf(file, text));
  if (!read.success) throw unreadable(file, z.prettifyError(read.error), read.error);
  const { target, captured_at: capturedAt, default_privileges: entries } = read.data;
  return { target, capturedAt, entries, file, sha256: createHash("sha256").update(text).digest("hex") };
}

/** @returns the file */
export async function writeCaptured(
  folder: string,
  { target, capturedAt, entries }: Pick<Captured, "target" | "capturedAt" | "entries">,
): Promise<string> {
  const file = path.join(folder, capturedName);
  const content = { version: 1, target, captured_at: capturedAt, default_privileges: entries };
  await writeFile(file, `${JSON.stringify(content, null, 2)}\n`);
  return file;
}

function jsonOf(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw unreadable(file, messageOf(cause), cause);
  }
}

function unreadable(file: string, why: string, cause: unknown): RowgateError {
  return new RowgateError({
    code: "config/captured",
    message: `${path.basename(file)} cannot be read: ${why}`,
    at: { file, line: 1, column: 1 },
    hint: "it is written by `rowgate capture <target>`: capture again, or remove it",
    cause,
  });
}
