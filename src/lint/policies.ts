import type { Finding } from "../model/finding.ts";
import { formatQualified } from "../lib/sql-text.ts";
import { declaredRelations, type LintContext } from "./context.ts";

/** The policies of declared relations that read who logged in, which differs between the channels by nature. */
export function policiesReadingLogin({
  matrix,
  lints,
  sql,
}: Pick<LintContext, "matrix" | "lints" | "sql">): readonly {
  readonly relation: string;
  readonly policy: string;
}[] {
  const declared = declaredRelations(matrix);
  // What the parser cannot read may read it.
  const reads = (text: string | null): boolean =>
    text !== null && /session_user/i.test(text) && sql.expression(text)?.readsSessionUser !== false;
  return lints["session-user-policy"]
    .filter((row) => declared.has(formatQualified(row)))
    .filter(({ facts: { using, check } }) => reads(using) || reads(check))
    .map((row) => ({ relation: formatQualified(row), policy: row.facts.policy }));
}

export function sessionUserPolicies(context: LintContext): readonly Finding[] {
  return policiesReadingLogin(context).map((about) => ({ kind: "session-user-policy", ...about }));
}

/** Volatility: https://www.postgresql.org/docs/current/xfunc-volatility.html */
export function immutableFunctions({ lints }: LintContext): readonly Finding[] {
  return lints["immutable-reads-setting"]
    .filter(({ facts }) => facts.readsSetting)
    .map(({ facts }) => ({ kind: "immutable-reads-setting", function: facts.signature }));
}

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
