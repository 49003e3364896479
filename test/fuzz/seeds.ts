interface Wanted {
  readonly seeds: readonly number[];
  /** Policies, or pairs of a policy and a row set, a seed. */
  readonly count: number;
  /** Rows of the pool, or contents of the tables. */
  readonly size: number;
}

/** ROWGATE_FUZZ="<first seed> <last seed> <policies or pairs a seed> <rows of the pool, or contents of the tables>": wider than in CI. */
export function wantedOr(usual: readonly [last: number, count: number, size: number]): Wanted {
  const [first = 1, last = usual[0], count = usual[1], size = usual[2]] = (process.env["ROWGATE_FUZZ"] ?? "")
    .split(" ")
    .filter(Boolean)
    .map(Number);
  return { seeds: Array.from({ length: last - first + 1 }, (_, index) => first + index), count, size };
}
