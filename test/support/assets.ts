import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { packTar } from "modern-tar";

/** A member of an asset, as an archiver would write it. */
export interface Member {
  readonly name: string;
  readonly text?: string;
  readonly type?: "file" | "symlink" | "link" | "directory";
  readonly to?: string;
}

/** Stands in for PostgREST: it answers `--version`, and nothing else. */
export function standIn(version: string): string {
  return `#!/bin/sh\necho "PostgREST ${version}"\n`;
}

export const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** Compressed by the system's `xz`, with the check that GNU tar's `--xz` asks for. */
export async function tarXz(members: readonly Member[]): Promise<Buffer> {
  const tar = await packTar(
    members.map(({ name, text = "", type = "file", to }) => ({
      header: {
        name,
        size: Buffer.byteLength(text),
        type,
        mode: 0o755,
        ...(to === undefined ? {} : { linkname: to }),
      },
      body: text,
    })),
  );
  return execFileSync("xz", ["-c", "-0"], { input: tar });
}

export const hasXz = ((): boolean => {
  try {
    execFileSync("xz", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    process.stderr.write(
      "tests of .tar.xz assets are not run: there is no `xz` on PATH (Debian: xz-utils)\n",
    );
    return false;
  }
})();

/** Stored, not compressed. Source: APPNOTE.TXT 6.3.10, 4.3 */
export function zip(members: readonly Member[]): Buffer {
  const locals: Buffer[] = [];
  const centrals: Buffer[] = [];
  let offset = 0;
  for (const { name, text = "", type = "file" } of members) {
    const body = Buffer.from(text);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt32LE(crc32(body), 10);
    common.writeUInt32LE(body.length, 14);
    common.writeUInt32LE(body.length, 18);
    common.writeUInt16LE(Buffer.byteLength(name), 22);
    const local = Buffer.concat([signature(0x04034b50), common, Buffer.from(name), body]);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(((type === "symlink" ? 0o120777 : 0o100755) << 16) >>> 0, 6);
    rest.writeUInt32LE(offset, 10);
    // Made by Unix: the upper half of the attributes is the mode.
    centrals.push(
      Buffer.concat([signature(0x02014b50), Buffer.from([20, 3]), common, rest, Buffer.from(name)]),
    );
    locals.push(local);
    offset += local.length;
  }
  const directory = Buffer.concat(centrals);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(members.length, 4);
  end.writeUInt16LE(members.length, 6);
  end.writeUInt32LE(directory.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...locals, directory, signature(0x06054b50), end]);
}

function signature(of: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(of);
  return bytes;
}
