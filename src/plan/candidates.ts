import type { BoundCandidate, PlannedRelation } from "../model/cell.ts";
import type { ColumnInfo } from "../model/catalog.ts";
import type { Json, Persona } from "../model/matrix.ts";
import type { SampleRow } from "./relation.ts";

const atMost = 8;

/**
 * Candidate rows for an INSERT that is declared denied: copies of rows that stand (the persona's own visible ones
 * first), as they are and with the persona's identity put where identities stand. A row that stands already meets every
 * type, foreign key and check, so that what refuses its copy is the policy.
 */
export function buildCandidates(
  relation: PlannedRelation,
  persona: Persona,
  subjects: ReadonlySet<string>,
  visible: readonly SampleRow[],
): readonly BoundCandidate[] {
  const columns = insertable(relation, persona);
  const identities = identityColumns(relation, columns, subjects);
  const sub = subjectOf(persona.claims);
  const rows = [...visible.slice(0, 2), ...relation.samples].slice(0, 4);
  const built = rows.flatMap((row, index): readonly BoundCandidate[] => {
    const copy = copyOf(row, columns, relation);
    const origin = index < visible.length ? "a row of its own" : "an existing row";
    const mine =
      sub === undefined
        ? []
        : [named(`${origin} ${index + 1} as its own`, withIdentity(copy, identities, sub))];
    return [...mine, named(`a copy of ${origin} ${index + 1}`, copy)];
  });
  const candidates = built.length > 0 ? built : [named("a row of defaults", {})];
  return [...new Map(candidates.map((one) => [JSON.stringify(one.values), one])).values()].slice(0, atMost);
}

function named(name: string, values: Readonly<Record<string, string | null>>): BoundCandidate {
  return { name, origin: "built", values };
}

/** Columns that the persona may write; where it may write none, all of them: the refusal is then the answer. */
function insertable({ info }: PlannedRelation, persona: Persona): readonly ColumnInfo[] {
  const granted = info.privileges[persona.role]?.insert ?? [];
  return info.columns.filter(
    (column) =>
      !column.generated &&
      column.identity !== "always" &&
      (granted.length === 0 || granted.includes(column.name)),
  );
}

function copyOf(
  row: SampleRow,
  columns: readonly ColumnInfo[],
  relation: PlannedRelation,
): Record<string, string | null> {
  // A key that the table can make by itself is left to it: the copy is a new row then, and not a duplicate.
  const made = (column: ColumnInfo): boolean =>
    relation.key.includes(column.name) && (column.hasDefault || column.identity !== null);
  const kept = columns.filter((column) => !made(column) && row[column.name] !== undefined);
  return Object.fromEntries(kept.map(({ name }) => [name, row[name] ?? null]));
}

/** Columns in which some existing row names a persona of the matrix; failing that, every plain uuid column. */
function identityColumns(
  relation: PlannedRelation,
  columns: readonly ColumnInfo[],
  subjects: ReadonlySet<string>,
): readonly string[] {
  const holding = columns.filter(({ name }) => relation.samples.some((row) => subjects.has(row[name] ?? "")));
  const chosen =
    holding.length > 0
      ? holding
      : columns.filter(({ type, name }) => type === "uuid" && !relation.key.includes(name));
  return chosen.map(({ name }) => name);
}

function withIdentity(
  copy: Readonly<Record<string, string | null>>,
  columns: readonly string[],
  sub: string,
): Readonly<Record<string, string | null>> {
  return {
    ...copy,
    ...Object.fromEntries(columns.filter((name) => name in copy).map((name) => [name, sub])),
  };
}

export function subjectOf(claims: Readonly<Record<string, Json>> | undefined): string | undefined {
  const sub = claims?.["sub"];
  return typeof sub === "string" ? sub : undefined;
}
