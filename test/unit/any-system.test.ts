import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

/** The systems that come with the project, as their folders are called. */
const systems = readdirSync("policies", { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

const names = new RegExp([...systems, ...systems.map((name) => name.replaceAll("-", "_"))].join("|"), "i");

test("what proves a system knows none by name: no line of src/ or sql/ names one", () => {
  expect(systems.length).toBeGreaterThan(3);
  const lines = ["src", "sql"].flatMap((root) =>
    readdirSync(root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => join(parentPath, name))
      .flatMap((file) =>
        readFileSync(file, "utf8")
          .split("\n")
          .map((line, at) => `${file}:${at + 1}: ${line}`),
      ),
  );
  expect(lines.length).toBeGreaterThan(1000);
  expect(lines.filter((line) => names.test(line))).toEqual([]);
});
