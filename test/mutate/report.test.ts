import { Ajv } from "ajv";
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { rowgate } from "../support/cli.ts";
import { makeProject, notesMatrix, removeProject } from "../cli/system.ts";
import { hasChromium, launch, open } from "../html/chromium.ts";

/** As the format's authors publish it. */
const require = createRequire(import.meta.url);
const schema: unknown = JSON.parse(
  readFileSync(require.resolve("mutation-testing-report-schema/mutation-testing-report-schema.json"), "utf8"),
);

interface Document {
  readonly files: Record<string, { source: string; mutants: readonly Found[] }>;
  readonly testFiles: Record<
    string,
    { tests: readonly { id: string; location: { start: { line: number } } }[] }
  >;
}
interface Found {
  readonly mutatorName: string;
  readonly status: string;
  readonly replacement: string;
  readonly location: Record<"start" | "end", { line: number; column: number }>;
  readonly coveredBy?: readonly string[];
  readonly killedBy?: readonly string[];
  readonly statusReason?: string;
}

let project: string;
let document: Document;
let page: string;
beforeAll(async () => {
  project = await makeProject({
    "matrices/notes.yaml": notesMatrix.replace("anon: { '*': { deny: grant } }", "anon: deny"),
  });
  page = path.join(project, "out/mutation.html");
  await rowgate(
    [
      "mutate",
      "--json",
      "--report",
      "mutation-json=out/mutation.json",
      "--report",
      "mutation-html=out/mutation.html",
    ],
    { cwd: project },
  );
  document = JSON.parse(readFileSync(path.join(project, "out/mutation.json"), "utf8")) as Document;
});
afterAll(async () => {
  await removeProject(project);
});

test("mutation-json is what its published schema says", () => {
  const ajv = new Ajv({ strict: false, validateFormats: false });
  const isValid = ajv.compile(schema as object);
  isValid(document);
  expect(isValid.errors).toBeNull();
  isValid({ ...document, thresholds: {} });
  expect(isValid.errors).not.toBeNull();
});

test("each change is shown in the SQL of its relation, with the cells that were asked", () => {
  const { source = "", mutants = [] } = document.files["public.notes.sql"] ?? {};
  const changed = (name: string): readonly string[] =>
    mutants
      .filter(({ mutatorName }) => mutatorName === name)
      .map((one) => `${textAt(source, one)} → ${one.replacement}`);
  expect(changed("using-true")).toEqual(["USING ((owner = auth.uid())) → USING (true)"]);
  expect(changed("to-public")).toEqual(["TO authenticated → TO public"]);
  expect(changed("rls-off")).toEqual(["ENABLE → DISABLE"]);
  expect(changed("drop-policy")).toEqual([
    expect.stringMatching(/^CREATE POLICY "own" ON [^]*; → -- no policy$/),
  ]);
  const survivor = mutants.find(({ status }) => status === "Survived");
  expect(survivor?.coveredBy).toContain("anon/public.notes/select");
  expect(survivor?.statusReason).toContain("add to the matrix:\nrelations:");
  const tests = document.testFiles["matrices/notes.yaml"]?.tests ?? [];
  const known = new Set(tests.map(({ id }) => id));
  const named = mutants.flatMap(({ coveredBy = [], killedBy = [] }) => [...coveredBy, ...killedBy]);
  expect(named.filter((id) => !known.has(id))).toEqual([]);
  expect(tests.every(({ location }) => location.start.line > 1)).toBe(true);
});

function textAt(source: string, { location }: Found): string {
  const lines = source.split("\n");
  const offset = ({ line, column }: Found["location"]["start"]): number =>
    lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0) + column - 1;
  return source.slice(offset(location.start), offset(location.end));
}

test.each([
  ["mutation-xml=out/x.xml", "formats: mutation-json, mutation-html"],
  ["mutation-json", "formats: mutation-json, mutation-html"],
])("--report %s is refused with the formats that there are, before anything starts", async (report, hint) => {
  const { code, err } = await rowgate(["mutate", "--report", report], { cwd: project });
  expect(code).toBe(2);
  expect(err).toContain(hint);
});

describe.skipIf(!hasChromium)("the page in Chromium", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launch();
  });
  afterAll(async () => {
    await browser.close();
  });

  test("shows the score and the changes in their SQL; nothing is loaded, and no rule of the page is broken", async () => {
    const { page: shown, complaints } = await open(browser, page, { ready: "mutation-test-report-app" });
    await shown.getByRole("link", { name: "public.notes.sql" }).first().click();
    await shown.getByText("CREATE POLICY").first().waitFor();
    await shown.screenshot({ path: process.env["ROWGATE_SHOT"] ?? path.join(project, "shot.png") });
    expect(complaints).toEqual([]);
    await shown.context().close();
  });

  test("text in the data is text, and the page's rules refuse a program that was put in", async () => {
    const file = path.join(project, "out/hostile.html");
    const put = "<script>document.title = 'taken'</script><img src=x onerror=\"document.title='taken'\">";
    writeFileSync(file, readFileSync(page, "utf8").replace("</body>", `${put}</body>`));
    const { page: shown, complaints } = await open(browser, file, { ready: "mutation-test-report-app" });
    expect(complaints.some((one) => one.includes("Content Security Policy"))).toBe(true);
    expect(await shown.title()).not.toBe("taken");
    await shown.context().close();
  });
});
