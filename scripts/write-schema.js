import { writeFileSync } from "node:fs";
import { matrixJsonSchema } from "../dist/matrix/json-schema.js";

// Run by `npm run schema`, after the compiler.
writeFileSync(new URL("../matrix.schema.json", import.meta.url), matrixJsonSchema());
