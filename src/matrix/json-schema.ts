import { z } from "zod";
import { wholeMatrix } from "./shapes.ts";

/** The text of `matrix.schema.json`. Draft 7, since that is what every YAML editor reads. */
export function matrixJsonSchema(): string {
  const schema = z.toJSONSchema(wholeMatrix, { io: "input", target: "draft-7" });
  return `${JSON.stringify(schema, null, 2)}\n`;
}
