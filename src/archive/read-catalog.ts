import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { Catalog } from "../model/catalog.ts";
import { RowgateError } from "../model/errors.ts";

const texts = z.array(z.string());

/** What readers of an archive rely on; the rest of a catalogue is for those who look into the file. */
const shape = z.looseObject({
  relations: z.array(
    z.looseObject({
      schema: z.string(),
      name: z.string(),
      kind: z.string(),
      owner: z.string(),
      rls: z.boolean(),
      forceRls: z.boolean(),
      securityInvoker: z.boolean(),
      acl: texts,
      columns: z.array(z.unknown()),
      privileges: z.record(z.string(), z.looseObject({ select: texts, insert: texts, update: texts })),
      policies: z.array(
        z.looseObject({
          name: z.string(),
          command: z.string(),
          permissive: z.boolean(),
          roles: texts,
          using: z.string().nullable(),
          check: z.string().nullable(),
        }),
      ),
    }),
  ),
  routines: z.array(
    z.looseObject({
      arguments: z.array(z.looseObject({ type: z.string() })),
      settings: texts,
      privileges: z.record(z.string(), z.looseObject({ execute: z.boolean() })),
    }),
  ),
  roles: z.array(z.looseObject({ inherits: texts, mayBecome: texts })),
  defaultPrivileges: z.array(z.looseObject({ acl: texts })).optional(),
  definitions: z.record(z.string(), z.string()).optional(),
  origins: z.record(z.string(), z.string()).optional(),
});

/**
 * What was in force; `undefined` for an archive without `catalog.json`.
 * @throws RowgateError `archive/shape` when the file is not what rowgate writes.
 */
export async function readCatalog(dir: string): Promise<Catalog | undefined> {
  const file = join(dir, "catalog.json");
  const text = await readFile(file, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return shape.parse(JSON.parse(text)) as unknown as Catalog;
  } catch (cause) {
    throw new RowgateError({
      code: "archive/shape",
      message: `${file} is not what rowgate writes`,
      at: { file, line: 1, column: 1 },
      hint: "the archive was changed or cut off: compare it with its SHA256SUMS (`sha256sum -c SHA256SUMS`)",
      cause,
    });
  }
}
