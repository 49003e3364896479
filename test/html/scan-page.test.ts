import axe from "axe-core";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { AccessMap } from "../../src/model/access-map.ts";
import { scanHtml } from "../../src/report/scan-html.ts";
import { hasChromium, launch, open } from "./chromium.ts";

const hostile = `<img src=x onerror="document.title='no'">`;
const anon = { name: "anon", standing: "no-token", is: "no token" } as const;
const map: AccessMap = {
  personas: [
    anon,
    { name: "newcomer", standing: "unknown-user", is: `signed in ${hostile}` },
    { name: "service", standing: "above", is: "a role" },
  ],
  relations: [
    {
      relation: `public.${hostile}`,
      rows: 3,
      personas: new Map([
        [
          "anon",
          {
            select: { access: { kind: "rows", rows: 3, of: 3, sample: false, own: false } },
            insert: { access: { kind: "accepted", own: false } },
          },
        ],
        [
          "newcomer",
          {
            select: { access: { kind: "possible", own: true } },
            update: { access: { kind: "unknown", because: hostile } },
          },
        ],
        [
          "service",
          {
            delete: { access: { kind: "skipped", because: "production" } },
            select: { access: { kind: "rows", rows: 1, of: 3, sample: true, own: false } },
          },
        ],
      ]),
    },
  ],
  questions: [
    {
      operation: "select",
      persona: anon,
      places: [
        {
          relation: `public.${hostile}`,
          access: { kind: "rows", rows: 3, of: 3, sample: false, own: false },
          cause: undefined,
        },
      ],
    },
  ],
};
const facts = { target: hostile, milliseconds: 1200, usersLeft: 0, skipped: 0, standIns: [] };

describe.skipIf(!hasChromium)("the page of an access map", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "rowgate-map-"));
  const file = path.join(folder, "map.html");
  let browser: Browser;
  beforeAll(async () => {
    writeFileSync(file, await scanHtml(map, facts));
    browser = await launch();
  });
  afterAll(async () => {
    await browser.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test.each([
    { colorScheme: "light", width: 1280 },
    { colorScheme: "dark", width: 400 },
  ] as const)(
    "$colorScheme, $width wide: axe finds nothing, names are text, nothing overflows",
    async (look) => {
      const { page, complaints } = await open(browser, file, look);
      expect(await page.locator("h1").textContent()).toBe(hostile);
      expect(await page.locator("img").count()).toBe(0);
      expect(await page.locator("table .chip.bad").first().textContent()).toContain("3 of 3 rows");
      expect(await page.evaluate("document.documentElement.scrollWidth <= innerWidth")).toBe(true);
      const { violations } = await page.evaluate<axe.AxeResults>(`${axe.source}; axe.run()`);
      expect(violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html ?? ""}`)).toEqual([]);
      expect(complaints).toEqual([]);
    },
  );
});
