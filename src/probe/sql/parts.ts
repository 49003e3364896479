import type { Part } from "./protocol.ts";

/**
 * Of several statements that were tried, the one that tells most: the one that went through; else one that the policy
 * let pass and a constraint stopped; else the last refusal. `last` is its repetition without triggers, if there was one.
 */
export function decidingParts(parts: readonly Part[]): {
  readonly origin: Part | undefined;
  readonly last: Part | undefined;
} {
  const through = parts.findLastIndex((part) => part.code === undefined);
  const stopped = parts.findLastIndex((part) => part.code?.startsWith("23") === true);
  // A value that fits no column says less than one that a check refused.
  const refused = parts.findLastIndex((part) => part.code === "42501");
  const index = [through, stopped, refused].find((found) => found >= 0) ?? parts.length - 1;
  const last = parts[index];
  return { origin: last?.mode === "replica" ? parts[index - 1] : last, last };
}

/** The table's own constraint speaks after its policies: a row met them. */
export function passedThePolicy({ code, away, dtype, cname }: Part): boolean {
  return (
    code?.startsWith("23") === true &&
    away !== true &&
    dtype === undefined &&
    (cname !== undefined || code === "23502")
  );
}

/** The policies let it through, whatever a constraint said afterwards. */
export function isThrough({ code }: Part): boolean {
  return code === undefined || code.startsWith("23");
}
