import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeError } from "../../../src/commands/errors.ts";
import { loadMatrix } from "../../../src/commands/load-matrix.ts";
import { rowgate } from "../../support/cli.ts";

// Files that somebody hands to rowgate as a matrix: a clear word within little memory, and exit code 2. What YAML itself
// brings along is shown by test/unit/matrix/yaml.test.ts.

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), "rowgate yaml "));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const head = "matrix: m\npersonas:\n  ana: { role: a }\nrelations:\n  courses: { expect: { ana: deny } }\n";
const onlyOnPosix = process.platform === "win32" ? [] : ["/dev/zero"];

interface Hostile {
  readonly name: string;
  /** A text, or what writes the file. */
  readonly text?: () => string | Buffer;
  readonly file?: string;
  readonly says: string;
}

const hostile: readonly Hostile[] = [
  { name: "100 MB of keys", text: () => "a: 1\n".repeat(20_000_000), says: "larger than 4 MiB" },
  ...onlyOnPosix.map((file) => ({ name: "a device without an end", file, says: "larger than 4 MiB" })),
  { name: "a folder", file: ".", says: "EISDIR" },
  { name: "binary", text: () => randomBytes(300_000), says: "the file is not UTF-8" },
  { name: "raw NULs", text: () => `${head}vars: { a: "\0" }\n`, says: "NUL" },
  { name: "NULs and nothing else", text: () => "\0".repeat(100_000), says: "hostile.yaml:1:1" },
  { name: "a bomb of aliases", text: () => `${head}vars:\n${bomb(12)}`, says: "alias" },
  {
    name: "a hundred thousand keys, all the same",
    text: () => "matrix: m\n".repeat(100_000),
    says: "`matrix` is written twice",
  },
  {
    name: "a merge of everything with itself",
    text: () => `${head}vars: &a { b: 1 }\n${"<<: *a\n".repeat(10_000)}`,
    says: "merge keys",
  },
  {
    name: "one list of a hundred thousand, which is no mistake",
    text: () => `${head}vars: { a: [${"1,".repeat(100_000)}] }\n`,
    says: "a matrix called m",
  },
  {
    name: "one line of a million quotes",
    text: () => `${head}vars: { a: ${"'".repeat(1_000_001)} }\n`,
    says: "hostile.yaml:",
  },
  {
    name: "a tag that would make objects",
    text: () => `${head}vars: { a: !!js/function "function () {}" }\n`,
    says: "the tag",
  },
];

function bomb(levels: number): string {
  const lists = Array.from({ length: levels - 1 }, (_, index) => {
    const nine = Array(9).fill(`*a${index}`).join(", ");
    return `  a${index + 1}: &a${index + 1} [${nine}]\n`;
  });
  return `  a0: &a0 [x]\n${lists.join("")}`;
}

const isLarge = ({ says, name }: Hostile): boolean =>
  says.includes("4 MiB") || name.startsWith("a hundred thousand keys");

test.each(hostile.filter(isLarge))("$name, within half a gigabyte", async ({ text, file, says }) => {
  // More than this, and Node ends by itself, without a word of ours.
  const env = { NODE_OPTIONS: "--max-old-space-size=512" };
  const args = ["token", "ana", "--matrix", written(text, file)];
  const { code, err, out } = await rowgate(args, { cwd: folder, env });
  expect(code, err.slice(0, 2_000)).toBe(2);
  expect(err).toContain(says);
  expect(err).not.toContain("    at ");
  expect(err.length).toBeLessThan(200_000);
  expect(out).toBe("");
});

test.each(hostile.filter((one) => !isLarge(one)))("$name", async ({ text, file, says }) => {
  const loaded = loadMatrix(written(text, file), folder, "2026-11-21");
  const said = await loaded.then(
    ({ matrix }) => `a matrix called ${matrix.name}`,
    (error: unknown) => describeError(error, folder),
  );
  expect(said).toContain(says);
  expect(said).not.toContain("    at ");
});

function written(text: Hostile["text"], file = "hostile.yaml"): string {
  const at = path.resolve(folder, file);
  if (text !== undefined) writeFileSync(at, text());
  return at;
}
