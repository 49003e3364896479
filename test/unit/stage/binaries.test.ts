import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  copyNative,
  findNative,
  hasShellCharacter,
  missingLinks,
} from "../../../src/stage/postgres/binaries.ts";
import { requirePrograms, runsInPlace } from "../../../src/stage/postgres/binaries.ts";

let room: string;
let native: string;

beforeEach(() => {
  room = mkdtempSync(path.join(tmpdir(), "rowgate-unit-"));
  native = path.join(room, "native");
  put("bin/initdb", 0o755);
  put("bin/postgres", 0o755);
  put("lib/libpq.so.5.17", 0o755);
  put("lib/libpq.a", 0o644);
  put("lib/pkgconfig/libpq.pc", 0o644);
  put("share/postgresql/postgres.bki", 0o644);
  writeFileSync(
    path.join(native, "pg-symlinks.json"),
    JSON.stringify([
      { source: "native/lib/libpq.so.5.17", target: "native/lib/libpq.so.5" },
      { source: "native/lib/libpq.so.5.17", target: "native/lib/libpq.so" },
      { source: "native/lib/libpq.so.5.17", target: "native/../../escaped" },
    ]),
  );
});
afterEach(() => rmSync(room, { recursive: true }));

describe("the copy of the binaries", () => {
  test("has every link, whether the installation has them or not, and never one outside of it", () => {
    symlinkSync("libpq.so.5.17", path.join(native, "lib/libpq.so"));
    const copy = copied();
    for (const name of ["libpq.so", "libpq.so.5"]) {
      expect(readlinkSync(path.join(copy, "lib", name))).toBe("libpq.so.5.17");
      expect(readFileSync(path.join(copy, "lib", name), "utf8")).toBe("lib/libpq.so.5.17");
    }
    expect(existsSync(path.join(room, "escaped"))).toBe(false);
  });

  test("leaves out what only a compiler needs", () => {
    const copy = copied();
    expect(existsSync(path.join(copy, "lib/libpq.a"))).toBe(false);
    expect(existsSync(path.join(copy, "lib/pkgconfig"))).toBe(false);
    expect(existsSync(path.join(copy, "share/postgresql/postgres.bki"))).toBe(true);
  });

  test("is readable by everybody even where the installation is not, which stays as it was", () => {
    for (const file of ["bin/postgres", "lib/libpq.so.5.17"]) chmodSync(path.join(native, file), 0o600);
    for (const folder of ["lib", "bin", ""]) chmodSync(path.join(native, folder), 0o700);
    const before = process.umask(0o077);
    const copy = copied();
    process.umask(before);
    for (const file of ["", "bin", "bin/postgres", "lib"]) expect(modeOf(copy, file)).toBe(0o755);
    expect(modeOf(copy, "lib/libpq.so.5.17") & 0o444).toBe(0o444);
    expect([modeOf(native, "bin/postgres"), modeOf(native, "lib"), modeOf(native, "")]).toEqual([
      0o600, 0o700, 0o700,
    ]);
  });

  test("costs no room where files can be linked", () => {
    const [source, copy] = [native, copied()].map(
      (folder) => statSync(path.join(folder, "bin/postgres")).ino,
    );
    expect(copy).toBe(source);
  });
});

describe("the installed binaries", () => {
  test("are found, and hold a server", () => {
    expect(() => requirePrograms(findNative())).not.toThrow();
  });

  test("are missed by name", () => {
    rmSync(path.join(native, "bin/postgres"));
    expect(() => requirePrograms(native)).toThrow(
      expect.objectContaining({
        code: "embedded/no-binaries",
        details: expect.stringMatching(/^missing: \S+postgres$/),
      }),
    );
  });

  test("run where they lie once their links are there, and they may be executed, and a shell can name them", () => {
    expect(missingLinks(native).map(({ at }) => at)).toEqual(["lib/libpq.so.5", "lib/libpq.so"]);
    expect(runsInPlace(native)).toBe(false);
    for (const { at, to } of missingLinks(native)) symlinkSync(to, path.join(native, at));
    expect(runsInPlace(native)).toBe(true);
    chmodSync(path.join(native, "bin/initdb"), 0o644);
    expect(runsInPlace(native)).toBe(false);
  });

  test.each(["/a b/é's/(x)", "/plain"])("a shell can name %s", (file) => {
    expect(hasShellCharacter(file)).toBe(false);
  });
  test.each(['/a"b', "/a$HOME", "/a`id`", "/a\\b", "/a\nb"])("a shell cannot name %j", (file) => {
    expect(hasShellCharacter(file)).toBe(true);
  });
});

function copied(): string {
  const copy = path.join(room, "copy");
  copyNative(native, copy);
  return copy;
}

function put(name: string, mode: number): void {
  const file = path.join(native, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, name);
  chmodSync(file, mode);
}

function modeOf(folder: string, file: string): number {
  return statSync(path.join(folder, file)).mode & 0o777;
}
