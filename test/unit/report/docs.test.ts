import { readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

import { findingInfo } from "../../../src/model/finding-info.ts";
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

  it("has a section for each kind of finding, in the model's order, and for nothing else", () => {
    expect([...sections("Findings").keys()]).toEqual(Object.keys(findingInfo).map((kind) => `\`${kind}\``));
  });

  it.each(Object.entries(findingInfo))("says of %s how it counts, and what to do", (kind, { severity }) => {
    const section = sections("Findings").get(`\`${kind}\``) ?? "";
    expect(section).toMatch(new RegExp(String.raw`\n\n\*${severity}\.\*`, "i"));
    expect(section.replaceAll(/\s+/g, " ")).toContain("**What to do**:");
  });

  it.each(verdicts.filter((verdict) => verdict !== "pass"))("says of %s what to do", (verdict) => {
    expect(sections("Verdicts").get(`\`${verdict}\``)?.replaceAll(/\s+/g, " ")).toContain("**What to do**:");
  });
});
