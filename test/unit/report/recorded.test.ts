import { fileURLToPath } from "node:url";
import { existsSync, readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { readCells, readRun } from "../../../src/archive/read.ts";
import type { CellRecord } from "../../../src/model/run.ts";
import { columns } from "../../../src/report/text.ts";
import type { Recorded } from "../../fixtures/runs/build.ts";
import { golden } from "../../golden.ts";
import { render } from "./render.ts";

// Archives of real runs of flawed variants and of a sound system (`npm run record` records them again).
const folder = new URL("../../fixtures/runs/", import.meta.url);
const names = readdirSync(folder).filter((name) => existsSync(new URL(`${name}/run.json`, folder)));

async function recorded(name: string): Promise<Recorded> {
  const archive = fileURLToPath(new URL(name, folder));
  const cells: CellRecord[] = [];
  for await (const cell of readCells(archive)) cells.push(cell);
  return { run: await readRun(archive), cells };
}

describe.each(names)("%s", (name) => {
  it.each([
    { form: "terminal", options: {}, file: "txt" },
    { form: "terminal", options: { quiet: true, running: true }, file: "quiet.running.txt" },
    { form: "junit", options: {}, file: "xml" },
  ] as const)("$form $file", async ({ form, options, file }) => {
    const text = await render(form, await recorded(name), options);
    expect(text).toBe(golden(`recorded/${name}.${file}`, text));
  });

  it.each([60, 80, 132, 200])("no line is wider than %i columns", async (width) => {
    const text = await render("terminal", await recorded(name), { width, verbose: true });
    const over = text.split("\n").filter((line) => columns(line) > Math.min(width, 120));
    // One quoted word of a shell's cannot be broken.
    expect(over.filter((line) => !/^ {6}(?:-\S+ )?['"]/.test(line))).toEqual([]);
  });
});
