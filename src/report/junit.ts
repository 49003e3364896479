import type { ArchivedRun } from "./archived-run.ts";
import { type TestCase, testCases } from "./cases.ts";
import { clean } from "./text.ts";

/** One test suite a run, one test case a cell and a failing finding. The cells are read twice: JUnit wants its counts first. */
export async function* junitReport(archive: ArchivedRun): AsyncGenerator<string, void, undefined> {
  const { run } = archive;
  const count = { passed: 0, failure: 0, error: 0, skipped: 0 };
  for await (const { outcome } of testCases(archive)) count[outcome] += 1;
  const tests = count.passed + count.failure + count.error + count.skipped;
  const attributes = `name="${escape(run.matrix.name)}" tests="${tests}" failures="${count.failure}" errors="${count.error}"`;
  const time = seconds(run.timings.total);
  yield `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites ${attributes} time="${time}">\n`;
  yield `<testsuite ${attributes} skipped="${count.skipped}" time="${time}" timestamp="${escape(run.startedAt.slice(0, 19))}">\n`;
  for await (const one of testCases(archive)) yield `${element(one)}\n`;
  yield "</testsuite>\n</testsuites>\n";
}

function element({ suite, name, outcome, type, text, milliseconds }: TestCase): string {
  const time = milliseconds === undefined ? "" : ` time="${seconds(milliseconds)}"`;
  const open = `<testcase classname="${escape(suite.join("."))}" name="${escape(name)}"${time}`;
  if (outcome === "passed") return `${open}/>`;
  const message = escape(text.split("\n")[0] ?? "");
  const inner =
    outcome === "skipped"
      ? `<skipped message="${message}"/>`
      : `<${outcome} type="${escape(type)}" message="${message}">${escape(text)}</${outcome}>`;
  return `${open}>${inner}</testcase>`;
}

function seconds(milliseconds: number): string {
  return (milliseconds / 1000).toFixed(3);
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
};

/** For text and attributes. XML 1.0 has no way to write most control characters: they are shown as `\x1b`. */
function escape(text: string): string {
  return text
    .split("\n")
    .map((line) => clean(line).replaceAll(/[\uFFFE\uFFFF]/g, "\uFFFD"))
    .join("\n")
    .replaceAll(/[&<>"']/g, (character) => entities[character] ?? character);
}
