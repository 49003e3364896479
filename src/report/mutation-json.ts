import type {
  MutatedRelation,
  MutantResult,
  MutantState,
  MutationPhases,
  MutationRecord,
} from "../model/mutation.ts";

/*
 * https://github.com/stryker-mutator/mutation-testing-elements/tree/master/packages/report-schema: a relation is a file of SQL,
 * and a cell is a test.
 */

const statuses: Readonly<Record<MutantState, string>> = {
  killed: "Killed",
  survived: "Survived",
  "no coverage": "NoCoverage",
  timeout: "Timeout",
  "runtime error": "RuntimeError",
  "compile error": "CompileError",
  ignored: "Ignored",
};

/** Higher is shown as good, lower as bad. */
export interface Thresholds {
  readonly high: number;
  readonly low: number;
}

/** Several matrices are one document: their files are in folders of their names. */
export function mutationDocument(records: readonly MutationRecord[], thresholds: Thresholds): object {
  const named = records.map((record) => ({ record, prefix: records.length > 1 ? `${record.matrix}/` : "" }));
  return {
    schemaVersion: "2",
    thresholds,
    framework: { name: "rowgate" },
    config: { operators: records[0]?.operators, matrices: records.map(({ file }) => file) },
    performance: performanceOf(records),
    files: Object.fromEntries(named.flatMap(({ record, prefix }) => filesOf(record, prefix))),
    testFiles: Object.fromEntries(
      named.map(({ record, prefix }) => [record.file, { tests: testsOf(record, prefix) }]),
    ),
  };
}

function performanceOf(records: readonly MutationRecord[]): object {
  const sum = (of: (record: MutationRecord) => number): number =>
    records.reduce((total, record) => total + of(record), 0);
  const phase = (name: keyof MutationPhases): number => sum(({ phases }) => phases[name]);
  const mutation = phase("changes") + phase("evidence");
  const initialRun = phase("baseline");
  return { setup: sum(({ milliseconds }) => milliseconds) - initialRun - mutation, initialRun, mutation };
}

function testsOf({ tests }: MutationRecord, prefix: string): readonly object[] {
  return tests.map(({ id, line, column }) => ({
    id: `${prefix}${id}`,
    name: id,
    location: { start: { line, column } },
  }));
}

function filesOf(record: MutationRecord, prefix: string): readonly (readonly [string, object])[] {
  return record.relations
    .filter(({ pieces }) => pieces.length > 0)
    .map((relation) => {
      const own = record.mutants.filter((mutant) => mutant.relation === relation.relation);
      const source = relation.pieces.map(({ sql }) => sql).join("\n\n");
      const mutants = own.map((mutant, index) => ({
        id: `${prefix}${relation.relation} ${index + 1}`,
        mutatorName: mutant.operator,
        ...placeOf(mutant, relation, source),
        ...resultOf(mutant, prefix),
      }));
      return [`${prefix}${relation.relation}.sql`, { language: "sql", source, mutants }] as const;
    });
}

function resultOf(
  { state, killedBy, because, asked, subject, from, to, add }: MutantResult,
  prefix: string,
): object {
  const cells = killedBy === undefined ? asked : [killedBy.cell];
  const reasons = [because, add === undefined ? undefined : `add to the matrix:\n${add}`];
  const reason = reasons.filter((one) => one !== undefined).join("\n");
  return {
    description: `${subject}: ${from} → ${to}`,
    status: statuses[state],
    ...(reason === "" ? {} : { statusReason: reason }),
    ...(cells.length === 0 ? {} : { coveredBy: cells.map((id) => `${prefix}${id}`) }),
    ...(killedBy === undefined ? {} : { killedBy: [`${prefix}${killedBy.cell}`] }),
  };
}

/** Where the change is made, and what is there instead: the words that change, or all of the piece, which a comment replaces. */
function placeOf({ subject, from, to }: MutantResult, { pieces }: MutatedRelation, source: string): object {
  const index = pieces.findIndex((piece) => piece.subject === subject);
  const before = pieces.slice(0, index).reduce((sum, { sql }) => sum + sql.length + 2, 0);
  const sql = pieces[index]?.sql ?? "";
  const at = sql.indexOf(from);
  const [start, end] = at < 0 ? [0, sql.length] : [at, at + from.length];
  const location = { start: positionOf(source, before + start), end: positionOf(source, before + end) };
  return { location, replacement: at < 0 ? `-- ${to}` : to };
}

function positionOf(source: string, offset: number): { line: number; column: number } {
  const lines = source.slice(0, offset).split("\n");
  return { line: lines.length, column: (lines.at(-1) ?? "").length + 1 };
}
