import { type DatabaseAddress, defaultLimits, type Target } from "../../src/model/target.ts";

/** A target without a gateway: the direct channel alone. */
export function directTarget(database: DatabaseAddress, over: Partial<Target> = {}): Target {
  return {
    name: "staging",
    posture: "staging",
    database,
    rest: undefined,
    signingKey: undefined,
    schemas: ["public"],
    preRequest: undefined,
    limits: defaultLimits,
    ...over,
  };
}
