import type { Answer } from "../../model/observation.ts";
import type { Part } from "./protocol.ts";

export function answerOf(part: Part | null | undefined): Answer {
  if (part === null || part === undefined) return { code: null };
  return {
    code: part.code ?? null,
    ...(part.message !== undefined && { message: part.message }),
    ...(part.rows !== undefined && { rows: part.rows }),
    ...(part.constraint !== undefined && {
      constraint: { name: part.constraint, table: part.table ?? null },
    }),
    ...(part.dataType !== undefined && { dataType: part.dataType }),
    ...(part.foreignFrame !== undefined && { foreignFrame: part.foreignFrame }),
    ...(part.stage === "pre-request" && { beforeProbe: true }),
  };
}
