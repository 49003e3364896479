// How much both channels ask, show and try: the same on each, so that they answer for the same rows and values.

/** A relation with at most so many rows is gone through row by row; of a longer one, rows from both ends of each side. */
export const rowByRowLimit = 60;
/** Of each side of the declared set (inside and outside), by the key. */
export const sampleOfSide: { readonly first: number; readonly last: number } = { first: 25, last: 5 };

/** Values tried over all rows before a check counts as refusing them all; most statements need but the first. */
export const blindTries = 40;
/** Values of one column that are tried. */
export const valuesOfColumn = 4;
/** Whole rows that are tried, for checks that want several columns changed at once. */
export const wholeRowTries = 8;

/** How often a probe is sent that a lock, a deadlock or a serialization failure stopped. */
export const triesAtMost = 5;
/** So many are tried to the end in vain; then another session holds a lock for long, and one try each must do. */
export const stuckAtMost = 3;

/** Keys that are shown of rows that are too many or too few. */
export const shownKeys = 3;
/** Characters of a row's key, where it is shown. */
export const shownCharacters = 2_000;

/** Every row of a small relation; of a larger one rows inside and outside of the declared set, from both ends. */
export function rowsToTry<Row extends { readonly declared: boolean }>(rows: readonly Row[]): readonly Row[] {
  if (rows.length <= rowByRowLimit) return rows;
  const { first, last } = sampleOfSide;
  const sides = [rows.filter(({ declared }) => declared), rows.filter(({ declared }) => !declared)];
  return sides.flatMap((side) =>
    side.length <= first + last ? side : [...side.slice(0, first), ...side.slice(-last)],
  );
}
