import { writeFileSync } from "node:fs";
import { configJsonSchema } from "../dist/config/shape.js";
import { matrixJsonSchema } from "../dist/matrix/shapes.js";

// Run by `npm run schema`, after the compiler.
writeFileSync(new URL("../matrix.schema.json", import.meta.url), matrixJsonSchema());
writeFileSync(new URL("../rowgate.schema.json", import.meta.url), configJsonSchema());
