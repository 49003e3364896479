import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { problems } from "../../../src/doctor/problems.ts";
import { checkNames } from "../../../src/model/diagnosis.ts";

const page = readFileSync(new URL("../../../docs/doctor.md", import.meta.url), "utf8");

test.each(Object.entries(problems))(
  "docs/doctor.md says what %s is and what to do",
  (_, { check, sentence, hint }) => {
    const section = page.split(/^### /m).find((one) => one.startsWith(`${check}\n`)) ?? "";
    expect(section).toContain(`**${sentence}**`);
    expect(section).toContain(hint === "{hint}" ? "" : `→ ${hint}`);
  },
);

test("docs/doctor.md has a section for each check, in their order, and no sentence that is not said", () => {
  expect([...page.matchAll(/^### (.+)$/gm)].map(([, name]) => name)).toEqual(checkNames);
  expect(page.match(/^- `[✗?]`/gm)).toHaveLength(Object.keys(problems).length);
});
