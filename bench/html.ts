import { existsSync, writeFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";
import { createTally } from "../dist/judge/counts.js";
import { archiveVersion, type CellRecord, type ChannelRecord, type RunRecord } from "../dist/model/run.js";
import { archivedRun } from "../dist/report/archived-run.js";
import { htmlReport } from "../dist/report/html/report.js";
import type { StageResult } from "./figures.ts";
import type { Options } from "./options.ts";
import { median } from "./sample.ts";

const cellsInPage = 50_000;
const personas = 20;
const operations = ["select", "insert", "update", "delete", "upsert"] as const;

/** What a person does, as a program in the page. A page without cells does as much with one control of its own. */
const interactions = {
  "a filter by verdict": "choose(2)",
  "a filter by persona": "choose(0)",
  "a text to find": "type('/public.table_1')",
  "a cell opened": "openNext()",
  "the next cell": "press('j')",
} as const;

const helpers = `
  function choose(at) {
    const select = document.querySelectorAll("form select")[at];
    select.selectedIndex = (select.selectedIndex + 1) % Math.min(select.length, 3);
    select.dispatchEvent(new Event("change"));
  }
  function type(text) {
    const input = document.getElementById("find");
    input.value = input.value === text ? "" : text;
    input.dispatchEvent(new Event("input"));
  }
  function openNext() {
    const links = document.querySelectorAll("#cells tbody a");
    globalThis.opened = ((globalThis.opened ?? -1) + 1) % links.length;
    links[globalThis.opened].click();
  }
  function press(key) { dispatchEvent(new KeyboardEvent("keydown", { key })); }
`;

/** How long a person waits for the next picture: in a report of 50,000 cells, beside an empty page. */
export async function benchHtml(options: Options, folder: string): Promise<StageResult> {
  const program = findChromium();
  if (program === undefined)
    return { rows: [], notes: ["html: no chromium on PATH, so nothing was measured"], raw: {} };
  const file = path.join(folder, "report.html");
  const bytes = await writeReport(file);
  const empty = path.join(folder, "empty.html");
  writeFileSync(empty, "<!doctype html><title>empty</title><button>press</button>");
  const browser = await chromium.launch({ executablePath: program, args: ["--no-sandbox"] });
  try {
    const rounds = Math.max(9, options.rounds);
    const alone = await measure(browser, empty, "document.querySelector('button').click()", rounds);
    const rows: StageResult["rows"][number][] = [];
    for (const [what, act] of Object.entries(interactions)) {
      const ours = await measure(browser, file, act, rounds);
      rows.push({
        what: `HTML, ${cellsInPage.toLocaleString("en")} cells: ${what}, to the next picture`,
        ours: `${ours.toFixed(0)} ms`,
        theirs: `${alone.toFixed(0)} ms`,
        ratio: ours / alone,
        budget: { bound: "at most", value: 6 },
      });
    }
    return {
      rows,
      notes: [
        `html: the file of ${cellsInPage.toLocaleString("en")} cells has ${(bytes / 1e6).toFixed(1)} MB`,
      ],
      raw: { bytes, alone, rows },
    };
  } finally {
    await browser.close();
  }
}

/** Milliseconds from the act to the picture after it. */
async function measure(browser: Browser, file: string, act: string, rounds: number): Promise<number> {
  const page: Page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  try {
    await page.goto(pathToFileURL(file).href);
    await page.locator("main, button").first().waitFor();
    await page.waitForTimeout(1000);
    const times: number[] = [];
    for (let round = 0; round < rounds; round++) {
      times.push(
        await page.evaluate<number>(`(async () => {
          ${helpers}
          const started = performance.now();
          ${act};
          await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
          return performance.now() - started;
        })()`),
      );
      await page.waitForTimeout(200);
    }
    return median(times);
  } finally {
    await page.close();
  }
}

async function writeReport(file: string): Promise<number> {
  const cells = Array.from({ length: cellsInPage }, (_, index) => cellOf(index));
  const tally = createTally();
  for (const cell of cells) tally.add(cell);
  const run = runOf(tally.counts());
  let text = "";
  for await (const piece of htmlReport(
    archivedRun(run, "logs/bench", () => cells),
    {},
  ))
    text += piece;
  writeFileSync(file, text);
  return text.length;
}

function cellOf(index: number): CellRecord {
  const operation = operations[index % operations.length] ?? "select";
  const persona = `persona_${Math.floor(index / operations.length) % personas}`;
  const relation = `table_${Math.floor(index / operations.length / personas)}`;
  const verdict = index % 997 === 0 ? "leak" : "pass";
  const channel = (probe: string): ChannelRecord => ({
    verdict,
    effect: verdict === "leak" ? "allowed" : "filtered",
    deniedBy: undefined,
    because:
      verdict === "leak" ? "3 rows were readable; the matrix allows none" : "40 rows there, none reached",
    evidence: verdict === "leak" ? undefined : index % 3 === 0 ? "privilege" : "all-rows",
    probe: `${probe} ${relation} ${operation}`,
    observation: { kind: "statement", answer: { code: null } },
    milliseconds: undefined,
  });
  return {
    id: `${persona}/public.${relation}/${operation}`,
    matrix: "bench",
    persona,
    schema: "public",
    relation,
    operation,
    expectation: { kind: "deny", reason: undefined },
    implied: false,
    at: { file: "matrices/bench.yaml", line: 10 + (index % 5000), column: 7 },
    waiver: undefined,
    waived: false,
    verdict,
    channels: { direct: channel("select count(*) from"), rest: channel("GET") },
    notOn: {},
    reproduce: undefined,
    inForce: [],
  };
}

function runOf(counts: RunRecord["counts"]): RunRecord {
  return {
    archiveVersion,
    id: "20261121T020304Z-0a1b2c3d",
    rowgate: "bench",
    startedAt: "2026-11-21T02:03:04.000Z",
    finishedAt: "2026-11-21T02:03:05.000Z",
    gitCommit: undefined,
    matrix: { name: "bench", file: "matrices/bench.yaml" },
    inputs: [],
    target: {
      name: "embedded",
      posture: "embedded",
      database: "bench",
      serverVersion: "17",
      rest: undefined,
      keyId: undefined,
    },
    filters: { only: [], personas: [], channels: ["direct", "rest"] },
    personas: [],
    relations: [],
    gatewayChecks: undefined,
    fingerprints: [],
    findings: [],
    counts,
    roundTrips: { direct: 0, rest: 0 },
    timings: { start: 0, preflight: 0, probe: 0, total: 1000 },
    exitCode: 1,
    previous: undefined,
  };
}

function findChromium(): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(path.delimiter);
  const names = ["chromium", "chromium-browser", "google-chrome"];
  const all = [
    process.env["ROWGATE_CHROMIUM"] ?? "",
    ...names.flatMap((name) => folders.map((one) => path.join(one, name))),
  ];
  return all.find((file) => file !== "" && existsSync(file));
}
