import { describe, expect, test } from "vitest";
import { cases, declarationLines, isMatrix, outcome } from "./case.ts";

const declaring = cases.flatMap(({ want, ...one }) =>
  "wantDeclarations" in want ? [{ ...one, ...want }] : [],
);
const failing = cases.flatMap(({ want, ...one }) => ("wantIssues" in want ? [{ ...one, ...want }] : []));

describe("test/cases", () => {
  test.each(declaring)("$file", ({ file, text, wantDeclarations }) => {
    const result = outcome(text, file);
    expect(isMatrix(result) ? declarationLines(result) : result).toEqual(wantDeclarations);
  });

  test.each(failing)("$file", ({ file, text, wantIssues }) => {
    const result = outcome(text, file);
    const issues = isMatrix(result) ? [] : result;
    const got = issues.map(({ code, at, message }, index) => ({
      code,
      line: at.line,
      column: at.column,
      // What the message holds of what it should; the whole message where it holds too little.
      messageIncludes: includes(message, wantIssues[index]?.messageIncludes ?? []),
    }));
    expect(got).toEqual(wantIssues);
    expect(issues.every(({ at }) => at.file === file)).toBe(true);
  });
});

function includes(message: string, parts: readonly string[]): readonly string[] {
  return parts.every((part) => message.includes(part)) ? parts : [message];
}
