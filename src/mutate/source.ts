import type { PolicyInfo, RelationInfo } from "../model/catalog.ts";
import type { MutatedRelation } from "../model/mutation.ts";
import { grouped } from "../lib/grouped.ts";
import { formatQualified, quoteIdent, quoteQualified } from "../lib/sql-text.ts";
import { roleSql } from "./ddl.ts";
import type { FunctionSource } from "./functions.ts";
import type { Mutant } from "./mutant.ts";
import { allPrivileges, aclOf, tablePrivileges } from "./privileges.ts";

/*
 * A relation as SQL, for reports that show each change in its place: a piece for each thing that is changed, in words that a
 * mutant's `from` repeats.
 */

export function sourcesOf(
  relations: readonly RelationInfo[],
  functions: readonly FunctionSource[],
  mutants: readonly Mutant[],
): readonly MutatedRelation[] {
  return [...grouped(mutants, ({ relation }) => relation)].map(([relation, own]) => {
    const oid = own[0]?.after.oid;
    const info = relations.find((one) => one.oid === oid);
    const definition = functions.find((one) => one.oid === oid)?.definition.trimEnd();
    const subjects = [...new Set(own.map(({ subject }) => subject))];
    return {
      relation,
      pieces: subjects.map((subject) => ({
        subject,
        sql: info === undefined ? (definition ?? `-- ${subject} of ${relation}`) : pieceSql(info, subject),
      })),
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
  const held = allPrivileges.filter((one) => letters.includes(tablePrivileges[one]));
  if (held.length === 0) return `-- ${grantee} has no privilege of its own on ${formatQualified(relation)}`;
  return `GRANT ${held.join(", ").toUpperCase()} ON ${quoteQualified(relation)} TO ${roleSql(grantee)};`;
}
