import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { findingMessages } from "../../../src/messages/findings.ts";
import { messages } from "../../../src/messages/messages.ts";
import { messagePages, type PageSection, withSections } from "../../../src/messages/pages.ts";

const section = (heading: string, generated: string): PageSection => ({ heading, generated });

describe("pages that are written from the messages", () => {
  it.each(Object.entries(messagePages))("%s is what `npm run docs` writes", (file, written) => {
    const page = readFileSync(new URL(`../../../${file}`, import.meta.url), "utf8");
    expect(page).toBe(written(page));
  });

  it("docs/verdicts.md has a section for each kind of finding, in the table's order, and for nothing else", () => {
    const page = readFileSync(new URL("../../../docs/verdicts.md", import.meta.url), "utf8");
    const [, findings = ""] = page.split("\n## Findings\n");
    const headings = [...findings.matchAll(/^### `(.+)`$/gm)].map(([, kind]) => kind);
    expect(headings).toEqual(Object.keys(findingMessages));
  });

  it("replaces what is between the markers, keeps the other text, adds and drops sections", () => {
    const written = withSections("# Page\n\n## Part\n\nIntroduction.\n\n## Next\n\nKept.\n", "Part", [
      section("a", "one"),
      section("b", "two"),
    ]);
    const edited = written.replace("### b\n", "### b\n\nBy a person.\n");
    const again = withSections(edited, "Part", [section("b", "three"), section("c", "four")]);
    expect(again).toBe(
      "# Page\n\n## Part\n\nIntroduction.\n\n" +
        "### b\n\nBy a person.\n\n<!-- generated: npm run docs -->\n\nthree\n\n<!-- /generated -->\n\n" +
        "### c\n\n<!-- generated: npm run docs -->\n\nfour\n\n<!-- /generated -->\n\n## Next\n\nKept.\n",
    );
  });
});

describe("messages are plain sentences", () => {
  it.each(Object.entries(findingMessages))("finding %s", (_, { title, todo }) => {
    expect(title).toMatch(/^(?:[A-Z]|rowgate)/);
    expect(`${title} ${todo}`).not.toMatch(riddles);
    for (const one of [title, todo]) expect(one).not.toMatch(/[.;]$/);
  });
  it.each(Object.entries(messages))("%s", (_, { sentence, todo }) => {
    expect(`${sentence} ${todo}`).not.toMatch(riddles);
    for (const one of [sentence, todo]) expect(one).not.toMatch(/[.;]$/);
  });
});

/** Words that hide who does what. */
const riddles = /\b(?:nobody|somebody|whoever|whom|mend|told|by hand|stands|is none)\b/i;
