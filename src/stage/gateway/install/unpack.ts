import { createReadStream, createWriteStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream as NodeStream } from "node:stream/web";
import { createTarDecoder } from "modern-tar";
import xz from "xz-decompress";
import { openPromise } from "yauzl";
import { RowgateError } from "../../../model/errors.ts";
import { diskError, installError } from "./errors.ts";

/** Bytes of the program unpacked; PostgREST's have some 30 million. */
const most = 256 * 1024 * 1024;

interface Member {
  readonly name: string;
  readonly isFile: boolean;
  readonly open: () => Promise<Readable>;
}

/**
 * Takes the one program out of an asset, into a new file. No name of the archive ever becomes a path: what is not the
 * program, and it alone, is refused.
 * @throws RowgateError `gateway/install-asset`, `gateway/install-cache`
 */
export async function unpack(
  asset: { readonly file: string; readonly name: string; readonly program: string },
  to: string,
): Promise<void> {
  const members = asset.program.endsWith(".exe") ? zipMembers(asset.file) : tarMembers(asset.file);
  let found = false;
  try {
    for await (const member of members) {
      if (member.name !== asset.program || !member.isFile || found) throw unexpected(asset, member, found);
      found = true;
      await write(await member.open(), to, asset.name);
    }
  } catch (cause) {
    if (cause instanceof RowgateError) throw cause;
    throw broken(asset.name, cause);
  }
  if (!found) throw installError("asset", `${asset.name} holds no ${asset.program}`);
}

async function* tarMembers(file: string): AsyncGenerator<Member> {
  // Node's and the browser's types of one and the same stream differ.
  const packed = Readable.toWeb(createReadStream(file)) as ReadableStream<Uint8Array>;
  const tar = new xz.XzReadableStream(packed).pipeThrough(new TransformStream({ transform: noMore() }));
  for await (const { header, body } of tar.pipeThrough(createTarDecoder({ strict: true }))) {
    if (header.size > most) throw tooMuch();
    const open = (): Promise<Readable> => Promise.resolve(Readable.fromWeb(body as NodeStream<Uint8Array>));
    yield { name: header.name, isFile: (header.type ?? "file") === "file", open };
  }
}

async function* zipMembers(file: string): AsyncGenerator<Member> {
  const zip = await openPromise(file);
  try {
    for await (const entry of zip.eachEntry()) {
      // The upper half is the mode that a Unix archiver noted; its first four bits are the kind of file.
      const kind = (entry.externalFileAttributes >>> 28) & 0xf;
      const isFile = (kind === 0 || kind === 8) && !entry.fileName.endsWith("/");
      // yauzl sees to it that no more comes out than the entry says.
      if (entry.uncompressedSize > most) throw tooMuch();
      yield { name: entry.fileName, isFile, open: () => zip.openReadStreamPromise(entry) };
    }
  } finally {
    zip.close();
  }
}

async function write(source: Readable, to: string, name: string): Promise<void> {
  const file = createWriteStream(to, { flags: "wx", mode: 0o700 });
  let disk: unknown;
  file.once("error", (error) => (disk ??= error));
  try {
    await pipeline(source, file);
  } catch (cause) {
    // A failed source closes the file too; only what the system says of the file has a number.
    throw disk instanceof Error && "errno" in disk
      ? diskError("could not write", to, disk)
      : broken(name, cause);
  }
}

/** A few bytes may unpack to more than a disk holds. */
function noMore(): (chunk: Uint8Array, to: { enqueue(chunk: Uint8Array): void }) => void {
  let bytes = 0;
  return (chunk, to) => {
    bytes += chunk.length;
    if (bytes > most) throw tooMuch();
    to.enqueue(chunk);
  };
}

function tooMuch(): Error {
  return new Error(`it holds more than ${most} bytes`);
}

function unexpected(
  { name, program }: { name: string; program: string },
  member: Member,
  found: boolean,
): RowgateError {
  const what = `${member.isFile ? "" : "a link, a folder or a device called "}${JSON.stringify(member.name)}`;
  return installError(
    "asset",
    `${name} holds ${found ? "also " : ""}${what}, and may hold ${program} alone`,
    {
      hint: "that is no release of PostgREST: find out where the file comes from",
    },
  );
}

function broken(name: string, cause: unknown): RowgateError {
  if (cause instanceof RowgateError) return cause;
  return installError("asset", `${name} cannot be unpacked`, {
    details: cause instanceof Error ? cause.message : String(cause),
    hint: "that is no release of PostgREST: find out where the file comes from",
    cause,
  });
}
