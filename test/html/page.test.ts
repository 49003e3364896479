import axe from "axe-core";
import { readFileSync, writeFileSync } from "node:fs";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { CellRecord } from "../../src/model/run.ts";
import { cell, channel, type Recorded, record } from "../fixtures/runs/build.ts";
import { failures } from "../fixtures/runs/failures.ts";
import { hostile, large, passing } from "../fixtures/runs/others.ts";
import { hasChromium, launch, type Look, open } from "./chromium.ts";
import { madeRuns, realRuns, recorded, type Reports, reports } from "./files.ts";

/** Passes that rest on different things: the recorded runs are older than evidence. */
const proved = record([
  cell({
    channels: {
      direct: channel("pass", { evidence: "privilege" }),
      rest: channel("pass", { evidence: "privilege" }),
    },
  }),
  cell({
    persona: "luis",
    channels: {
      direct: channel("pass", { evidence: "all-rows" }),
      rest: channel("pass", { evidence: "rows-at-hand" }),
    },
  }),
]);

describe.skipIf(!hasChromium)("the page in Chromium", () => {
  let browser: Browser;
  let files: Reports;
  beforeAll(async () => {
    browser = await launch();
    files = reports();
  });
  afterAll(async () => {
    files[Symbol.dispose]();
    await browser.close();
  });

  /** Opens a run's report, and afterwards asks that it made no request, error or refusal of the policy. */
  async function look(
    run: Recorded,
    how: Look,
    use: (page: Page) => Promise<void>,
    against?: Recorded,
  ): Promise<void> {
    const { page, complaints } = await open(browser, await files.write(run, against), how);
    try {
      await use(page);
      expect(complaints).toEqual([]);
    } finally {
      await page.context().close();
    }
  }

  test.each(["failures", "policy-too-broad"])(
    "%s: axe finds nothing, light or dark, wide or narrow",
    async (name) => {
      await look(await recorded(name), {}, async (page) => {
        await page.evaluate(axe.source);
        expect(await faults(page)).toEqual([]);
        await page.emulateMedia({ colorScheme: "dark" });
        await page.setViewportSize({ width: 390, height: 900 });
        expect(await faults(page)).toEqual([]);
        await page.locator("#failures a").first().click();
        expect(await faults(page)).toEqual([]);
      });
    },
  );

  test.each(["findings", "nothing", "hostile", "columnCells", "functionCells", "sound"])(
    "%s: axe finds nothing",
    async (name) => {
      await look(await recorded(name), {}, async (page) => {
        await page.evaluate(axe.source);
        expect(await faults(page)).toEqual([]);
      });
    },
  );

  test.each([...realRuns, ...Object.keys(madeRuns)])(
    "%s: opens, and nothing is requested or refused",
    async (name) => {
      const run = await recorded(name);
      await look(run, {}, async (page) => {
        expect(await page.locator("#run").innerText()).toContain("logs/20261121");
      });
    },
  );

  test("totals and what failed, grouped by cause, come before everything else", async () => {
    await look(await recorded("policy-too-broad"), {}, async (page) => {
      expect(await page.locator("h1").innerText()).toContain("FAIL");
      const titles = await page.locator("main h2").allInnerTexts();
      expect(titles.slice(0, 4)).toEqual([
        expect.stringMatching(/^[\d,]+ cells$/),
        expect.stringMatching(/^What [\d,]+ passes rest on$/),
        "What failed",
        "Matrix",
      ]);
      const group = page.locator("#failures article").first();
      expect(await group.innerText()).toMatch(/LEAK\s+public\.activity_feed · select/);
      expect(await group.innerText()).toContain("policies/fne-lms/flawed/broad-activity-policy.sql");
    });
  });

  test("one click on a letter of the matrix shows all that is known of its cell", async () => {
    await look(await recorded("policy-too-broad"), {}, async (page) => {
      await page.locator("#matrix .chip.bad").first().click();
      const text = await page.locator("dialog.detail").innerText();
      for (const part of [
        "Declared",
        "Channel direct",
        "Channel rest",
        "probed",
        "observed",
        "baseline",
        "Cause",
        "Policies and grants in force",
        "Reproduce",
      ])
        expect(text).toContain(part);
    });
  });

  test("a pass says what it rests on, and the totals count the weaker of its channels", async () => {
    await look(proved, { hash: "#persona=luis" }, async (page) => {
      expect(await page.locator("#summary").innerText()).toMatch(/1 by privilege[^]*1 for the rows at hand/);
      await page.locator("#cells tbody a").first().click();
      expect(await page.locator("dialog.detail").innerText()).toMatch(
        /proof\s+for all rows[^]*proof\s+for the rows at hand/,
      );
    });
    await look(proved, {}, async (page) => {
      await page.getByLabel("what each pass rests on").check();
      expect(await page.locator("#matrix tbody .chip").allInnerTexts()).toEqual(["1", "3", "5"]);
      await page.getByRole("button", { name: "1 by privilege" }).click();
      expect(new URL(page.url()).hash).toBe("#evidence=privilege");
      expect(await page.locator("#matches").innerText()).toBe("1 of 2 cells");
    });
  });

  test("a run without a cell says so", async () => {
    await look(await recorded("nothing"), {}, async (page) => {
      expect(await page.locator("#failures").innerText()).toContain(
        "No cell was probed, so nothing was proved.",
      );
    });
  });

  test("texts of the database are texts, whatever they hold", async () => {
    const name = `<script>document.title="run"</script><img src=x onerror=alert(1)>`;
    const run = record([
      ...hostile.cells,
      cell({
        persona: name,
        relation: name,
        verdict: "leak",
        channels: { direct: channel("leak", { because: name, probe: name }) },
        inForce: [name],
        reproduce: { psql: name, curl: name },
      }),
    ]);
    await look(
      run,
      { hash: `#${new URLSearchParams({ cell: `${name}/public.${name}/select` })}` },
      async (page) => {
        expect(await page.locator("dialog.detail h2").innerText()).toContain(name);
        expect(await page.locator("body script, img, iframe, object, embed, body style, link").count()).toBe(
          0,
        );
        expect(await page.title()).not.toBe("run");
        expect(await page.locator("#failures").innerText()).toContain(name);
      },
    );
  });

  test("markup by a mistake of the program would be refused", async () => {
    const { page, complaints } = await open(browser, await files.write(passing));
    const refused = await page.evaluate(
      "try { document.body.innerHTML = '<p>markup</p>' } catch (error) { error.name }",
    );
    expect(refused).toBe("TypeError");
    expect(complaints.join("\n")).toContain("TrustedHTML");
    await page.context().close();
  });

  test("a damaged block of data is reported, and nothing of the run is shown", async () => {
    const file = await files.write(passing);
    const html = readFileSync(file, "utf8");
    writeFileSync(file, html.replace(/(id="data">.{40})./, "$1%"));
    const { page } = await open(browser, file);
    expect(await page.locator("[role=alert]").innerText()).toContain("This report cannot be shown");
    await page.context().close();
  });

  test.each([
    { hash: "#verdict=leak", selector: "Verdict", value: "leak" },
    { hash: "#persona=bruno", selector: "Persona", value: "bruno" },
    { hash: "#relation=public.activity_feed", selector: "Relation", value: "public.activity_feed" },
    { hash: "#find=bruno", selector: "Find", value: "bruno" },
  ])("$hash filters, and so does choosing it", async ({ hash, selector, value }) => {
    const run = await recorded("policy-too-broad");
    let linked: string[] = [];
    await look(run, { hash }, async (page) => {
      linked = await page.locator("#cells tbody tr").allInnerTexts();
      expect(await page.locator("#matches").innerText()).toMatch(/^\d+ of \d+ cells$/);
    });
    await look(run, {}, async (page) => {
      const control = page.getByRole("search").getByLabel(selector);
      await (selector === "Find" ? control.fill(value) : control.selectOption(value));
      expect(await page.locator("#cells tbody tr").allInnerTexts()).toEqual(linked);
      expect(new URL(page.url()).hash).toBe(hash);
      expect(await page.getByRole("status").innerText()).toMatch(/\d+ of \d+ cells shown/);
    });
    expect(linked.length).toBeGreaterThan(0);
  });

  test("the keyboard alone leads to a failing cell, its neighbours and back", async () => {
    await look(await recorded("policy-too-broad"), {}, async (page) => {
      const { keyboard } = page;
      const focused = (): Promise<string> => page.evaluate<string>("document.activeElement.textContent");
      await keyboard.press("Tab");
      expect(await focused()).toBe("Skip to what failed");
      await keyboard.press("Enter");
      expect(await focused()).toBe("What failed");
      await keyboard.press("m");
      expect(await focused()).toBe("Matrix");
      await keyboard.press("Tab");
      expect(await page.evaluate("document.activeElement.type")).toBe("radio");
      await keyboard.press("Tab");
      const first = await page.evaluate("document.activeElement.ariaLabel");
      await keyboard.press("ArrowRight");
      const second = await page.evaluate("document.activeElement.ariaLabel");
      expect(second).not.toBe(first);
      expect(await page.evaluate("document.activeElement.matches(':focus-visible')")).toBe(true);
      await keyboard.press("Enter");
      expect(await page.locator("dialog.detail").isVisible()).toBe(true);
      const opened = await page.locator("dialog.detail h2").innerText();
      await keyboard.press("j");
      expect(await page.locator("dialog.detail h2").innerText()).not.toBe(opened);
      await keyboard.press("Escape");
      expect(await page.locator("dialog.detail").isVisible()).toBe(false);
      expect(await page.evaluate("document.activeElement.ariaLabel")).toBe(second);
      await keyboard.press("?");
      expect(await page.locator("dialog.help").innerText()).toContain("the next control");
      await keyboard.press("Escape");
      await keyboard.press("/");
      await keyboard.type("bruno/");
      expect(await page.locator("#matches").innerText()).toMatch(/^\d+ of \d+ cells$/);
    });
  });

  test("Back closes what a link has opened", async () => {
    await look(failures, {}, async (page) => {
      await page.locator("#failures a").first().click();
      expect(await page.locator("dialog.detail").isVisible()).toBe(true);
      await page.goBack();
      expect(await page.locator("dialog.detail").isVisible()).toBe(false);
    });
  });

  test("of many cells only those in sight are rows; a plain table has them all, and so does a print", async () => {
    const many = record(large.cells.slice(0, 400));
    await look(many, {}, async (page) => {
      const rows = page.locator("#cells tbody tr:not(.spacer)");
      const all = many.cells.length;
      expect(await rows.count()).toBeLessThan(80);
      expect(await page.locator("#cells table").getAttribute("aria-rowcount")).toBe(String(all + 1));
      await page.locator("#cells tbody a").first().focus();
      await page.keyboard.press("End");
      expect(await page.evaluate("document.activeElement.closest('tr')?.ariaRowIndex")).toBe(String(all + 1));
      await page.evaluate(
        "addEventListener('beforeprint', () => { document.title = document.querySelectorAll('#cells tbody tr:not(.spacer)').length })",
      );
      expect((await page.pdf()).subarray(0, 5).toString()).toBe("%PDF-");
      expect(await page.title()).toBe(String(all));
      expect(await rows.count()).toBeLessThan(80);
      await page.keyboard.press("p");
      expect(await rows.count()).toBe(all);
    });
  });

  test("light and dark follow the system, and the switch", async () => {
    await look(passing, { colorScheme: "dark" }, async (page) => {
      const ground = (): Promise<string> =>
        page.evaluate<string>("getComputedStyle(document.documentElement).backgroundColor");
      const dark = await ground();
      await page.getByRole("button", { name: "Theme" }).click();
      expect(await page.getByRole("button", { name: "Theme" }).innerText()).toBe("Theme: light");
      expect(await ground()).not.toBe(dark);
    });
  });

  test("beside another run, what changed is listed first, and can be filtered", async () => {
    const [first, ...rest] = failures.cells.filter(({ verdict }) => verdict === "leak");
    if (first === undefined) throw new Error("no leak");
    const before: readonly CellRecord[] = [
      { ...first, verdict: "pass", channels: { direct: channel("pass"), rest: channel("pass") } },
      ...rest,
      cell({ persona: "gone" }),
    ];
    await look(
      record([first, ...rest]),
      {},
      async (page) => {
        const text = await page.locator("#changes").innerText();
        expect(text).toContain("1 gained access that no change of the matrix declares");
        expect(text).toContain("1 cell of the other run is not in this one");
        await page.getByRole("search").getByLabel("Verdict").selectOption("changed");
        expect(await page.locator("#matches").innerText()).toMatch(/^1 of/);
      },
      record(before),
    );
  });
});

/** What axe finds, in words. */
async function faults(page: Page): Promise<readonly string[]> {
  const found = await page.evaluate<axe.AxeResults>("axe.run()");
  return found.violations.flatMap(({ id, nodes }) =>
    nodes.map((node) => `${id}: ${node.target.join(" ")} ${node.failureSummary ?? ""}`),
  );
}
