import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import axe from "axe-core";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readControls, startingControls } from "../../src/evidence/controls.ts";
import { evidenceOf, factsOf } from "../../src/evidence/evidence.ts";
import { pageOf, tablesOf } from "../../src/evidence/tables.ts";
import { cell, record } from "../fixtures/runs/build.ts";
import { hasChromium, launch, open } from "./chromium.ts";

const hostile = `<script>document.title="run"</script>`;

/** A month: a leak that was resolved, one of a hostile name that is open, a waiver, a gap, an altered archive. */
async function month(): Promise<string> {
  const waiver = { reason: "ticket 7", expires: "2026-12-31", at: cell().at };
  const runs = Array.from({ length: 28 }, async (_, index) => {
    const day = String(index + 1).padStart(2, "0");
    const id = `202611${day}T000000Z-000000${day}`;
    const cells = [
      cell({ verdict: index < 3 ? "leak" : "pass" }),
      cell({ persona: "bob", verdict: "leak", waived: true, waiver }),
      cell({ persona: hostile, verdict: index < 20 ? "pass" : "leak" }),
    ];
    const gitCommit = "0123456789abcdef0123456789abcdef01234567";
    const { run } = record(cells, { id, startedAt: `2026-11-${day}T00:00:00.000Z`, gitCommit });
    if (index === 9) return { id, problems: ["cells.ndjson is altered"], signedBy: [] };
    return { id, problems: [], signedBy: ["a".repeat(64)], facts: await factsOf(run, cells) };
  });
  const period = { from: "2026-11-01", to: "2026-11-30", end: "2026-11-30T12:00:00.000Z", everyHours: 24 };
  const evidence = evidenceOf(await Promise.all(runs), period, { seed: "auditor", size: 5 });
  return pageOf(evidence, tablesOf(evidence, readControls(startingControls, "controls.yaml")));
}

describe.skipIf(!hasChromium)("the page of evidence in Chromium", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "rowgate-evidence-"));
  const file = path.join(folder, "evidence.html");
  let browser: Browser;
  beforeAll(async () => {
    writeFileSync(file, await month());
    browser = await launch();
  });
  afterAll(async () => {
    await browser.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function look(
    width: number,
    colorScheme: "light" | "dark",
    use: (page: Page) => Promise<void>,
  ): Promise<void> {
    const { page, complaints } = await open(browser, file, { width, colorScheme });
    try {
      await use(page);
      expect(complaints).toEqual([]);
    } finally {
      await page.context().close();
    }
  }

  test.each([
    [1280, "light"],
    [1280, "dark"],
    [390, "light"],
    [390, "dark"],
  ] as const)("%i wide, %s: axe finds nothing, and only tables scroll sideways", async (width, scheme) => {
    await look(width, scheme, async (page) => {
      await page.evaluate(axe.source);
      const found = await page.evaluate<axe.AxeResults>("axe.run()");
      expect(found.violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)).toEqual([]);
      expect(await page.evaluate("document.documentElement.scrollWidth <= innerWidth")).toBe(true);
    });
  });

  test("what is open comes first, and texts of the database are texts", async () => {
    await look(1280, "light", async (page) => {
      const state = await page.locator("h1 + p").innerText();
      expect(state).toMatch(
        /^Open: 1 runs whose archive is not intact; .* gaps .*; 1 exceptions that are not resolved/,
      );
      expect(await page.locator("#exceptions").innerText()).toContain(hostile);
      expect(await page.locator("script, img, link").count()).toBe(0);
      expect(await page.locator("#runs tbody tr").count()).toBe(28);
    });
  });

  test("the keyboard alone leads to a table and through its width", async () => {
    await look(390, "light", async (page) => {
      const { keyboard } = page;
      const focused = (): Promise<string> => page.evaluate<string>("document.activeElement.textContent");
      for (const _ of Array.from({ length: 6 })) await keyboard.press("Tab");
      expect(await focused()).toBe("runs");
      await keyboard.press("Enter");
      expect(new URL(page.url()).hash).toBe("#runs");
      await keyboard.press("Tab");
      expect(await page.evaluate("document.activeElement.getAttribute('aria-labelledby')")).toBe(
        "runs-title",
      );
      expect(await page.evaluate("document.activeElement.matches(':focus-visible')")).toBe(true);
      await keyboard.press("ArrowRight");
      // Asked from outside: the page's own rules refuse a program that waits within.
      await expect.poll(() => page.evaluate("document.activeElement.scrollLeft > 0")).toBe(true);
    });
  });

  test("a print is light, and cuts no column off", async () => {
    await look(1040, "dark", async (page) => {
      await page.emulateMedia({ media: "print" });
      expect(await page.evaluate("getComputedStyle(document.body).backgroundColor")).toBe(
        "rgb(255, 255, 255)",
      );
      expect(await page.evaluate("document.documentElement.scrollWidth <= innerWidth")).toBe(true);
      expect((await page.pdf({ format: "A4", landscape: true })).subarray(0, 5).toString()).toBe("%PDF-");
    });
  });
});
