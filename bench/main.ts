import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, loadavg, totalmem } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { benchDirect } from "./direct.ts";
import { isMet, type StageResult } from "./figures.ts";
import { benchEscalate } from "./escalate.ts";
import { benchFirstVerdict } from "./first-verdict.ts";
import { benchHtml } from "./html.ts";
import { benchInit } from "./init.ts";
import { inFolder } from "./laboratory.ts";
import { benchMemory } from "./memory.ts";
import { type Options, readOptions, type Stage, usage } from "./options.ts";
import { benchScan, benchWatch } from "./project.ts";
import { benchMutate } from "./mutate.ts";
import { benchProof } from "./proof.ts";
import { benchRest } from "./rest.ts";
import { tableOf } from "./table.ts";

const benches: Record<Stage, (options: Options, folder: string) => Promise<StageResult>> = {
  direct: benchDirect,
  rest: benchRest,
  memory: benchMemory,
  start: benchFirstVerdict,
  html: benchHtml,
  proof: benchProof,
  mutate: benchMutate,
  escalate: benchEscalate,
  scan: benchScan,
  init: benchInit,
  watch: benchWatch,
};

const results = fileURLToPath(new URL("../bench/results", import.meta.url));

async function main(options: Options): Promise<void> {
  const machine = {
    processors: cpus().length,
    model: cpus()[0]?.model.trim() ?? "unknown",
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
    loadBefore: loadavg()[0] ?? 0,
  };
  const busy = machine.loadBefore > machine.processors / 2;
  say(
    `${machine.processors} x ${machine.model}, ${machine.memoryGiB} GiB, Node ${machine.node}, load ${machine.loadBefore.toFixed(1)}${busy ? " (BUSY: others work on this machine, and the figures say so)" : ""}`,
  );
  const done: Partial<Record<Stage, StageResult>> = {};
  for (const stage of options.stages) {
    say(`${stage} …`);
    done[stage] = await inFolder((folder) => benches[stage](options, folder));
  }
  const found = Object.values(done);
  const rows = found.flatMap((one) => one.rows);
  const notes = found.flatMap((one) => one.notes);
  say([tableOf(rows), ...notes].join("\n"));
  mkdirSync(results, { recursive: true });
  const at = new Date().toISOString();
  const file = path.join(results, `${at.replaceAll(":", "").replace(/\..*/, "Z")}.json`);
  const shown = rows.map((row) => ({ ...row, what: row.what.trim(), met: isMet(row) }));
  writeFileSync(
    file,
    `${JSON.stringify({ at, machine, options, rows: shown, notes, stages: done }, undefined, 2)}\n`,
  );
  say(
    `${rows.filter((row) => isMet(row) === false).length} budgets missed. ${path.relative(process.cwd(), file)}`,
  );
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

const options = readOptions(process.argv.slice(2));
if (options === "help") say(usage);
else await main(options);
