import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * What `test/golden/<name>` says. `UPDATE_GOLDEN=1 npm test` first writes `actual` there: read the diff before
 * committing it. Without it, a golden that is not there is an error.
 */
export function golden(name: string, actual: string): string {
  const file = fileURLToPath(new URL(`./golden/${name}`, import.meta.url));
  if (process.env["UPDATE_GOLDEN"] === "1") {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, actual);
  }
  return readFileSync(file, "utf8");
}
