import type { RelationInfo } from "../model/catalog.ts";
import type { Issue, SourcePosition } from "../model/errors.ts";
import type { FunctionSpec, RelationSpec } from "../model/matrix.ts";
import { formatQualified } from "../lib/sql-text.ts";
import { columnExpectations } from "./columns.ts";
import { missingColumn } from "./missing.ts";

type Spec = Pick<RelationSpec | FunctionSpec, "declarations">;

/** A column that something names, where, and who should have it. */
export interface ColumnUse {
  readonly column: string;
  readonly at: SourcePosition;
  readonly of: RelationInfo;
}

/** Those that are not there, each once. */
export function missingColumns(uses: readonly ColumnUse[]): readonly Issue[] {
  return once(
    uses
      .filter(({ column, of }) => !of.columns.some((one) => one.name === column))
      .map(({ column, at, of }) => missingColumn(column, at, of)),
  );
}

/** A column that a view or function leaves out is hidden by that; one that exists nowhere is a mistake. */
export function ruleColumns(
  { declarations }: Spec,
  info: RelationInfo,
  control: RelationInfo,
): readonly ColumnUse[] {
  return declarations.flatMap((one) =>
    one.columns.flatMap((rule) =>
      rule.columns.flatMap(({ name, at }) => [
        ...(rule.shows === "visible" || rule.rows !== undefined ? [{ column: name, at, of: info }] : []),
        { column: name, at, of: control },
      ]),
    ),
  );
}

export function ruleIssues(spec: Spec, info: RelationInfo, control: RelationInfo): readonly Issue[] {
  return missingColumns(ruleColumns(spec, info, control));
}

/** Columns that no rule lists are hidden: the privileged connection must see what is hidden in them. */
export function unseenColumns(spec: Spec, info: RelationInfo, control: RelationInfo): readonly Issue[] {
  const seen = new Set(control.columns.map(({ name }) => name));
  const issues = spec.declarations.flatMap((one) =>
    columnExpectations({ declaration: one, expectation: one.expectation, implied: false }, { info })
      .filter(({ column, implied }) => implied && !seen.has(column))
      .map(({ column, at }) => ({
        code: "preflight/unseen-column",
        message: `${formatQualified(info)} shows a column ${column} that its control ${formatQualified(control)} has not, so nothing can tell what it hides`,
        at,
        hint: "name a control relation that has it under the same name, or take it out of the view",
      })),
  );
  return once(issues);
}

function once(issues: readonly Issue[]): readonly Issue[] {
  return [...new Map(issues.map((issue) => [JSON.stringify([issue.message, issue.at]), issue])).values()];
}
