import { argumentMessages } from "./argument-findings.ts";
import { bypassPaths } from "./bypass-paths.ts";
import { formatPosition } from "../model/errors.ts";
import { chainMessages } from "./chains.ts";
import type { Finding, FindingKind } from "../model/finding.ts";

export interface FindingMessage<Kind extends FindingKind = FindingKind> {
  /** What is wrong, whatever it was found of. */
  readonly title: string;
  /** Where: the facts of one finding, as text that is not cleaned for a terminal yet. */
  readonly facts: (of: Extract<Finding, { kind: Kind }>) => string;
  readonly todo: string;
}

const declareCalls = "declare its calls under `functions:`, or REVOKE EXECUTE … FROM PUBLIC";

/** In the order of docs/verdicts.md, which `npm run docs` writes from this table and `findingSeverity`. */
export const findingMessages: { readonly [Kind in FindingKind]: FindingMessage<Kind> } = {
  "undeclared-relation": {
    title: "A relation that is exposed to personas is neither declared nor waived",
    facts: (of) => `${of.relation} (${of.relationKind})`,
    todo: "declare it under `relations:`, or waive it under `waive:` with a reason and an expiry date",
  },
  "undeclared-function": {
    title: "Personas may execute a function that the matrix does not declare",
    facts: (of) => `${of.function}: ${list(of.roles)}`,
    todo: declareCalls,
  },
  "undeclared-definer": {
    title:
      "Personas may execute a SECURITY DEFINER function, which runs with its owner's rights, and the matrix does not declare it",
    facts: (of) => `${of.function}, with the rights of ${of.owner}: ${list(of.roles)}`,
    todo: declareCalls,
  },
  "undeclared-identity-setter": {
    title:
      "Personas may call a function that sets the role or a setting that policies may read, and the matrix does not declare it",
    facts: (of) => `${of.function}: ${list(of.roles)}`,
    todo: declareCalls,
  },
  "undeclared-exposed-schema": {
    title:
      "The gateway exposes a schema that the matrix does not list, and personas have privileges on something in it",
    facts: (of) => of.schema,
    todo: "list it under `exposes:`, and declare or waive what is in it",
  },
  "exposed-schemas-differ": {
    title: "The project's config.toml exposes other schemas than the matrix",
    facts: (of) =>
      `${formatPosition(of.configuredAt)}: schemas = [${list(of.configured)}]; ${formatPosition(of.at)}: exposes: [${list(of.exposes)}]`,
    todo: "list under `exposes:` what the API exposes, and declare or waive what is in it; or correct `schemas` of `[api]` in config.toml",
  },
  "missing-pre-request": {
    title: "PostgREST calls a function before each request, and the target does not name it",
    facts: (of) => of.function,
    todo: "name it as `pre_request` of the target in rowgate.yaml, or ALTER ROLE … RESET pgrst.db_pre_request",
  },
  "owner-bypasses-rls": {
    title: "A persona's role owns the relation, so its policies do not apply to it",
    facts: (of) => `${of.persona}: role ${of.role} owns ${of.relation}`,
    todo: "give the table another owner, or ALTER TABLE … FORCE ROW LEVEL SECURITY",
  },
  "superuser-persona": {
    title: "A persona's role bypasses Row-Level Security",
    facts: (of) =>
      `${of.persona}: role ${of.role} ${of.why === "superuser" ? "is a superuser" : "has BYPASSRLS"}`,
    todo: "declare `allow` for it, or use a role without SUPERUSER and BYPASSRLS",
  },
  "claims-left-out": {
    title: "A persona is probed without claims that every real token has",
    facts: (of) => `${of.persona}: ${list(of.claims)}, which a persona with the same claims states`,
    todo: "nothing, if a token without them is meant; else remove the persona: the other one is the real token",
  },
  "default-privileges-differ": {
    title: "Default privileges here differ from those of the target that this database represents",
    facts: (of) =>
      [
        `${of.target}, captured ${of.capturedAt.slice(0, 10)}`,
        ...(of.onlyThere.length === 0 ? [] : [`only there: ${listed(of.onlyThere)}`]),
        ...(of.onlyHere.length === 0 ? [] : [`only here: ${listed(of.onlyHere)}`]),
      ].join("; "),
    todo: "say `default_privileges: as-captured` in rowgate.yaml (or --default-privileges as-captured); if the target has changed since, run `rowgate capture` again",
  },
  "login-role-escalation": {
    title: "A persona's login may SET ROLE to a role that bypasses policies or has more privileges",
    facts: (of) => `${of.login} may become ${list(of.roles)}`,
    todo: "revoke the membership, or declare a persona that logs in as it with that role",
  },
  "login-bypass-path": {
    title:
      "A persona that logs in without a gateway can bypass policies with SQL that rowgate does not probe",
    facts: (of) => `${of.role}: ${bypassPaths[of.way].facts(of.place, of.of ?? "")}`,
    todo: "run the statement that docs/verdicts.md lists for this bypass path",
  },
  "unprobed-role": {
    title: "A role has privileges on declared relations, and no persona has that role",
    facts: (of) => `${of.role}: ${list(of.relations)}`,
    todo: "declare a persona with that role, or revoke the privileges that it does not need",
  },
  "unprobed-anonymous-role": {
    title: "Unauthenticated requests run as a role with privileges that no persona covers",
    facts: (of) => `${of.role}: ${list(of.reaches)}`,
    todo: "declare a persona with that role (`anon: { role: anon }`), or revoke its privileges",
  },
  "argument-untested": {
    title: "A declared function has an optional argument that no declared call passes",
    facts: (of) => `${of.function}: ${list(of.arguments)}`,
    todo: "declare a call that passes it, and what that call may return",
  },
  ...argumentMessages,
  "forbidden-update-untested": {
    title: "Users can change a column that policies rely on, and no `never:` case covers it",
    facts: (of) =>
      `${of.relation}.${of.column}, by ${list(of.personas)}: policies of ${listed(of.of)} read it`,
    todo: "declare under `never:` the updates that must be refused: giving a row to another user, taking another role or tenant",
  },
  "insert-wider-than-declared": {
    title: "The policies let users insert rows that are like no accepted candidate",
    facts: (of) => `${of.relation}, ${list(of.personas)}; for example ${yamlRow(of.example)}`,
    todo: "declare with `check:` which rows may be inserted; or tighten the policy, and add that row under `insert:` and `reject:`",
  },
  "insert-unlike-candidates": {
    title:
      "INSERTs let in rows that differ from every accepted candidate, in columns that the persona's row sets declare",
    facts: (of) => `${of.columns.join(", ")} (cells: ${of.count})`,
    todo: "declare with `check:` which rows may be inserted",
  },
  "own-row-missing": {
    title: "A deny holds only because the data has no row of the persona's own: policies would let it at one",
    facts: (of) => `${of.relation}: ${listed(of.cells)}; such a row: ${of.example}`,
    todo: "declare a row set of the persona's own rows in place of the deny, or seed such a row to see it refused",
  },
  "cascades-past-a-deny": {
    title: "An ON DELETE action changes rows that the policies of another table would protect",
    facts: (of) => `DELETE from ${of.from} ${of.does} rows of ${of.relation}, for ${list(of.personas)}`,
    todo: "if this is not intended, use ON DELETE RESTRICT or revoke DELETE on the first table",
  },
  ...chainMessages,
  "no-privileged-connection": {
    title:
      "rowgate's login has neither BYPASSRLS nor SUPERUSER, so it cannot see the rows that policies hide",
    facts: (of) => `login ${of.login}`,
    todo: "log in as a role with BYPASSRLS (on Supabase: postgres)",
  },
  "rows-changed": {
    title: "The rows of a table differ from those before the run",
    facts: (of) => of.relation,
    todo: "see which rows differ, and whether other sessions wrote during the run",
  },
  "rows-unreadable": {
    title: "The probed tables could not be read after the run",
    facts: (of) => prose(of.because),
    todo: "read the reason, then compare the tables with the counts and hashes in run.json: every probe was undone, but this run cannot prove it",
  },
  "probe-rows-left": {
    title: "A shared table contains rows with a probe's values that were written during the run",
    facts: (of) => `${of.relation}: ${of.rows} ${of.rows === 1 ? "row" : "rows"}`,
    todo: "find the code that commits outside the transaction (dblink, a trigger that makes a request), and remove the rows",
  },
  "changed-by-others": {
    title: "A probed table changed during the run, and none of the changed rows contains a probe's values",
    facts: (of) => of.relation,
    todo: "nothing, if others use the target",
  },
  "session-user-policy": {
    title: "A policy reads session_user, which differs between the direct and the rest channel",
    facts: (of) => `${of.relation}, policy ${of.policy}`,
    todo: "use current_user or a claim",
  },
  "immutable-reads-setting": {
    title: "An IMMUTABLE function reads a setting, so Postgres may reuse one user's result for another",
    facts: (of) => of.function,
    todo: "ALTER FUNCTION … STABLE",
  },
  "rollback-not-honoured": {
    title: "The gateway ignores Prefer: tx=rollback, so rowgate sent no write through it",
    facts: (of) => `gateway ${of.gateway}`,
    todo: "set db-tx-end=rollback-allow-override (or commit-allow-override) on a staging PostgREST, never in production",
  },
  "waiver-expired": {
    title: "A waiver has expired",
    facts: (of) => `${of.cell}, expired on ${of.expires} (${formatPosition(of.at)})`,
    todo: "fix what it waived, or renew the waiver with a new reason",
  },
  "side-effect-outside-transaction": {
    title:
      "A write to a probed relation, or a call of a probed function, has an effect that a rollback does not undo",
    facts: (of) => `${of.relation}: ${of.function} reaches ${of.reaches}`,
    todo: "probe it on an embedded or container target; on a shared target its writes are skipped unless the matrix gives a reason under `survives:`",
  },
  "sequences-advanced": {
    title: "Sequences advanced during the run; a rollback does not reset them",
    facts: (of) => prose(of.sequences.join(", ")),
    todo: "nothing, unless the numbers must have no gaps; a sequence cannot guarantee that",
  },
  "not-watched": {
    title: "rowgate could not check whether the run left rows in a table",
    facts: (of) => `${of.relation}: ${prose(of.because)}`,
    todo: "grant the login SELECT on it, or raise the statement timeout",
  },
  "login-unknown": {
    title: "The matrix does not say which login a persona uses, and the result depends on it",
    facts: (of) => `${of.persona}: ${prose(of.because)}`,
    todo: "set `login:` if the persona logs in itself; otherwise set under `settings:` what its session has",
  },
  "privileged-login-setting": {
    title: "rowgate's login has a custom setting that applies to every probe",
    facts: (of) => `login ${of.login}, setting ${of.setting}`,
    todo: "log in as another role with BYPASSRLS, or remove the setting: ALTER ROLE … RESET",
  },
  "writes-committed": {
    title: "The gateway commits, so its writes were sent only to rows that the run created and removed",
    facts: (of) =>
      `${of.rows} ${of.rows === 1 ? "row" : "rows"} created, ${of.left === 0 ? "all" : of.rows - of.left} removed`,
    todo: "see `rows` in run.json; to probe every row, set db-tx-end=commit-allow-override on the staging PostgREST",
  },
  "clock-was-set": {
    title: "The clock of this machine was changed during the run",
    facts: ({ seconds }) => `${Math.abs(seconds)} s ${seconds > 0 ? "forward" : "back"}`,
    todo: "run again if policies compare with now() on this machine; times in the archive count from the run's start",
  },
  "production-override": {
    title: "The run was forced although the target's address looks like production",
    facts: (of) => prose(of.because),
    todo: "if it is production, set `posture: production` in rowgate.yaml",
  },
  "rest-not-probed": {
    title: "The rest channel was not probed",
    facts: (of) => prose(of.reason),
    todo: "see the reason",
  },
};

/** What one finding is about. */
export function factsOf(finding: Finding): string {
  return (findingMessages[finding.kind].facts as (of: Finding) => string)(finding);
}

function list(names: readonly string[]): string {
  return names.join(", ");
}

const namesAtMost = 3;

/** `a, b, c and 4 more`. */
export function listed(names: readonly string[]): string {
  const more = names.length - namesAtMost;
  return more > 0 ? `${list(names.slice(0, namesAtMost))} and ${more} more` : list(names);
}

/** Messages of servers, whose line breaks mean nothing. */
function prose(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim();
}

/** A row as a candidate of the matrix is written: `{ school_id: '2', title: null }`. */
function yamlRow(row: Readonly<Record<string, string | null>>): string {
  const entries = Object.entries(row).map(([name, value]) => {
    const key = /^[A-Za-z_]\w*$/.test(name) ? name : yamlText(name);
    return `${key}: ${value === null ? "null" : yamlText(value)}`;
  });
  return `{ ${entries.join(", ")} }`;
}

function yamlText(text: string): string {
  return /^[\u0020-\u007e\u00a0-\ud7ff]*$/.test(text)
    ? `'${text.replaceAll("'", "''")}'`
    : JSON.stringify(text);
}
