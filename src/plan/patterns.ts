import { listNames } from "../lib/nearest.ts";
import { literally } from "../lib/pattern.ts";
import { formatQualified } from "../lib/sql-text.ts";
import type { Catalog, RelationInfo } from "../model/catalog.ts";
import type { Issue } from "../model/errors.ts";
import type { Matrix, RelationPattern, RelationSpec } from "../model/matrix.ts";

// A matrix's patterns (`audit_*`), held against the relations that are there. A separate entry wins, and so does a waiver; of
// two patterns the one that spells more of the name.

/** The matrix with a relation for each one that a pattern matches. */
export function withPatterns(matrix: Matrix, catalog: Catalog): Matrix {
  if ((matrix.patterns ?? []).length === 0) return matrix;
  const found = matchesOf(matrix, catalog).flatMap(({ info, patterns: [first, second] }) =>
    first === undefined || second !== undefined ? [] : relationOf(first, info),
  );
  return { ...matrix, relations: [...matrix.relations, ...found] };
}

/** Patterns that match nothing, and relations that two patterns claim alike. `matrix` is as it was read. */
export function patternIssues(matrix: Matrix, catalog: Catalog): readonly Issue[] {
  const matches = matchesOf(matrix, catalog);
  const idle = (matrix.patterns ?? []).filter(
    (pattern) => !matches.some(({ patterns }) => patterns.includes(pattern)),
  );
  const disputed = matches.filter(({ patterns }) => patterns.length > 1);
  return [
    ...idle.map((pattern) => idleIssue(pattern, catalog)),
    ...disputed.map(({ info, patterns }): Issue => {
      const [first, second] = patterns.map((one) => `\`${one.name}\` (line ${one.at.line})`);
      return {
        code: "preflight/ambiguous-pattern",
        message: `${formatQualified(info)} matches ${first} and ${second}, and neither spells more of its name`,
        at: patterns[1]?.at ?? patterns[0]?.at ?? { file: matrix.file, line: 1, column: 1 },
        hint: "give the relation a separate entry, or make one pattern longer",
      };
    }),
  ];
}

function idleIssue(pattern: RelationPattern, { relations, database }: Catalog): Issue {
  const there = relations.filter(({ schema }) => schema === pattern.schema).map(({ name }) => name);
  const all = there.filter((name) => isLike(pattern.name, name));
  const shown = `\`${pattern.name}\` matches no relation of the schema ${pattern.schema} in the database ${database}`;
  return {
    code: "preflight/pattern-without-match",
    message:
      all.length === 0 ? shown : `${shown} that has no separate entry, no waiver and no longer pattern`,
    at: pattern.at,
    hint: there.length === 0 ? "the schema holds no relation" : `its relations: ${listNames(there, 12)}`,
  };
}

interface Match {
  readonly info: RelationInfo;
  /** The longest; several where they are equally long. */
  readonly patterns: readonly RelationPattern[];
}

function matchesOf(
  { relations, patterns = [], waivedRelations }: Matrix,
  catalog: Catalog,
): readonly Match[] {
  const own = new Set([...relations, ...waivedRelations].map(formatQualified));
  return catalog.relations
    .filter((info) => !own.has(formatQualified(info)))
    .flatMap((info): readonly Match[] => {
      const all = patterns.filter(({ schema, name }) => schema === info.schema && isLike(name, info.name));
      const most = Math.max(...all.map(spelled));
      return all.length === 0 ? [] : [{ info, patterns: all.filter((one) => spelled(one) === most) }];
    });
}

function spelled({ name }: RelationPattern): number {
  return name.replaceAll("*", "").length;
}

function isLike(pattern: string, name: string): boolean {
  const parts = pattern.split("*").map(literally);
  return new RegExp(`^${parts.join(".*")}$`, "s").test(name);
}

function relationOf(pattern: RelationPattern, { schema, name }: RelationInfo): RelationSpec {
  return {
    ...Object.fromEntries(Object.entries(pattern).filter(([key]) => key !== "declarations")),
    schema,
    name,
    get declarations() {
      return pattern.declarations;
    },
  } as RelationSpec;
}
