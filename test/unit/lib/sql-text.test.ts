import { expect, test } from "vitest";
import { dollarQuoted } from "../../../src/lib/sql-text.ts";

test.each([
  ["it's \\ as it is", "$rowgate0$it's \\ as it is$rowgate0$"],
  ["holds $rowgate0$ itself", "$rowgate1$holds $rowgate0$ itself$rowgate1$"],
  ["ends in $rowgate0", "$rowgate1$ends in $rowgate0$rowgate1$"],
  ["", "$rowgate0$$rowgate0$"],
])("%s between two tags", (text, quoted) => {
  expect(dollarQuoted(text)).toBe(quoted);
});
