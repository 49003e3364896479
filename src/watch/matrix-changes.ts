import { formatFunction, formatQualified } from "../lib/sql-text.ts";
import type { Declaration, FunctionSpec, Matrix, RelationSpec } from "../model/matrix.ts";

/** Cells that follow what is declared of an operation. */
const follows: Readonly<Record<string, readonly string[]>> = {
  update: ["blind_update", "upsert"],
  delete: ["blind_delete"],
};

/**
 * Globs of the cells that a change of the matrix touches; `undefined`: all, since what belongs to every cell changed (personas, vars,
 * patterns, what is exposed).
 */
export function changedCells(before: Matrix, after: Matrix): readonly string[] | undefined {
  if (text(headOf(before)) !== text(headOf(after))) return undefined;
  return [
    ...changedSpecs(before.relations, after.relations, formatQualified),
    ...changedSpecs(before.functions, after.functions, formatFunction),
  ];
}

function headOf({ relations: _relations, functions: _functions, sha256: _sha256, ...head }: Matrix): object {
  return { ...head, patterns: (head.patterns ?? []).map(withDeclarations) };
}

function changedSpecs<Spec extends RelationSpec | FunctionSpec>(
  before: readonly Spec[],
  after: readonly Spec[],
  nameOf: (spec: Spec) => string,
): readonly string[] {
  const was = new Map(before.map((spec) => [nameOf(spec), spec]));
  return after.flatMap((spec) => {
    const name = nameOf(spec);
    const old = was.get(name);
    if (old === undefined || text(ownOf(old)) !== text(ownOf(spec))) return globs("*", name, "*");
    const said = declared(old);
    const says = declared(spec);
    const different = [...new Set([...said.keys(), ...says.keys()])].filter(
      (key) => said.get(key) !== says.get(key),
    );
    return different.flatMap((key) => {
      const [persona = "", operation = ""] = key.split("\n");
      return [operation, ...(follows[operation] ?? [])].flatMap((one) =>
        globs(escaped(persona), name, `${one}*`),
      );
    });
  });
}

/** Column cells hang behind their operation's. */
function globs(persona: string, name: string, operation: string): readonly string[] {
  const cell = `${persona}/${escaped(name)}/${operation}`;
  return [cell, `${cell}/*`];
}

/** A name within a glob of `--only`. */
export function escaped(name: string): string {
  return name.replaceAll(/[*?[\]{}!+@|\\]/g, String.raw`\$&`);
}

function ownOf(spec: RelationSpec | FunctionSpec): object {
  return Object.fromEntries(Object.entries(spec).filter(([key]) => key !== "declarations"));
}

function withDeclarations(spec: RelationSpec): object {
  return { ...ownOf(spec), declarations: spec.declarations };
}

function declared({
  declarations,
}: {
  readonly declarations: readonly Declaration[];
}): ReadonlyMap<string, string> {
  return new Map(declarations.map((one) => [`${one.persona}\n${one.operation}`, text(one)]));
}

/** Without positions: a line that moved is no change. */
function text(value: unknown): string {
  return JSON.stringify(value, (key, item: unknown) => (key === "at" ? undefined : item));
}
