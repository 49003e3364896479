import type { Posture } from "../model/target.ts";

/** What rowgate starts itself stands on this machine, or on an engine of the user's own. */
export function isOurs(posture: Posture): boolean {
  return posture === "embedded" || posture === "container";
}

export function hostOf(url: string): string {
  return new URL(url).hostname;
}
