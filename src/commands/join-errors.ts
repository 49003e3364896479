import { byPosition, IssuesError } from "../model/errors.ts";
import { describeError } from "./errors.ts";

/**
 * One error out of several, none of which hides another: the mistakes of all files in one list, by file and line; what
 * was told already is not told again.
 */
export function joinErrors(errors: readonly unknown[], about: string): unknown {
  const told = new Map(errors.map((error) => [describeError(error, ""), error]));
  const mistaken = [...told.values()].filter((error) => error instanceof IssuesError);
  const others = [...told.values()].filter((error) => !(error instanceof IssuesError));
  const [first, ...more] = mistaken;
  const issues = mistaken.flatMap((error) => error.issues).toSorted(byPosition);
  const one =
    first === undefined || more.length === 0 ? mistaken : [new IssuesError(first.code, about, issues)];
  const all = [...others, ...one];
  return all.length === 1 ? all[0] : new AggregateError(all, about);
}

/** The values, if all came to one. @throws what {@link joinErrors} makes of the errors */
export function allOrErrors<T>(settled: readonly PromiseSettledResult<T>[], about: string): readonly T[] {
  const errors = settled.flatMap((one): unknown[] => (one.status === "rejected" ? [one.reason] : []));
  if (errors.length > 0) throw joinErrors(errors, about);
  return settled.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
}
