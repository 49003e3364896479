import { meaningOf, waivableError } from "./answers.ts";
import { answersIn, unansweredIn } from "./answered.ts";
import type { Channel } from "./cell.ts";
import type { CellRecord } from "./run.ts";
import { verdictInfo } from "./verdict.ts";

/** Covered by a waiver that may cover it: an error only where the waiver names it. */
export function isWaived({
  waived,
  verdict,
  waiver,
}: Pick<CellRecord, "verdict" | "waived"> & Partial<Pick<CellRecord, "waiver">>): boolean {
  return waived && (verdictInfo[verdict].waivable || (verdict === "error" && waiver?.error !== undefined));
}

/**
 * The SQLSTATE in which a cell that is an error ended on every channel, of class 42 (the SQL itself). `undefined`: there were several, or
 * a failure that has none: a lost connection, a token that was not honoured.
 */
export function errorCode({
  operation,
  channels,
}: Pick<CellRecord, "operation" | "channels">): string | undefined {
  const codes = (Object.keys(channels) as Channel[]).flatMap((channel): readonly (string | undefined)[] => {
    const judged = channels[channel];
    if (judged?.verdict !== "error") return [];
    const { observation } = judged;
    const answers = unansweredIn(observation).length > 0 ? [] : answersIn(observation);
    const broken = answers.flatMap(({ code }) =>
      code !== null && meaningOf(code, operation, channel) === "broken" ? [code] : [],
    );
    return broken.length === 0 ? [undefined] : broken;
  });
  const [first, ...others] = new Set(codes);
  return others.length === 0 && first !== undefined && waivableError.test(first) ? first : undefined;
}
