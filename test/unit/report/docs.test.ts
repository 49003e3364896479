import { readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

import { verdicts } from "../../../src/model/verdict.ts";

const page = readFileSync(new URL("../../../docs/verdicts.md", import.meta.url), "utf8");

/** Heading → what stands under it, for one part of the page. */
function sections(part: string): ReadonlyMap<string, string> {
  const [, text = ""] = page.split(`\n## ${part}\n`);
  const [body = ""] = text.split("\n## ");
  const found = body.split("\n### ").slice(1);
  return new Map(found.map((section) => [section.split("\n", 1)[0] ?? "", section]));
}

describe("docs/verdicts.md", () => {
  it("has a section for each verdict, best first, and for nothing else", () => {
    expect([...sections("Verdicts").keys()]).toEqual(verdicts.map((verdict) => `\`${verdict}\``));
  });

  it.each(verdicts.filter((verdict) => verdict !== "pass"))("says of %s what to do", (verdict) => {
    expect(sections("Verdicts").get(`\`${verdict}\``)?.replaceAll(/\s+/g, " ")).toContain("**What to do**:");
  });
});
