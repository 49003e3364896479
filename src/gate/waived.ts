import type { EscalationFunction } from "../escalate/catalog.ts";
import { now } from "../lib/clock.ts";
import { dayOf } from "../lib/moment.ts";
import type { FunctionName } from "../lib/sql-text.ts";
import { type PowerGained, powerText } from "../model/gate.ts";
import type { Matrix, Waiver } from "../model/matrix.ts";
import { isType } from "../plan/routine.ts";
import type { SideWriting } from "./side-writes.ts";

/** Without those that the matrix waives, as the report says them, until a day. */
export function unwaived(
  all: readonly PowerGained[],
  { waivedChanges = [] }: Matrix,
): readonly PowerGained[] {
  const today = dayOf(now());
  const waived = new Set(waivedChanges.filter(({ expires }) => expires >= today).map(({ change }) => change));
  return all.filter((one) => !waived.has(powerText(one)));
}

/** Without those of which the matrix waives every function that writes, or a call: someone has read them, until a day. */
export function unreviewed(all: readonly SideWriting[], matrix: Matrix): readonly SideWriting[] {
  const today = dayOf(now());
  const live = (waiver: Waiver | undefined): boolean => waiver !== undefined && waiver.expires >= today;
  const waived: readonly FunctionName[] = [
    ...(matrix.waivedFunctions ?? []).filter(live),
    ...matrix.functions.filter(({ declarations }) => declarations.some(({ waiver }) => live(waiver))),
  ];
  const others = new Set((matrix.waivedChanges ?? []).filter(live).map(({ change }) => change));
  return all.filter(
    ({ by, writing }) =>
      !others.has(by) &&
      (writing.length === 0 || !writing.every((fn) => waived.some((one) => isNamedBy(fn, one)))),
  );
}

function isNamedBy({ schema, name, argumentTypes: types }: EscalationFunction, one: FunctionName): boolean {
  const { signature = types } = one;
  const same = signature.length === types.length;
  const isSame = (written: string, at: number): boolean =>
    isType({ type: types[at] ?? "", cast: null }, written);
  return one.schema === schema && one.name === name && same && signature.every(isSame);
}
