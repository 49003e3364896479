import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { readCells, readRun } from "../dist/archive/read.js";
import { gridText, withGrid } from "../dist/report/page.js";

// Run by `npm run docs`, after the compiler: proves every system, and puts the grids of its run into its page. A run
// that fails writes no page: a page shows what stands, and what fails is in the run's own report.
const root = path.resolve(import.meta.dirname, "..");
const logs = mkdtempSync(path.join(tmpdir(), "rowgate-pages-"));
try {
  const args = ["dist/cli.js", "run", "--quiet", "--logs", logs];
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: "inherit" });
  process.exitCode = status ?? 2;
  if (status === 0) {
    const pages = await Promise.all(archives().map(pageOf));
    for (const [file, text] of pages) writeFileSync(path.join(root, file), text);
  }
} finally {
  rmSync(logs, { recursive: true, force: true });
}

function archives() {
  return readdirSync(logs, { recursive: true, encoding: "utf8" })
    .filter((name) => path.basename(name) === "run.json")
    .map((name) => path.join(logs, path.dirname(name)));
}

async function pageOf(archive) {
  const run = await readRun(archive);
  const file = `docs/systems/${run.matrix.name}.md`;
  const grid = await gridText(run, readCells(archive));
  return [file, withGrid(readFileSync(path.join(root, file), "utf8"), grid, file)];
}
