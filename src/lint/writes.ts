import type { PolicyInfo, RelationInfo, RoleInfo } from "../model/catalog.ts";
import type { Finding } from "../model/finding.ts";
import type { SqlParser } from "../model/lint.ts";
import type { Persona, RelationSpec } from "../model/matrix.ts";
import { isFor } from "../model/operations.ts";
import { formatFunction, formatQualified } from "../lib/sql-text.ts";
import { declaredRelations, type LintContext, rowsOf } from "./context.ts";

/** What a declared DELETE does, by foreign keys, to relations whose rows the matrix denies the persona to delete, or to change. */
export function cascades({ matrix, lints, declared }: LintContext): readonly Finding[] {
  const specs = declaredRelations(matrix);
  return lints["cascades-past-a-deny"].flatMap((row): readonly Finding[] => {
    const { fromSchema, fromName, does, roles } = row.facts;
    const from = formatQualified({ schema: fromSchema, name: fromName });
    const relation = formatQualified(row);
    const [parent, child] = [specs.get(from), specs.get(relation)];
    if (parent === undefined || child === undefined) return [];
    const operation = does === "deletes" ? "delete" : "update";
    const personas = matrix.personas
      .filter(({ role }) => roles.includes(role))
      .map(({ name }) => name)
      .filter((name) => !declared(parent, name, "delete").denies && declared(child, name, operation).denies);
    return personas.length === 0 ? [] : [{ kind: "cascades-past-a-deny", relation, from, does, personas }];
  });
}

/**
 * Columns that policies rely on, which a persona can change in its own rows, and no `never:` tries: the row becomes
 * another's, or opens others. A constraint or a trigger may still refuse it, which the catalogue does not tell.
 */
export function untestedForbiddenUpdates(context: LintContext): readonly Finding[] {
  const { matrix, catalog, lints } = context;
  const infos = new Map(catalog.relations.map((info) => [formatQualified(info), info]));
  return matrix.relations.flatMap((spec): readonly Finding[] => {
    const relation = formatQualified(spec);
    const info = infos.get(relation);
    if (info === undefined) return [];
    return rowsOf(lints["forbidden-update-untested"], spec).flatMap(
      ({ facts: { column, of } }): readonly Finding[] => {
        const free = matrix.personas.filter((one) => mayChange(one, column, spec, info, context));
        if (free.length === 0) return [];
        const personas = free.map(({ name }) => name);
        return [{ kind: "forbidden-update-untested", relation, column, of, personas }];
      },
    );
  });
}

function mayChange(
  { name: persona, role: name }: Persona,
  column: string,
  spec: RelationSpec,
  info: RelationInfo,
  { catalog, declared, sql }: LintContext,
): boolean {
  const role = catalog.roles.find((one) => one.name === name);
  if (role === undefined || role.superuser || role.bypassRls) return false;
  const { declaration } = declared(spec, persona, "update");
  if (declaration === undefined || declaration.expectation.kind !== "rows") return false;
  // Every value of the new row is proved.
  if (declaration.check !== undefined) return false;
  if (declaration.never.some(({ values }) => Object.hasOwn(values, column))) return false;
  return info.privileges[name]?.update.includes(column) === true && leavesFree(info, role, column, sql);
}

/** The policies accept the new row, whatever it holds there. */
function leavesFree(info: RelationInfo, role: RoleInfo, column: string, sql: SqlParser): boolean {
  if (!info.rls) return true;
  const asked = info.policies.filter(
    ({ command, roles }) => (command === "update" || command === "all") && isFor(roles, role),
  );
  const looks = (one: PolicyInfo): boolean => readsOwn(one.check ?? one.using ?? "true", column, info, sql);
  return (
    asked.some((one) => one.permissive && !looks(one)) && !asked.some((one) => !one.permissive && looks(one))
  );
}

/**
 * Whether an expression of a policy reads this column of the row that it is asked about: Postgres prints such columns bare,
 * or, within a subquery, behind the relation's name; a subquery's own stand behind an alias.
 */
function readsOwn(text: string, column: string, info: RelationInfo, sql: SqlParser): boolean {
  const columns = sql.expression(text)?.columns ?? [];
  return columns.some(
    ({ relation, name }) => name === column && (relation === undefined || relation === info.name),
  );
}

/** What a rollback does not undo, where a declared relation or function reaches it. */
export function sideEffects({ matrix, lints }: LintContext): readonly Finding[] {
  const rows = lints["side-effect-outside-transaction"];
  return [
    ...matrix.relations.map((spec) => ({ spec, relation: formatQualified(spec), isRoutine: false })),
    ...matrix.functions.map((spec) => ({ spec, relation: formatFunction(spec), isRoutine: true })),
  ].flatMap(({ spec, relation, isRoutine }) =>
    rowsOf(rows, spec)
      .filter(({ facts }) => facts.isRoutine === isRoutine)
      .map(
        ({ facts: { place, reaches } }): Finding => ({
          kind: "side-effect-outside-transaction",
          relation,
          function: place,
          reaches,
        }),
      ),
  );
}
