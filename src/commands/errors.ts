import path from "node:path";
import {
  formatPosition,
  IssuesError,
  type Issue,
  RowgateError,
  type SourcePosition,
  byPosition,
  type RowgateErrorFacts,
} from "../model/errors.ts";

/** What a person reads when the harness could not do its job: what happened, where (from `cwd`), what to do. */
export function describeError(error: unknown, cwd: string): string {
  if (error instanceof AggregateError) return error.errors.map((one) => describeError(one, cwd)).join("");
  if (error instanceof IssuesError) return describeIssues(error, cwd);
  if (error instanceof RowgateError) return describeOne(error, cwd);
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `rowgate: something unexpected happened; this is a defect of rowgate\n${text}\n`;
}

/** A reader needs no more of them; a file that is not a matrix may have one in every line. */
const shownAtMost = 500;

function describeIssues({ message, issues, hint }: IssuesError, cwd: string): string {
  const count = issues.length === 1 ? "1 mistake" : `${issues.length} mistakes`;
  const more = issues.length > shownAtMost ? `… and ${issues.length - shownAtMost} more\n` : "";
  const shown = issues
    .slice(0, shownAtMost)
    .map((one) => describeIssue(one, cwd))
    .join("");
  const todo = hint === undefined ? "" : `  ${hint}\n`;
  return `rowgate: ${message}\n${shown}${more}${count}; nothing was probed\n${todo}`;
}

function describeIssue({ at, message, hint }: Issue, cwd: string): string {
  return `${formatPosition(from(cwd, at))}: ${message}${hint === undefined ? "" : `\n    ${hint}`}\n`;
}

function describeOne({ message, at, details, hint }: RowgateError, cwd: string): string {
  const lines = [
    `rowgate: ${at === undefined ? "" : `${formatPosition(from(cwd, at))}: `}${message}`,
    ...(details === undefined ? [] : [`  ${details.replaceAll("\n", "\n  ")}`]),
    ...(hint === undefined ? [] : [`  ${hint.replaceAll("\n", "\n  ")}`]),
  ];
  return `${lines.join("\n")}\n`;
}

/** A file below the current folder is named from there, as a person would name it. */
function from(cwd: string, at: SourcePosition): SourcePosition {
  const file = path.relative(cwd, at.file);
  return path.isAbsolute(at.file) && !file.startsWith("..") ? { ...at, file } : at;
}

/**
 * One error out of several, none of which hides another: the mistakes of all files in one list, by file and line; what
 * is in the list already is not repeated.
 */
function joinErrors(errors: readonly unknown[], about: string): unknown {
  const distinct = new Map(errors.map((error) => [describeError(error, ""), error]));
  const mistaken = [...distinct.values()].filter((error) => error instanceof IssuesError);
  const others = [...distinct.values()].filter((error) => !(error instanceof IssuesError));
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

/** What would be ignored is a mistake: throws when one of these options was given. `one`: it is the only one. */
export function refuseGiven<Options extends object>(
  options: Options,
  names: readonly (keyof Options & string)[],
  error: (flags: string, one: boolean) => RowgateErrorFacts,
): void {
  const given = names.filter((name) => isGiven(options[name])).map(flagOf);
  if (given.length > 0) throw new RowgateError(error(given.join(", "), given.length === 1));
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== false && !(Array.isArray(value) && value.length === 0);
}

/** `postgresImage` → `--postgres-image`, as commander has it. */
function flagOf(name: string): string {
  return `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
