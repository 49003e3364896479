import type { Answer } from "../model/observation.ts";

/**
 * A write over all rows went through, or policies refused it, or nobody may send it (the extension safeupdate). A constraint speaks
 * once the policies have let the row through; whatever else stops such a write says nothing of them.
 */
export function isThroughOrRefused({ code, message = "", foreignFrame }: Answer): boolean {
  if (code === null || code === "44000") return true;
  if (code === "42501") return foreignFrame !== true;
  return code === "21000" && message.endsWith("requires a WHERE clause");
}
