import { readdir, readFile, stat } from "node:fs/promises";
import path from "node:path";
import { type PublicKey, readPublicKey, readSigner, type Signer } from "../archive/sign.ts";
import { RowgateError } from "../model/errors.ts";
import type { Environment } from "./environment.ts";

/** The key of `ROWGATE_SIGNING_KEY` (its PEM text) or `ROWGATE_SIGNING_KEY_FILE`; `undefined`: runs stay unsigned. @throws RowgateError */
export async function signingKey({
  variables,
  cwd,
}: Pick<Environment, "variables" | "cwd">): Promise<Signer | undefined> {
  const text = variables["ROWGATE_SIGNING_KEY"] ?? "";
  const file = variables["ROWGATE_SIGNING_KEY_FILE"] ?? "";
  if (text !== "") return readSigner(text, "ROWGATE_SIGNING_KEY");
  return file === "" ? undefined : readSigner(await readKey(path.resolve(cwd, file)), file);
}

/** A public key, or every `*.pub` and `*.pem` of a folder. @throws RowgateError */
export async function publicKeys(given: string | undefined, cwd: string): Promise<readonly PublicKey[]> {
  if (given === undefined) return [];
  const found = path.resolve(cwd, given);
  const isFolder = await stat(found).then(
    (one) => one.isDirectory(),
    () => false,
  );
  if (!isFolder) return [readPublicKey(await readKey(found), given)];
  const names = (await readdir(found)).filter((name) => /\.(pub|pem)$/.test(name)).toSorted();
  if (names.length > 0)
    return Promise.all(names.map(async (name) => readPublicKey(await readKey(path.join(found, name)), name)));
  throw new RowgateError({
    code: "key/none",
    message: `The folder ${given} holds no public key.`,
    hint: "put keys in PEM form there, as <name>.pub or <name>.pem",
  });
}

async function readKey(file: string): Promise<string> {
  return await readFile(file, "utf8").catch((cause: unknown) => {
    throw new RowgateError({
      code: "key/unreadable",
      message: `Could not read the key ${file}.`,
      hint: "check the path, and that this user may read it",
      cause,
    });
  });
}
