import type { SourcePosition } from "../model/errors.ts";
import type { Finding } from "../model/finding.ts";
import type { Cause, RunRecord } from "../model/run.ts";

/** SQL that created what a leak comes from. */
export interface CausePlace {
  readonly name: string;
  readonly at: SourcePosition;
}

/** Where the SQL of a cause is, as far as rowgate applied it. */
export function causePlaces(cause: Cause | undefined): readonly CausePlace[] {
  if (cause === undefined || cause.kind === "unknown") return [];
  const origins =
    cause.kind === "policies"
      ? cause.policies.map(({ name, origin }) => ({ name: `policy "${name}"`, origin }))
      : [{ name: nameOf(cause), origin: cause.origin }];
  return origins.flatMap(({ name, origin }) => {
    const [, file, line] = /^(.+):(\d+)(?:[-:]\d+)?$/s.exec(origin ?? "") ?? [];
    return file === undefined ? [] : [{ name, at: { file, line: Number(line), column: 1 } }];
  });
}

function nameOf(cause: Exclude<Cause, { kind: "unknown" | "policies" }>): string {
  if (cause.kind === "no-rls") return cause.view === undefined ? cause.relation : `view ${cause.view}`;
  return cause.kind === "definer" ? `function ${cause.function}` : `grant of ${cause.privilege}`;
}

/** Where a finding is shown: at its own line, or on the first line of the matrix, since viewers drop what has no place. */
export function findingPlace(finding: Finding, { matrix }: RunRecord): SourcePosition {
  return "at" in finding ? finding.at : { file: matrix.file, line: 1, column: 1 };
}
