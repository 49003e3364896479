import { decidingIndex, ruleOf } from "../../model/answers.ts";
import { answerOf } from "./answer.ts";
import type { Part } from "./protocol.ts";

/** Of several statements that were tried, the one that tells most. `last` is its repetition without triggers, if there was one. */
export function decidingParts(parts: readonly Part[]): {
  readonly origin: Part | undefined;
  readonly last: Part | undefined;
} {
  const index = decidingIndex(parts.map(answerOf));
  const last = parts[index];
  return { origin: last?.mode === "replica" ? parts[index - 1] : last, last };
}

/** The policies let it through, whatever a constraint said afterwards. */
export function isThrough({ code }: Part): boolean {
  return code === undefined || ruleOf(code, "direct").afterPolicy === true;
}
