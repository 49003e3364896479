import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { rowgate } from "../support/cli.ts";
import { hasChromium, launch, open } from "./chromium.ts";

const root = path.resolve(import.meta.dirname, "../..");
const only = ["--only", "*/public.activity_feed/*", "--logs"];

test.skipIf(!hasChromium)(
  "a real run writes its report, and another is laid beside the run before it",
  async () => {
    const folder = mkdtempSync(path.join(tmpdir(), "rowgate-real-"));
    const browser = await launch();
    try {
      const logs = path.join(folder, "logs");
      const run = (...more: readonly string[]): ReturnType<typeof rowgate> =>
        rowgate(["run", "matrices/fne-lms.yaml", "--quiet", ...only, logs, ...more], { cwd: root });
      const file = path.join(folder, "sound.html");
      expect((await run("--report", `html=${file}`)).code).toBe(0);
      const [sound = ""] = readdirSync(logs, { recursive: true, encoding: "utf8" }).filter((name) =>
        name.endsWith("run.json"),
      );
      expect((await run("--overlay", "policies/fne-lms/flawed/broad-activity-policy.sql")).code).toBe(1);

      const before = await open(browser, file);
      expect(await before.page.locator("h1").innerText()).toMatch(/^PASS/);
      expect(await before.page.locator("#failures").innerText()).toContain("Nothing failed.");
      await before.page.locator("#cells tbody a").first().click();
      expect(await before.page.locator("dialog.detail").innerText()).toContain("row level security is on");
      expect(before.complaints).toEqual([]);

      const against = ["--against", path.join(logs, path.dirname(sound)), "--logs", logs];
      const shown = await rowgate(["report", "latest", "--format", "html", ...against], { cwd: root });
      expect(shown.code).toBe(1);
      const flawed = path.join(folder, "flawed.html");
      writeFileSync(flawed, shown.out);
      const after = await open(browser, flawed);
      expect(await after.page.locator("#changes h3").allInnerTexts()).toContain(
        "9 gained access that no change of the matrix declares",
      );
      const inForce = after.page.locator("#changes details", { hasText: "of what is in force" });
      await inForce.locator("summary").click();
      expect(await inForce.innerText()).toMatch(
        /policy Users can view public activities is new: .*, by the SQL at policies\/fne-lms\/flawed\/broad-activity-policy\.sql:\d+/,
      );
      expect(after.complaints).toEqual([]);

      const refused = await rowgate(["report", "latest", ...against], { cwd: root });
      expect([refused.code, refused.err]).toEqual([
        2,
        expect.stringContaining("--against is for the HTML report"),
      ]);
    } finally {
      await browser.close();
      rmSync(folder, { recursive: true, force: true });
    }
  },
);
