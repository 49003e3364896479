import type { RelationInfo } from "../model/catalog.ts";
import type { PlannedRelation } from "../model/cell.ts";
import type { SourcePosition } from "../model/errors.ts";
import type { ColumnRule, Expectation, Matrix, Persona } from "../model/matrix.ts";
import { bindParameters, personaParameter } from "../model/parameters.ts";
import type { ResolvedExpectation } from "./expectation.ts";

/** What the matrix expects of one column of a SELECT. */
export interface ColumnExpectation {
  readonly column: string;
  /** The rows in which its value is shown, of those that hold one; `:parameters` are not bound yet. */
  readonly expectation: Expectation;
  readonly everywhere: boolean;
  /** `Cell.among`, not bound yet. */
  readonly among: string | undefined;
  /** No rule lists the column: it is hidden, since others are declared visible. */
  readonly implied: boolean;
  readonly at: SourcePosition;
}

const hidden: Expectation = { kind: "deny", reason: undefined };

/**
 * The column cells of a SELECT that has any: the listed columns and, as soon as one is said to be visible, all others,
 * hidden. Columns that only the control relation has (a view that leaves one out) are cells where they are listed.
 */
export function columnExpectations(
  { declaration, expectation, implied }: ResolvedExpectation,
  { info }: Pick<PlannedRelation, "info">,
): readonly ColumnExpectation[] {
  if (implied || declaration === undefined || declaration.columns.length === 0) return [];
  const among = "predicate" in expectation ? expectation.predicate : undefined;
  const listed = declaration.columns.flatMap((rule) => {
    const everywhere = rule.shows === "visible" && rule.rows === undefined;
    return rule.columns.map(({ name, at }) => ({
      column: name,
      expectation: shownIn(rule, expectation),
      everywhere,
      among: everywhere ? undefined : among,
      implied: false,
      at,
    }));
  });
  const closed = declaration.columns.some(({ shows }) => shows === "visible");
  const others = closed ? columnsBeside(info, new Set(listed.map(({ column }) => column))) : [];
  return [
    ...listed,
    ...others.map((column) => ({
      column,
      expectation: hidden,
      everywhere: false,
      among,
      implied: true,
      at: declaration.at,
    })),
  ];
}

/** The column cells of an UPDATE or INSERT: those that must not take a value of the persona's choice, and those that may. */
export function assignmentExpectations({
  declaration,
  implied,
}: ResolvedExpectation): readonly ColumnExpectation[] {
  if (implied || declaration?.assignment === undefined) return [];
  const { fixed, free } = declaration.assignment;
  return [
    ...fixed.map(({ name, at }) => ({ ...assigned, expectation: hidden, column: name, at })),
    ...free.map(({ name, at }) => ({ ...assigned, expectation: chosen, column: name, at })),
  ];
}

const assigned = { everywhere: false, among: undefined, implied: false };
const chosen: Expectation = { kind: "allow" };

function columnsBeside({ columns }: RelationInfo, listed: ReadonlySet<string>): readonly string[] {
  return columns.map(({ name }) => name).filter((name) => !listed.has(name));
}

/** `rows` is exact: outside of it a visible column is hidden, and a hidden one is visible. */
function shownIn({ shows, rows }: ColumnRule, declared: Expectation): Expectation {
  if (rows === undefined) return shows === "visible" ? declared : hidden;
  const own = shows === "visible" ? `(${rows.predicate}\n)` : `((${rows.predicate}\n) is not true)`;
  const predicate = "predicate" in declared ? `(${declared.predicate}\n) and ${own}` : own;
  return { kind: "rows", name: shows === "visible" ? rows.name : undefined, predicate };
}

/** `:column` is the column's name; everything else is the persona's. */
export function bindPredicate(
  predicate: string,
  { matrix, persona, column }: { matrix: Matrix; persona: Persona; column: string | undefined },
): string {
  return bindParameters(predicate, (name) =>
    name === "column" ? column : personaParameter(persona, matrix.vars, name),
  );
}
