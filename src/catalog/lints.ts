import type { ClientBase } from "pg";
import { fillSql, listSql } from "../lib/sql-file.ts";
import type { LintFacts, LintKind, LintRow, Lints, LintScope } from "../model/lint.ts";
import type { SideEffect } from "../model/side-effect.ts";

/** Every file of sql/lints/, by the kind of finding that it is about: `0001_undeclared_relation.sql`. */
export const lintFiles: ReadonlyMap<LintKind, string> = new Map(
  listSql("lints").map((file) => [
    file.replace(/^lints\/\d{4}_|\.sql$/g, "").replaceAll("_", "-") as LintKind,
    file,
  ]),
);

/** A lint's text, with what several lints search alike filled in. */
export function lintSql(file: string): string {
  return fillSql(file, { calls: fillSql("parts/calls.sql", {}) });
}

/** Asks every lint. Facts alone: what the matrix makes of them is said in src/lint. */
export async function readLints(client: ClientBase, scope: LintScope): Promise<Lints> {
  const found: Partial<Record<LintKind, readonly LintRow[]>> = {};
  for (const kind of lintFiles.keys()) found[kind] = await readLint(client, kind, scope);
  return found as Lints;
}

const nothing: LintScope = { schemas: [], roles: [], sessions: [], logins: [] };

/** @param scope left out where the lint asks about the whole database */
export async function readLint<Kind extends LintKind>(
  client: ClientBase,
  kind: Kind,
  { schemas, roles, sessions, logins }: LintScope = nothing,
): Promise<readonly LintRow<Kind>[]> {
  const file = lintFiles.get(kind);
  if (file === undefined) throw new Error(`no file of sql/lints is called ${kind}`);
  const { rows } = await client.query<{ schema: string | null; name: string; facts: LintFacts[Kind] }>(
    lintSql(file),
    [schemas, roles, sessions, logins],
  );
  return rows.map(({ schema, name, facts }) => ({ schema: schema ?? "", name, facts }));
}

/** What writes to relations, and calls of functions, do that a rollback does not undo. */
export function sideEffectsOf(lints: Lints): readonly SideEffect[] {
  return lints["side-effect-outside-transaction"].map(({ schema, name, facts }) => ({
    schema,
    name,
    ...facts,
  }));
}
