import type { RunRecord } from "../model/run.ts";

/** What a gateway that is not PostgREST must be called wherever something passed through it. */
export const notPostgrest = "rest: builtin gateway, not PostgREST";

export function isBuiltin(run: RunRecord): boolean {
  return run.target.rest?.gateway.kind === "builtin";
}

/** `school-staging (staging)`; a target that is called as its posture is named once. */
export function who(run: RunRecord): string {
  const { name, posture } = run.target;
  return name === posture ? name : `${name} (${posture})`;
}
