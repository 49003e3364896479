import { RowgateError, type RowgateErrorFacts } from "../model/errors.ts";

/** From a process of rowgate's own to the one that started it: a line of JSON on standard output. */
export function tell<Report extends object>(report: Report): void {
  process.stdout.write(`${JSON.stringify(report)}\n`);
}

/** What an error says, as JSON carries it; one that nobody foresaw is called `otherwise`. */
export function errorFacts(
  error: unknown,
  otherwise: Pick<RowgateErrorFacts, "code" | "message">,
): RowgateErrorFacts {
  if (error instanceof RowgateError) {
    const { code, message, details, hint } = error;
    return { code, message, details, hint };
  }
  return { ...otherwise, details: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}
