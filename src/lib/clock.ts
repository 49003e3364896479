import type { Moment } from "./moment.ts";

/** Both clocks of this machine. */
export function now(): Moment {
  return { wall: Date.now(), steady: performance.now() };
}
