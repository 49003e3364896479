import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { messagePages } from "../dist/messages/pages.js";

// Run by `npm run docs`, after the compiler: puts every message into the page that explains it.
const root = path.resolve(import.meta.dirname, "..");
for (const [name, written] of Object.entries(messagePages)) {
  const file = path.join(root, name);
  writeFileSync(file, written(readFileSync(file, "utf8")));
}
