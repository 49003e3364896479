import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

// `npm run build`, after the compiler: the program and the style of an HTML report, with the hashes by which its
// Content-Security-Policy names them, as dist/report/html/built.js.
const root = path.resolve(import.meta.dirname, "..");
const require = createRequire(import.meta.url);
const elements = require.resolve("mutation-testing-elements/mutation-test-elements.js");
const page = path.join(root, "src/report/html/page");

/** Also of vitest, whose tests render reports: `tsc -b` alone does not write the page. */
export async function setup() {
  const script = await bundle(path.join(page, "main.ts"));
  const style = compact(readFileSync(path.join(page, "style.css"), "utf8"));
  // Within <script> and <style> only these could end the element or change how it is read.
  const mutationScript = fenced(
    [readFileSync(elements, "utf8"), await bundle(path.join(page, "mutation.ts"))].join(";\n"),
  );
  const unsafe = [script, style, mutationScript].find((text) => /<\/(script|style)|<!--/i.test(text));
  if (unsafe !== undefined) throw new Error("the page's program or style holds a tag that would end it");
  const built = {
    script,
    style,
    scriptHash: hashOf(script),
    styleHash: hashOf(style),
    mutationScript,
    mutationScriptHash: hashOf(mutationScript),
  };
  const lines = Object.entries(built).map(
    ([name, text]) => `export const ${name} = ${JSON.stringify(text)};\n`,
  );
  const file = path.join(root, "dist/report/html/built.js");
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, lines.join(""));
}

async function bundle(input) {
  const build = await rolldown({ input, cwd: root, tsconfig: false });
  try {
    const { output } = await build.generate({ format: "iife", minify: true });
    return output[0].code;
  } finally {
    await build.close();
  }
}

/** Its strings and regular expressions name tags. */
function fenced(script) {
  return script.replaceAll(/<(?=\/?script|!--)/gi, "\\x3c");
}

/** Without comments and indentation; nothing in style.css is a string that holds either. */
function compact(css) {
  return css
    .replaceAll(/\/\*[^]*?\*\//g, "")
    .replaceAll(/\s*\n\s*/g, "\n")
    .trim();
}

function hashOf(text) {
  return `sha256-${createHash("sha256").update(text).digest("base64")}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await setup();
