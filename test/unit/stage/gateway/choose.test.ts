import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { GatewayWish } from "../../../../src/stage/postgrest/choose.ts";
import { chooseGateway } from "../../../../src/stage/postgrest/choose.ts";

let folder: string;
const name = process.platform === "win32" ? "postgrest.exe" : "postgrest";
const inFolder = (...parts: string[]): string => path.join(folder, ...parts);

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), "rowgate-test-"));
  mkdirSync(inFolder("bin"));
  mkdirSync(inFolder("empty"));
  mkdirSync(inFolder("decoy", name), { recursive: true });
  for (const file of [inFolder("bin", name), inFolder("other")]) {
    writeFileSync(file, "");
    chmodSync(file, 0o755);
  }
  writeFileSync(inFolder("text"), "", { mode: 0o644 });
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

interface Case {
  readonly wish: GatewayWish;
  readonly named?: string;
  readonly on?: readonly string[];
  /** Versions in the cache, and the one that it calls current. */
  readonly cached?: readonly string[];
  readonly current?: string;
  /** The binary chosen, `builtin`, or the error's code. */
  readonly expected: string;
}

const cases: readonly Case[] = [
  { wish: "auto", on: ["empty"], expected: "builtin" },
  { wish: "auto", on: [], expected: "builtin" },
  { wish: "auto", on: ["empty", "bin"], expected: `bin/${name}` },
  { wish: "auto", on: ["decoy", "bin"], expected: `bin/${name}` },
  { wish: "auto", named: "other", on: ["bin"], expected: "other" },
  { wish: "auto", named: "", on: ["empty"], expected: "builtin" },
  { wish: "auto", named: "missing", on: ["bin"], expected: "gateway/bad-postgrest" },
  { wish: "auto", named: "text", on: ["bin"], expected: "gateway/bad-postgrest" },
  { wish: "postgrest", on: ["bin"], expected: `bin/${name}` },
  { wish: "postgrest", on: ["empty"], expected: "gateway/no-postgrest" },
  { wish: "postgrest", named: "other", on: [], expected: "other" },
  { wish: "builtin", named: "other", on: ["bin"], expected: "builtin" },
  { wish: "builtin", cached: ["v16.2"], expected: "builtin" },
  { wish: "auto", on: ["empty"], cached: ["v9.0", "v16.2", "v16.10"], expected: `v16.10/${name}` },
  { wish: "auto", on: ["empty"], cached: ["v14.1", "v16.2"], current: "v14.1", expected: `v14.1/${name}` },
  { wish: "auto", on: ["empty"], cached: ["v14.1"], current: "v16.2", expected: `v14.1/${name}` },
  { wish: "auto", on: ["empty"], cached: ["v14.1"], current: "../bin", expected: `v14.1/${name}` },
  { wish: "auto", on: ["empty"], cached: [".partial-abc"], current: ".partial-abc", expected: "builtin" },
  { wish: "auto", on: ["bin"], cached: ["v16.2"], expected: `bin/${name}` },
  { wish: "postgrest", on: ["empty"], cached: ["v16.2"], expected: `v16.2/${name}` },
];

test.each(cases)(
  "$wish with ROWGATE_POSTGREST_BIN=$named, $on on PATH, $cached in the cache ($current)",
  ({ wish, named, on = [], cached = [], current, expected }) => {
    const environment = {
      XDG_CACHE_HOME: cacheOf(cached, current),
      PATH: on.map((part) => inFolder(part)).join(path.delimiter),
      ...(named === undefined ? {} : { ROWGATE_POSTGREST_BIN: named === "" ? "" : inFolder(named) }),
    };
    expect(chosen(wish, environment)).toBe(expected);
  },
);

let caches = 0;
function cacheOf(versions: readonly string[], current: string | undefined): string {
  const root = inFolder(`cache-${++caches}`);
  const cache = path.join(root, "rowgate", "postgrest", `${process.platform}-${process.arch}`);
  mkdirSync(cache, { recursive: true });
  for (const version of versions) {
    mkdirSync(path.join(cache, version));
    writeFileSync(path.join(cache, version, name), "", { mode: 0o755 });
  }
  if (current !== undefined) writeFileSync(path.join(cache, "current"), `${current}\n`);
  return root;
}

function chosen(wish: GatewayWish, environment: Record<string, string>): string {
  try {
    const choice = chooseGateway(wish, environment);
    return choice.kind === "builtin"
      ? "builtin"
      : path
          .relative(folder, choice.binary)
          .replaceAll(path.sep, "/")
          .replace(/^cache-.*(?=\/v)/, "")
          .replace(/^\//, "");
  } catch (error) {
    return (error as { readonly code: string }).code;
  }
}
