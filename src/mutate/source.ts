import type { PolicyInfo, RelationInfo } from "../model/catalog.ts";
import type { MutatedRelation } from "../model/mutation.ts";
import { formatQualified, quoteIdent, quoteQualified } from "../lib/sql-text.ts";
import { roleSql } from "./ddl.ts";
import type { Mutant } from "./operators.ts";
import { aclOf, type TablePrivilege, tablePrivileges } from "./privileges.ts";

/*
 * A relation as SQL, for reports that show each change in its place: a piece for each thing that is changed, in words that a
 * mutant's `from` repeats.
 */

export function sourcesOf(
  relations: readonly RelationInfo[],
  mutants: readonly Mutant[],
): readonly MutatedRelation[] {
  return relations.map((relation) => {
    const name = formatQualified(relation);
    const own = mutants.filter((mutant) => mutant.relation === name);
    const subjects = [...new Set(own.map(({ subject }) => subject))];
    return {
      relation: name,
      pieces: subjects.map((subject) => ({ subject, sql: pieceSql(relation, subject) })),
    };
  });
}

function pieceSql(relation: RelationInfo, subject: string): string {
  const on = quoteQualified(relation);
  const policy = relation.policies.find(({ name }) => subject === `policy ${name}`);
  if (policy !== undefined) return policySql(on, policy);
  if (subject === "row level security") {
    const force = relation.forceRls ? [`ALTER TABLE ${on} FORCE ROW LEVEL SECURITY;`] : [];
    return [`ALTER TABLE ${on} ENABLE ROW LEVEL SECURITY;`, ...force].join("\n");
  }
  if (subject === "view") return `ALTER VIEW ${on} SET (security_invoker);`;
  const grantee = /^grants to (.+)$/s.exec(subject)?.[1];
  return grantee === undefined ? `-- ${subject}` : grantsSql(relation, grantee);
}

function policySql(on: string, { name, permissive, command, roles, using, check }: PolicyInfo): string {
  const lines = [
    `CREATE POLICY ${quoteIdent(name)} ON ${on}`,
    `AS ${permissive ? "PERMISSIVE" : "RESTRICTIVE"}`,
    `FOR ${command.toUpperCase()}`,
    `TO ${roles.join(", ")}`,
    ...(using === null ? [] : [`USING (${using})`]),
    ...(check === null ? [] : [`WITH CHECK (${check})`]),
  ];
  return `${lines.join("\n  ")};`;
}

function grantsSql(relation: RelationInfo, grantee: string): string {
  const letters = aclOf(relation)
    .filter((entry) => entry.grantee === grantee)
    .map((entry) => entry.letters)
    .join("");
  const held = (Object.keys(tablePrivileges) as TablePrivilege[]).filter((one) =>
    letters.includes(tablePrivileges[one]),
  );
  if (held.length === 0) return `-- ${grantee} has no privilege of its own on ${formatQualified(relation)}`;
  return `GRANT ${held.join(", ").toUpperCase()} ON ${quoteQualified(relation)} TO ${roleSql(grantee)};`;
}
