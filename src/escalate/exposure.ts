import { wordOf } from "../lib/pattern.ts";
import { perObject } from "../lib/recent.ts";
import type { RelationSpec } from "../model/matrix.ts";
import { dependsOn } from "./closure.ts";
import type { Step } from "./step.ts";
import type { Subject, World } from "./world.ts";

/** The matrix says that the columns may hold another's identity. */
export function mayName({ subject, actor, kind, columns }: Step): boolean {
  const named = subject?.spec && namedIn(subject.spec).get(`${actor.persona.name}/${kind}`);
  return columns.length > 0 && columns.every((column) => named?.has(column) === true);
}

/** By persona and operation. Asked for every step. */
const namedIn = perObject(
  ({ declarations }: RelationSpec): ReadonlyMap<string, ReadonlySet<string>> =>
    new Map(
      declarations.map(({ persona, operation, names, assignment }) => [
        `${persona}/${operation}`,
        new Set([...(names ?? []), ...(assignment?.free ?? [])].map(({ name }) => name)),
      ]),
    ),
);

/** An insert that others may see although they see no declared one: the matrix says nothing of a column by which they do. */
export function exposes(world: World, { like, columns, subject }: Step): boolean {
  return (
    like !== undefined &&
    subject !== undefined &&
    columns.some((column) => !mentions(subject, column) && shows(world, subject, column))
  );
}

/** Whether the column decides who sees the row. */
function shows({ dependencies }: World, { info }: Subject, column: string): boolean {
  const closure = dependencies.closureOf({ kind: "relation", oid: info.oid, operation: "select" });
  return dependsOn(closure, info.oid, column);
}

/** Whether the matrix says anything of the column: a row set, a candidate, an update that it names. */
function mentions({ spec }: Subject, column: string): boolean {
  if (spec === undefined) return false;
  const word = wordOf(column);
  return writtenIn(spec).some((text) => word.test(text));
}

const writtenIn = perObject((spec: RelationSpec): readonly string[] => [
  ...new Set([
    ...spec.rowSets.map(({ predicate }) => predicate),
    ...spec.declarations.flatMap(({ expectation, columns, assignment, never, set }) => [
      "predicate" in expectation ? expectation.predicate : "",
      ...columns.flatMap((rule) => rule.columns.map(({ name }) => name)),
      ...[...(assignment?.fixed ?? []), ...(assignment?.free ?? [])].map(({ name }) => name),
      ...never.flatMap(({ values }) => Object.keys(values)),
      ...Object.keys(set ?? {}),
    ]),
    ...spec.candidates.flatMap(({ values }) => Object.keys(values)),
  ]),
]);
