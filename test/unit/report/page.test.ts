import { readdirSync, readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

import { gridText, withGrid } from "../../../src/report/page.ts";
import { failures } from "../../fixtures/runs/failures.ts";

const root = new URL("../../../", import.meta.url);

describe("the grid of a page", () => {
  it("stands between its two lines, letter by letter, and is replaced whole", () => {
    const page = "# a\n<!-- grid:begin -->\nold\n<!-- grid:end -->\nb\n";
    const written = withGrid(page, "new $& $1", "a.md");
    expect(written).toBe("# a\n<!-- grid:begin -->\n```\nnew $& $1\n```\n<!-- grid:end -->\nb\n");
    expect(withGrid(written, "new $& $1", "a.md")).toBe(written);
  });

  it.each([
    ["no lines", "# a\n"],
    ["no end", "<!-- grid:begin -->\n"],
    ["the end first", "<!-- grid:end -->\n<!-- grid:begin -->\n"],
    ["two grids", "<!-- grid:begin --><!-- grid:end -->\n<!-- grid:begin --><!-- grid:end -->\n"],
    ["two ends", "<!-- grid:begin --><!-- grid:end -->\n<!-- grid:end -->\n"],
  ])("%s: an error that names the page", (_name, page) => {
    expect(() => withGrid(page, "new", "docs/systems/a.md")).toThrow("docs/systems/a.md has no place");
  });

  it("holds nothing of a run but its verdicts", async () => {
    const { run, cells } = failures;
    const grid = await gridText(run, cells);
    expect(grid).toContain("LEAK");
    const later = { ...run, id: "20300101T000000Z-ffffffff", startedAt: "2030-01-01T00:00:00.000Z" };
    expect(await gridText(later, cells)).toBe(grid);
    for (const part of [run.id, run.startedAt.slice(0, 10), run.target.serverVersion])
      expect(grid).not.toContain(part);
  });
});

describe("docs/systems/", () => {
  const systems = readdirSync(new URL("matrices/", root), "utf8").map((name) => name.replace(/\.yaml$/, ""));

  it("has a page for each system and for nothing else, and the README names them all", () => {
    const pages = readdirSync(new URL("docs/systems/", root), "utf8").toSorted();
    expect(pages).toEqual(systems.map((name) => `${name}.md`).toSorted());
    const readme = readFileSync(new URL("README.md", root), "utf8");
    expect(pages.filter((page) => !readme.includes(`](docs/systems/${page})`))).toEqual([]);
  });
});
