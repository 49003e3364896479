import { describe, expect, it } from "vitest";
import { cell, channel, record } from "../../fixtures/runs/build.ts";
import { error, failures, leak } from "../../fixtures/runs/failures.ts";
import { findings, hostile, passing, staging } from "../../fixtures/runs/others.ts";
import { render } from "./render.ts";

/** Elements of a document that has no CDATA, comments or mixed content but text; throws where it is not well formed. */
function parsed(
  xml: string,
): readonly { readonly name: string; readonly attributes: Readonly<Record<string, string>> }[] {
  const found: { name: string; attributes: Record<string, string> }[] = [];
  const open: string[] = [];
  const rest = xml.replace(/^<\?xml version="1\.0" encoding="UTF-8"\?>\n/, "");
  for (const [piece, close, name = "", attributes = "", empty] of rest.matchAll(
    /<(\/?)([a-z]+)((?: [a-z]+="[^"<&]*(?:&(?:amp|lt|gt|quot|apos);[^"<&]*)*")*)(\/?)>|[^<&]+|&(?:amp|lt|gt|quot|apos);|[<&]/g,
  )) {
    if (piece === "<" || piece === "&") throw new Error(`not well formed at ${piece}`);
    if (name === "") continue;
    if (close === "/") {
      if (open.pop() !== name) throw new Error(`</${name}> closes nothing`);
      continue;
    }
    const pairs = [...attributes.matchAll(/ ([a-z]+)="([^"]*)"/g)].map(([, key = "", value = ""]) => [
      key,
      value,
    ]);
    found.push({ name, attributes: Object.fromEntries(pairs) as Record<string, string> });
    if (empty !== "/") open.push(name);
  }
  if (open.length > 0) throw new Error(`${open.join()} is not closed`);
  return found;
}

describe("the JUnit report", () => {
  it.each(Object.entries({ failures, findings, hostile, passing, staging }))(
    "%s: well formed, and its counts are those of its elements",
    async (_name, of) => {
      const text = await render("junit", of);
      const all = parsed(text);
      const count = (wanted: string): string => String(all.filter(({ name }) => name === wanted).length);
      expect(all.find(({ name }) => name === "testsuite")?.attributes).toMatchObject({
        tests: count("testcase"),
        failures: count("failure"),
        errors: count("error"),
        skipped: count("skipped"),
      });
      expect(text.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\uFFFE\uFFFF]/u);
    },
  );

  it("names relation and persona, and tells a failure, an error, a skip and a waived failure apart", async () => {
    const skipped = channel("skipped", { observation: { kind: "skipped", reason: "no writes here" } });
    const waiver = { reason: "until May", expires: "2099-01-01", at: leak.at };
    const text = await render(
      "junit",
      record([
        leak,
        error,
        cell({ operation: "update", verdict: "skipped", channels: { direct: skipped } }),
        { ...leak, operation: "delete", waived: true, waiver },
        cell({ column: "email" }),
      ]),
    );
    expect(text).toContain('<testcase classname="public.courses.ana" name="select"><failure type="leak"');
    expect(text).toContain('<testcase classname="public.user_roles.ana" name="select"><error type="error"');
    expect(text).toContain('name="update"><skipped message="declared deny"/>');
    expect(text).toContain('name="delete"><skipped message="waived until 2099-01-01: until May"/>');
    expect(text).toContain('<testcase classname="public.courses.ana" name="select email"/>');
  });

  it("is not green where run.json is not believed, or where only a finding failed", async () => {
    const one = record([leak], { exitCode: 0 });
    expect(await render("junit", one)).toContain('<error type="not believed"');
    expect(await render("junit", findings)).toMatch(/classname="finding\.[a-z-]+"[^>]*><failure/);
    expect(await render("junit", findings)).toMatch(
      /classname="finding\.escalation"[^>]*><failure [^>]*type="leak"/,
    );
  });
});
