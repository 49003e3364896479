import { createHash } from "node:crypto";
import { gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { hostile, passing } from "../fixtures/runs/others.ts";
import { failures } from "../fixtures/runs/failures.ts";
import { htmlText } from "./files.ts";

const blockPattern = /<script type="application\/gzip\+base64" id="data">([A-Za-z0-9+/=]*)<\/script>/;

function parts(html: string): {
  readonly policy: string;
  readonly script: string;
  readonly style: string;
  readonly data: string;
} {
  const [, policy = ""] = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(html) ?? [];
  const [, style = ""] = /<style>([^]*?)<\/style>/.exec(html) ?? [];
  const [, script = ""] = /<script>([^]*?)<\/script>/.exec(html) ?? [];
  const [, data = ""] = blockPattern.exec(html) ?? [];
  return { policy, script, style, data };
}

function hashOf(text: string): string {
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}

test("the policy names the hashes of the program and of the style, and allows nothing else", async () => {
  const { policy, script, style } = parts(await htmlText(failures));
  expect(policy.split("; ")).toEqual([
    "default-src 'none'",
    `script-src ${hashOf(script)}`,
    `style-src ${hashOf(style)}`,
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ]);
});

test("but for the block of data, the file is the same for every run", async () => {
  const rest = await Promise.all(
    [failures, passing, hostile].map(async (run) => (await htmlText(run)).replace(blockPattern, "")),
  );
  expect(new Set(rest).size).toBe(1);
});

test("the block of data is gzip in base64, and holds each text once", async () => {
  const { data } = parts(await htmlText(failures));
  const { texts } = JSON.parse(gunzipSync(Buffer.from(data, "base64")).toString()) as {
    readonly texts: readonly string[];
  };
  expect(texts).toContain("rows enrolled");
  expect(new Set(texts).size).toBe(texts.length);
});
