import type { ChannelAnswer } from "../../../model/channel.ts";

/** What one SELECT cell whose rows depend on `sub` shows of the identity; `undefined`: nothing either way. */
export function showsIdentity({ observation }: ChannelAnswer): boolean | undefined {
  if (observation.kind !== "rows" || observation.undetermined > 0) return undefined;
  const { answer, baseline: control, affected: reached, unexpected: extra, missing } = observation;
  // An error says nothing of who asked.
  if (answer.code !== null) return undefined;
  // All rows or none would be reached without a `sub` just as well.
  if (control.declared === 0 || control.declared === control.total) return undefined;
  return extra === 0 && missing === 0 && reached === control.declared;
}
