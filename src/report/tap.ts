import type { ArchivedRun } from "./archived-run.ts";
import { type TestCase, testCases } from "./cases.ts";
import { oneLine, safeJson } from "./text.ts";
import { position } from "./words.ts";

/** TAP version 14. The plan comes last, so that the cells are read once. */
export async function* tapReport(archive: ArchivedRun): AsyncGenerator<string, void, undefined> {
  const { run } = archive;
  yield `TAP version 14\n# ${oneLine(`${run.matrix.name} on ${run.target.name}, run ${run.id}`)}\n`;
  let tests = 0;
  for await (const one of testCases(archive)) {
    tests += 1;
    yield testPoint(one, tests);
  }
  yield `1..${tests}\n`;
}

function testPoint(one: TestCase, index: number): string {
  const description = literal(`${one.suite.join(".")} ${one.name}`);
  const message = literal(one.text.split("\n")[0] ?? "");
  if (one.outcome === "passed") return `ok ${index} - ${description}\n`;
  // `TODO` is TAP's word for a known failure: it stays visible, and does not fail the run.
  if (one.waived) return `not ok ${index} - ${description} # TODO ${message}\n`;
  if (one.outcome === "skipped") return `ok ${index} - ${description} # SKIP ${message}\n`;
  const facts = {
    severity: one.outcome === "error" ? "error" : "fail",
    verdict: one.type,
    message: one.text,
    at: one.at === undefined ? undefined : position(one.at),
  };
  // A JSON text is a YAML scalar, whatever is in it.
  const lines = Object.entries(facts).flatMap(([key, value]) =>
    value === undefined ? [] : [`  ${key}: ${safeJson(value)}`],
  );
  return `not ok ${index} - ${description}\n  ---\n${lines.join("\n")}\n  ...\n`;
}

/** `#` begins a directive, and a backslash escapes it. */
function literal(text: string): string {
  return oneLine(text).replaceAll(/[\\#]/g, String.raw`\$&`);
}
