import type { BoundCandidate, PlannedRelation } from "../model/cell.ts";
import type { ColumnInfo } from "../model/catalog.ts";
import type { Persona } from "../model/matrix.ts";
import { policyRows } from "./policy-values.ts";
import type { SampleRow } from "./relation.ts";
import { fits, subjectOf } from "./subject.ts";

const atMost = 14;

/**
 * Candidate rows for a write that is declared denied: copies of rows that stand (the persona's own visible ones first), with
 * the values that the policies ask for, with the persona's identity put where identities stand, and as they are. A row that
 * stands already meets every type, foreign key and check, so that what refuses its copy is the policy.
 */
export function buildCandidates(
  relation: PlannedRelation,
  persona: Persona,
  subjects: ReadonlySet<string>,
  visible: readonly SampleRow[],
  command: "insert" | "update" = "insert",
): readonly BoundCandidate[] {
  const columns = writable(relation, persona, command);
  const sub = subjectOf(persona.claims);
  const own = columns.filter((column) => sub !== undefined && fits(sub, column));
  const identities = identityColumns(relation, own, subjects);
  const rows = [...visible.slice(0, 2), ...relation.samples].slice(0, 4);
  const built = rows.flatMap((row, index): readonly BoundCandidate[] => {
    const copy = copyOf(row, columns, relation);
    const origin = index < visible.length ? "a row of its own" : "an existing row";
    const mine =
      sub === undefined || identities.length === 0
        ? []
        : [named(`${origin} ${index + 1} as its own`, withIdentity(copy, identities, sub))];
    return [...mine, named(`a copy of ${origin} ${index + 1}`, copy)];
  });
  const [first = named("a row of defaults", {})] = built;
  const asked = policyRows(relation.info, persona, command, columns).flatMap((values, index) =>
    [first, ...built.slice(1, 2)].map((row) =>
      named(`${row.name}, with what a policy asks for (${index + 1})`, { ...row.values, ...values }),
    ),
  );
  const candidates = [...asked, ...(built.length > 0 ? built : [first])];
  return [...new Map(candidates.map((one) => [JSON.stringify(one.values), one])).values()].slice(0, atMost);
}

function named(name: string, values: Readonly<Record<string, string | null>>): BoundCandidate {
  return { name, origin: "built", values };
}

/** Columns that the persona may write; where it may write none, all of them: the refusal is then the answer. */
function writable(
  { info }: PlannedRelation,
  persona: Persona,
  command: "insert" | "update",
): readonly ColumnInfo[] {
  const granted = info.privileges[persona.role]?.[command] ?? [];
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
