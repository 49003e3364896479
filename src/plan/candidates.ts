import type { BoundCandidate, PlannedRelation } from "../model/cell.ts";
import type { ColumnInfo } from "../model/catalog.ts";
import type { Persona } from "../model/matrix.ts";
import { recent } from "../lib/recent.ts";
import { policyRows } from "./policy-values.ts";
import type { SampleRow } from "./relation.ts";
import { fits, identitiesOf, type Subjects } from "./subject.ts";

const atMost = 14;

/**
 * Candidate rows for a write that is declared denied: copies of existing rows (the persona's own visible ones first), with
 * the values that the policies ask for, with the persona's identity in the identity columns, and unchanged. An existing
 * row already meets every type, foreign key and check, so that what refuses its copy is the policy.
 */
export function buildCandidates(
  relation: PlannedRelation,
  persona: Persona,
  subjects: Subjects,
  visible: readonly SampleRow[],
  command: "insert" | "update" = "insert",
): readonly BoundCandidate[] {
  const { columns, copyOf } = groundOf(relation)(`${persona.role}/${command}`);
  const own = ownValues(relation, columns, persona, subjects);
  const rows = [...visible.slice(0, 2), ...relation.samples].slice(0, 4);
  const built = rows.flatMap((row, index): readonly BoundCandidate[] => {
    const copy = copyOf(row);
    const origin = index < visible.length ? "a row of its own" : "an existing row";
    const mine =
      Object.keys(own).length === 0
        ? []
        : [named(`${origin} ${index + 1} as its own`, { ...copy, ...within(own, copy) })];
    return [...mine, named(`a copy of ${origin} ${index + 1}`, copy)];
  });
  const [first = named("a row of defaults", {})] = built;
  const asked = policyRows(relation.info, persona, command, columns).flatMap((values, index) =>
    [first, ...built.slice(1, 2)].map((row) =>
      named(`${row.name}, with what a policy asks for (${index + 1})`, { ...row.values, ...values }),
    ),
  );
  const candidates = [...asked, ...(built.length > 0 ? built : [first])];
  return [...new Map(candidates.map((one) => [spelled(one.values), one])).values()].slice(0, atMost);
}

type Row = Readonly<Record<string, string | null>>;

const spellings = new WeakMap<Row, string>();

function spelled(row: Row): string {
  const known = spellings.get(row) ?? JSON.stringify(row);
  spellings.set(row, known);
  return known;
}

/** What all personas of a role build on. */
interface Ground {
  readonly columns: readonly ColumnInfo[];
  readonly copyOf: (row: SampleRow) => Row;
}

const groundOf = recent((relation: PlannedRelation) =>
  recent((who: string): Ground => {
    const slash = who.lastIndexOf("/");
    const columns = writable(relation, who.slice(0, slash), who.endsWith("/update") ? "update" : "insert");
    return { columns, copyOf: recent((row: SampleRow) => copied(row, columns, relation)) };
  }),
);

function named(name: string, values: Readonly<Record<string, string | null>>): BoundCandidate {
  return { name, origin: "built", values };
}

/** Columns that the persona may write; where it may write none, all of them: the refusal is then the answer. */
function writable(
  { info }: PlannedRelation,
  role: string,
  command: "insert" | "update",
): readonly ColumnInfo[] {
  const granted = info.privileges[role]?.[command] ?? [];
  return info.columns.filter(
    (column) =>
      !column.generated &&
      column.identity !== "always" &&
      (granted.length === 0 || granted.includes(column.name)),
  );
}

function copied(row: SampleRow, columns: readonly ColumnInfo[], relation: PlannedRelation): Row {
  // A key that the table can make by itself is left to it: the copy is a new row then, and not a duplicate.
  const made = (column: ColumnInfo): boolean =>
    relation.key.includes(column.name) && (column.hasDefault || column.identity !== null);
  const kept = columns.filter((column) => !made(column) && row[column.name] !== undefined);
  return Object.fromEntries(kept.map(({ name }) => [name, row[name] ?? null]));
}

/**
 * Column → the persona's own identity, where some existing row names a persona of the matrix by the same kind of identity;
 * failing that, its `sub` in every plain uuid column.
 */
function ownValues(
  { samples, key }: PlannedRelation,
  columns: readonly ColumnInfo[],
  persona: Persona,
  subjects: Subjects,
): Readonly<Record<string, string>> {
  const identities = identitiesOf(persona);
  const holds = (name: string, kind: string): boolean =>
    samples.some((row) => subjects.get(kind)?.has(row[name] ?? "") === true);
  const held = columns.flatMap((column) =>
    [...identities]
      .filter(([kind, value]) => fits(value, column) && holds(column.name, kind))
      .map(([, value]) => [column.name, value] as const),
  );
  if (held.length > 0) return Object.fromEntries(held);
  const sub = identities.get("sub");
  const plain = columns.filter(({ type, name }) => type === "uuid" && !key.includes(name));
  return sub === undefined || !fits(sub, { type: "uuid" })
    ? {}
    : Object.fromEntries(plain.map(({ name }) => [name, sub]));
}

function within(
  values: Readonly<Record<string, string>>,
  row: Readonly<Record<string, string | null>>,
): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(values).filter(([name]) => name in row));
}
