import type { Posture } from "./target.ts";

/**
 * What becomes of a write that would reach what a rollback does not undo: on a database of rowgate's own it is said and
 * made, on one that others use it is not made unless the matrix says that it may.
 */
export const survivors: Readonly<Record<Posture, "noted" | "blocked">> = {
  embedded: "noted",
  container: "noted",
  staging: "blocked",
  production: "blocked",
};
