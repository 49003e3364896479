import type { Finding } from "../model/finding.ts";
import { formatQualified } from "../lib/sql-text.ts";
import { declaredRelations, type LintContext } from "./context.ts";

/** Roles to which policies do not apply: rowgate's own should be one, and a persona's should not. */
export function aboveRls({ matrix, lints }: LintContext): readonly Finding[] {
  const declared = declaredRelations(matrix);
  const exempt = new Map(lints["superuser-persona"].map(({ name, facts }) => [name, facts.why]));
  const unprivileged = lints["no-privileged-connection"].map(
    ({ name }): Finding => ({ kind: "no-privileged-connection", login: name }),
  );
  return [
    ...unprivileged,
    ...matrix.personas.flatMap(({ name: persona, role }): readonly Finding[] => {
      const why = exempt.get(role);
      if (why !== undefined) return [{ kind: "superuser-persona", persona, role, why }];
      return lints["owner-bypasses-rls"]
        .filter((row) => row.facts.role === role && declared.has(formatQualified(row)))
        .map((row) => ({ kind: "owner-bypasses-rls", persona, role, relation: formatQualified(row) }));
    }),
  ];
}
