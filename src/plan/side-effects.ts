import { postureRules } from "../model/posture.ts";
import { type Probed, type SideEffect, survivorsOf } from "../model/side-effect.ts";
import type { Posture } from "../model/target.ts";

/** Why the relation's writes, or the function's calls, are not probed here; `undefined` when they are. */
export function blockedBy(spec: Probed, all: readonly SideEffect[], posture: Posture): string | undefined {
  const [first] = survivorsOf(spec, all);
  if (first === undefined || postureRules[posture].sideEffects === "noted" || spec.survives !== undefined)
    return undefined;
  return (
    `it would reach ${first.reaches} (${first.place}), which no rollback undoes: ` +
    "probe it on an embedded or container target, or say `survives:` and why in the matrix"
  );
}
