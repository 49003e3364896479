import type { Answer } from "../../model/observation.ts";
import type { Part } from "./protocol.ts";

export function answerOf(part: Part | null | undefined): Answer {
  if (part === null || part === undefined) return { code: null };
  return {
    code: part.code ?? null,
    ...(part.message !== undefined && { message: part.message }),
    ...(part.n !== undefined && { rows: part.n }),
    ...(part.cname !== undefined && { constraint: { name: part.cname, table: part.ctable ?? null } }),
    ...(part.dtype !== undefined && { dataType: part.dtype }),
    ...(part.away !== undefined && { foreignFrame: part.away }),
    ...(part.stage === "pre-request" && { beforeProbe: true }),
  };
}
