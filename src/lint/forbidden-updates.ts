import type { Catalog, PolicyInfo, RelationInfo, RoleInfo } from "../model/catalog.ts";
import type { AuthorizationColumn } from "../model/authorization-column.ts";
import type { Finding } from "../model/finding.ts";
import type { Declaration, Matrix, Persona, RelationSpec } from "../model/matrix.ts";
import { isFor } from "../model/policy-commands.ts";
import { formatQualified } from "../lib/sql-text.ts";

type DeclaredUpdate = (spec: RelationSpec, persona: string) => Declaration | undefined;

/**
 * Columns by which policies decide, which somebody may change in rows of his own, and no `never:` tries: the row becomes
 * another's, or opens others to him. A constraint or a trigger may still be in the way, which the catalogue does not tell.
 */
export function untriedMoves(
  { relations, personas }: Matrix,
  catalog: Catalog,
  deciding: readonly AuthorizationColumn[],
  updateOf: DeclaredUpdate,
): readonly Finding[] {
  const infos = new Map(catalog.relations.map((info) => [formatQualified(info), info]));
  return relations.flatMap((spec): readonly Finding[] => {
    const relation = formatQualified(spec);
    const info = infos.get(relation);
    if (info === undefined) return [];
    return deciding
      .filter((one) => one.schema === spec.schema && one.name === spec.name)
      .flatMap(({ column, of }): readonly Finding[] => {
        const free = personas.filter((one) => mayMove(one, column, info, catalog, updateOf(spec, one.name)));
        if (free.length === 0) return [];
        return [
          { kind: "forbidden-update-untested", relation, column, of, personas: free.map(({ name }) => name) },
        ];
      });
  });
}

function mayMove(
  { role: name }: Persona,
  column: string,
  info: RelationInfo,
  { roles }: Catalog,
  declared: Declaration | undefined,
): boolean {
  const role = roles.find((one) => one.name === name);
  if (role === undefined || role.superuser || role.bypassRls) return false;
  if (declared === undefined || declared.expectation.kind !== "rows") return false;
  if (declared.never.some(({ values }) => Object.hasOwn(values, column))) return false;
  return info.privileges[name]?.update.includes(column) === true && leavesFree(info, role, column);
}

/** Whatever the new row holds there, the policies let it be. */
function leavesFree({ rls, policies }: RelationInfo, role: RoleInfo, column: string): boolean {
  if (!rls) return true;
  const asked = policies.filter(
    ({ command, roles }) => (command === "update" || command === "all") && isFor(roles, role),
  );
  const looks = (one: PolicyInfo): boolean => names(one.check ?? one.using ?? "", column);
  return (
    asked.some((one) => one.permissive && !looks(one)) && !asked.some((one) => !one.permissive && looks(one))
  );
}

function names(text: string, column: string): boolean {
  return text.split(/[^\w$]+/).includes(column) || text.includes(`"${column}"`);
}
