import type { Issue, SourcePosition } from "../model/errors.ts";

/** Every way in which a matrix can lie; docs/matrix.md says of each what to do. */
export const issueCodes = [
  "matrix/yaml",
  "matrix/tab",
  "matrix/encoding",
  "matrix/empty",
  "matrix/several-documents",
  "matrix/nesting",
  "matrix/tag",
  "matrix/merge-key",
  "matrix/alias",
  "matrix/duplicate-key",
  "matrix/key-not-text",
  "matrix/unknown-key",
  "matrix/missing-key",
  "matrix/misplaced-key",
  "matrix/wrong-type",
  "matrix/bad-value",
  "matrix/bad-name",
  "matrix/number",
  "matrix/substitution",
  "matrix/secret",
  "matrix/unknown-persona",
  "matrix/unknown-row-set",
  "matrix/unknown-candidate",
  "matrix/unknown-call",
  "matrix/unknown-reason",
  "matrix/unknown-parameter",
  "matrix/predicate",
  "matrix/ambiguous-expectation",
  "matrix/contradiction",
  "matrix/group-cycle",
  "matrix/duplicate-relation",
  "matrix/duplicate-function",
  "matrix/declared-and-waived",
  "matrix/unused-persona",
  "matrix/unused-group",
  "matrix/unused-row-set",
] as const;
export type IssueCode = (typeof issueCodes)[number];

export interface Issues {
  report(code: IssueCode, at: SourcePosition, message: string, hint?: string): void;
  /** What `make` gives, unless it reported something: what is half read must not cause issues elsewhere. */
  clean<T>(make: () => T): T | undefined;
  /** In order of the file, each once (an alias makes one place speak many times). */
  list(): readonly Issue[];
}

export function collectIssues(): Issues {
  const found = new Map<string, Issue>();
  let reported = 0;
  return {
    report(code, at, message, hint) {
      reported += 1;
      const issue = { code, message, at, hint };
      found.set(JSON.stringify([code, at, message]), issue);
    },
    clean(make) {
      const before = reported;
      const made = make();
      return reported === before ? made : undefined;
    },
    list: () => [...found.values()].toSorted((a, b) => a.at.line - b.at.line || a.at.column - b.at.column),
  };
}
