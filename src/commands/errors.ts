import path from "node:path";
import {
  formatPosition,
  IssuesError,
  type Issue,
  RowgateError,
  type SourcePosition,
} from "../model/errors.ts";

/** What a person reads when the harness could not do its job: what happened, where (from `cwd`), what to do. */
export function describeError(error: unknown, cwd: string): string {
  if (error instanceof AggregateError) return error.errors.map((one) => describeError(one, cwd)).join("");
  if (error instanceof IssuesError) return describeIssues(error);
  if (error instanceof RowgateError) return describeOne(error, cwd);
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `rowgate: something unexpected happened; this is a defect of rowgate\n${text}\n`;
}

/** Nobody reads more of them; a file that is no matrix may hold one in every line. */
const shownAtMost = 500;

function describeIssues({ message, issues }: IssuesError): string {
  const count = issues.length === 1 ? "1 mistake" : `${issues.length} mistakes`;
  const more = issues.length > shownAtMost ? `… and ${issues.length - shownAtMost} more\n` : "";
  const shown = issues.slice(0, shownAtMost).map(describeIssue).join("");
  return `rowgate: ${message}\n${shown}${more}${count}; nothing was probed\n`;
}

function describeIssue({ at, message, hint }: Issue): string {
  return `${formatPosition(at)}: ${message}${hint === undefined ? "" : `\n    ${hint}`}\n`;
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
