import { type Compared, type Facet, placeOf, reached } from "./compare.ts";
import { declarationOf, type Measures } from "./measure.ts";
import type { Proofs } from "./proofs.ts";

/** What the rows at hand do not show: rows that could be are in reach now, or whether they are is not known any more. */
export function compareProofs(
  before: { readonly measures: Measures; readonly proofs: Proofs },
  after: { readonly measures: Measures; readonly proofs: Proofs },
  { gained, broken }: Pick<Compared, "gained" | "broken">,
): Pick<Compared, "gained" | "broken"> & { readonly proved: number } {
  const shown = new Set([...gained, ...broken].map(({ key }) => key));
  const pairs = [...after.proofs].flatMap(([key, is]) => {
    const [was, earlier, later] = [before.proofs.get(key), before.measures.get(key), after.measures.get(key)];
    // Where the matrix says something else on one side, because it fits that side alone, the answers are to different questions.
    if (was === undefined || later === undefined || declarationOf(was.cell) !== declarationOf(is.cell))
      return [];
    return [{ key, was, is, earlier, later }];
  });
  const unseen = pairs.filter(({ key, earlier }) => earlier !== undefined && !shown.has(key));
  const opened = unseen.filter(({ was, is }) => was.answer === "closed" && is.answer === "open");
  return {
    gained: opened.map(({ key, is, earlier, later }) => ({
      key,
      facet: byAnswer,
      shownBy: "proof",
      ...placeOf(later),
      before: reached(earlier),
      after: reached(later),
      examples: is.witness === undefined ? [] : [JSON.stringify(is.witness)],
      lacking: is.witness ?? {},
      privilegeOnly: false,
    })),
    broken: unseen.flatMap(({ key, was, is, earlier, later }) => {
      const passed = [earlier, later].every((one) => one?.named === true && one.verdict === "pass");
      if (!passed || !was.passes || is.passes || is.answer === "open") return [];
      const { cell, at } = later;
      return [
        { key, facet: byAnswer, shownBy: "proof", cell, at, verdict: "inconclusive", because: is.because },
      ];
    }),
    proved: pairs.filter(({ was, is }) => was.answer !== undefined && is.answer !== undefined).length,
  };
}

const byAnswer: Facet = (_, proof) => [proof?.answer, proof?.passes];
