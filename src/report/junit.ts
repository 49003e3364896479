import { factsOf, findingMessages } from "../messages/findings.ts";
import { failsRun, findingSeverity } from "../model/finding.ts";
import type { CellRecord } from "../model/run.ts";
import { verdictInfo } from "../model/verdict.ts";
import type { ArchivedRun } from "./archived-run.ts";
import { channelFacts } from "./happened.ts";
import { clean, oneLine } from "./text.ts";
import { callOf, causeText, declared, isWaived, operationHeads, verdictWords } from "./words.ts";

/** What came of a test case, as JUnit names it. */
interface Case {
  readonly group: string;
  readonly name: string;
  readonly result?:
    | { readonly kind: "failure" | "error" | "skipped"; readonly type: string; readonly text: string }
    | undefined;
}

const skipped = (text: string): Case["result"] => ({ kind: "skipped", type: "skipped", text });

/** One test suite a run, one test case a cell and a failing finding. The cells are read twice: JUnit wants its counts first. */
export async function* junitReport(archive: ArchivedRun): AsyncGenerator<string, void, undefined> {
  const { run } = archive;
  const count = { failure: 0, error: 0, skipped: 0 };
  let tests = 0;
  for await (const { result } of casesOf(archive)) {
    tests += 1;
    if (result !== undefined) count[result.kind] += 1;
  }
  const attributes = `name="${escape(run.matrix.name)}" tests="${tests}" failures="${count.failure}" errors="${count.error}"`;
  const time = (run.timings.total / 1000).toFixed(3);
  yield `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites ${attributes} time="${time}">\n`;
  yield `<testsuite ${attributes} skipped="${count.skipped}" time="${time}" timestamp="${escape(run.startedAt.slice(0, 19))}">\n`;
  for await (const one of casesOf(archive)) yield `${element(one)}\n`;
  yield "</testsuite>\n</testsuites>\n";
}

async function* casesOf(archive: ArchivedRun): AsyncGenerator<Case> {
  for await (const cell of archive.cells()) yield caseOf(cell);
  for (const finding of archive.run.findings.filter(failsRun)) {
    const severity = findingSeverity[finding.kind];
    const { title } = findingMessages[finding.kind];
    const result = {
      kind: severity === "error" ? "error" : "failure",
      type: finding.kind,
      text: title,
    } as const;
    yield { group: `finding.${finding.kind}`, name: factsOf(finding), result };
  }
  const doubt = archive.doubt();
  if (doubt !== undefined)
    yield {
      group: "archive",
      name: "run.json",
      result: { kind: "error", type: "not believed", text: doubt },
    };
}

function caseOf(cell: CellRecord): Case {
  const column = cell.column === undefined ? "" : ` ${cell.column}`;
  return {
    group: `${cell.schema}.${cell.relation}.${cell.persona}`,
    name: `${operationHeads[cell.operation]}${callOf(cell)}${column}`,
    ...(cell.verdict !== "pass" && { result: resultOf(cell) }),
  };
}

function resultOf(cell: CellRecord): Case["result"] {
  const { verdict, waiver } = cell;
  const facts = channelFacts(cell).map(
    (one) => `${one.who}: ${one.what}${one.because === "" ? "" : `; ${one.because}`}`,
  );
  const text = [
    `declared ${declared(cell)}`,
    ...facts,
    ...(cell.cause === undefined ? [] : [causeText(cell.cause)]),
  ].join("\n");
  if (verdict === "skipped") return skipped(text);
  if (isWaived(cell)) return skipped(`waived until ${waiver?.expires}: ${oneLine(waiver?.reason ?? "")}`);
  return {
    kind: verdictInfo[verdict].counts === "error" ? "error" : "failure",
    type: verdictWords[verdict].one,
    text,
  };
}

function element({ group, name, result }: Case): string {
  const open = `<testcase classname="${escape(group)}" name="${escape(name)}"`;
  if (result === undefined) return `${open}/>`;
  const { kind, type, text } = result;
  const message = escape(text.split("\n")[0] ?? "");
  const inner =
    kind === "skipped"
      ? `<skipped message="${message}"/>`
      : `<${kind} type="${escape(type)}" message="${message}">${escape(text)}</${kind}>`;
  return `${open}>${inner}</testcase>`;
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
