import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { configJsonSchema } from "../../../src/config/shape.ts";

const file = readFileSync(new URL("../../../rowgate.schema.json", import.meta.url), "utf8");

test("rowgate.schema.json is what `npm run schema` writes", () => {
  expect(file).toBe(configJsonSchema());
});

test("it accepts the examples of docs/targets.md, and refuses a secret that is written out", () => {
  const schema = z.fromJSONSchema(JSON.parse(file) as Parameters<typeof z.fromJSONSchema>[0]);
  const page = readFileSync(new URL("../../../docs/targets.md", import.meta.url), "utf8");
  const [example = ""] = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text = ""]) => text);
  expect(example).toContain("targets:");
  expect(schema.safeParse(parse(example)).error?.issues).toBeUndefined();
  expect(schema.safeParse(parse(example.replace("${STAGING_JWT_KEY}", "hunter2"))).success).toBe(false);
});
