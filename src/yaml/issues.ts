import type { Issue, SourcePosition } from "../model/errors.ts";

/** Every kind of mistake in a YAML file of ours; docs/matrix.md says of each what to do. */
export const issueCodes = [
  "yaml",
  "tab",
  "encoding",
  "empty",
  "several-documents",
  "nesting",
  "tag",
  "merge-key",
  "alias",
  "duplicate-key",
  "key-not-text",
  "unknown-key",
  "missing-key",
  "misplaced-key",
  "wrong-type",
  "bad-value",
  "bad-name",
  "number",
  "substitution",
  "secret",
  "unknown-persona",
  "unknown-row-set",
  "unknown-candidate",
  "unknown-call",
  "unknown-reason",
  "unknown-parameter",
  "predicate",
  "ambiguous-expectation",
  "contradiction",
  "group-cycle",
  "duplicate-relation",
  "duplicate-function",
  "declared-and-waived",
  "unused-group",
  "unused-row-set",
  "unknown-template",
  "unused-template",
] as const;
export type IssueCode = (typeof issueCodes)[number];

export interface Issues {
  report(code: IssueCode, at: SourcePosition, message: string, hint?: string): void;
  /** What `make` returns, unless it reported something: a half-read value must not cause issues elsewhere. */
  clean<T>(make: () => T): T | undefined;
  /** In order of the file, each once: aliases make one place report many times. */
  list(): readonly Issue[];
}

/** @param area what the codes begin with: `matrix`, `config` */
export function collectIssues(area: string): Issues {
  const found = new Map<string, Issue>();
  let reported = 0;
  return {
    report(code, at, message, hint) {
      reported += 1;
      found.set(JSON.stringify([code, at, message]), { code: `${area}/${code}`, message, at, hint });
    },
    clean(make) {
      const before = reported;
      const made = make();
      return reported === before ? made : undefined;
    },
    list: () => [...found.values()].toSorted((a, b) => a.at.line - b.at.line || a.at.column - b.at.column),
  };
}
