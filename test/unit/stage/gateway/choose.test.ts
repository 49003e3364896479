import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { GatewayWish } from "../../../../src/stage/postgrest.ts";
import { chooseGateway } from "../../../../src/stage/postgrest.ts";

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
];

test.each(cases)(
  "$wish with ROWGATE_POSTGREST_BIN=$named, $on on PATH",
  ({ wish, named, on = [], expected }) => {
    const environment = {
      PATH: on.map((part) => inFolder(part)).join(path.delimiter),
      ...(named === undefined ? {} : { ROWGATE_POSTGREST_BIN: named === "" ? "" : inFolder(named) }),
    };
    expect(chosen(wish, environment)).toBe(expected);
  },
);

function chosen(wish: GatewayWish, environment: Record<string, string>): string {
  try {
    const choice = chooseGateway(wish, environment);
    return choice.kind === "builtin"
      ? "builtin"
      : path.relative(folder, choice.binary).replaceAll(path.sep, "/");
  } catch (error) {
    return (error as { readonly code: string }).code;
  }
}
