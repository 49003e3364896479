import type { FindingKind } from "./finding.ts";

export interface FindingInfo {
  readonly title: string;
  /** `error`: exit 2; `failure`: exit 1; `note`: said, not counted. */
  readonly severity: "error" | "failure" | "note";
  /** What to do. */
  readonly remedy: string;
}

export const findingInfo: Record<FindingKind, FindingInfo> = {
  "undeclared-relation": {
    title: "A relation within reach that no matrix declares or waives",
    severity: "failure",
    remedy: "declare it under `relations:`, or waive it under `waive:` with a reason and a day",
  },
  "undeclared-function": {
    title: "A function that personas may execute and no matrix declares",
    severity: "note",
    remedy: "declare its calls under `functions:`, or REVOKE EXECUTE … FROM PUBLIC",
  },
  "undeclared-definer": {
    title:
      "A function that personas may execute with its owner's rights (SECURITY DEFINER) and no matrix declares",
    severity: "failure",
    remedy: "declare its calls under `functions:`, or REVOKE EXECUTE … FROM PUBLIC",
  },
  "undeclared-identity-setter": {
    title:
      "A function that personas may call and no matrix declares sets what policies read: a setting, or the role",
    severity: "failure",
    remedy: "declare its calls under `functions:`, or REVOKE EXECUTE … FROM PUBLIC",
  },
  "undeclared-exposed-schema": {
    title: "The gateway exposes a schema that the matrix does not list, and personas reach something in it",
    severity: "failure",
    remedy: "name it under `exposes:`, and declare or waive what is in it",
  },
  "missing-pre-request": {
    title: "PostgREST calls a function before each request, and the target does not name it",
    severity: "failure",
    remedy:
      "name it as `pre_request` of the target in rowgate.yaml, or ALTER ROLE … RESET pgrst.db_pre_request",
  },
  "owner-bypasses-rls": {
    title: "A persona's role owns the relation, so its policies do not apply to it",
    severity: "error",
    remedy: "give the table another owner, or ALTER TABLE … FORCE ROW LEVEL SECURITY",
  },
  "superuser-persona": {
    title: "A persona's role bypasses Row-Level Security",
    severity: "note",
    remedy: "declare `allow` for it, or use a role without SUPERUSER and BYPASSRLS",
  },
  "login-role-escalation": {
    title:
      "A persona's login can put the policies aside: it may become a superuser, an owner, or another role that holds more",
    severity: "failure",
    remedy: "revoke the membership, or declare a persona that logs in as it with that role",
  },
  "login-bypass-path": {
    title: "A persona that logs in by itself can get around the policies, with SQL that no probe sends",
    severity: "failure",
    remedy: "see docs/verdicts.md: each of these ways is closed by one statement",
  },
  "unprobed-role": {
    title: "A role holds privileges on declared relations, and no persona has it",
    severity: "note",
    remedy: "declare a persona with that role, or revoke what it does not need",
  },
  "unprobed-anonymous-role": {
    title: "Whoever sends no token has a role that no persona has, and it reaches something",
    severity: "failure",
    remedy: "declare a persona with that role (`anon: { role: anon }`), or revoke what it holds",
  },
  "argument-untested": {
    title: "A declared function has an argument that may be left out, and no declared call gives it",
    severity: "note",
    remedy: "declare a call that gives it, and what comes of that",
  },
  "forbidden-update-untested": {
    title: "A column by which policies decide may be changed in rows of one's own, and no `never:` tries it",
    severity: "note",
    remedy: "declare under `never:` what must be refused: a row given away, a role or a tenant taken",
  },
  "cascades-past-a-deny": {
    title: "Who may delete from one relation changes another past its policies, by a foreign key",
    severity: "note",
    remedy: "ON DELETE RESTRICT, or no DELETE on the first, if that is not meant",
  },
  "no-privileged-connection": {
    title: "The login has neither BYPASSRLS nor SUPERUSER: its controls prove nothing",
    severity: "error",
    remedy: "log in as a role with BYPASSRLS (on Supabase: postgres)",
  },
  "rows-changed": {
    title: "A table is not what it was before the run",
    severity: "error",
    remedy: "see which rows differ, and whether somebody else wrote while the run was on",
  },
  "rows-unreadable": {
    title: "What the probed tables hold after the run could not be read",
    severity: "error",
    remedy:
      "see why, then whether the tables are as they were: every probe was undone, and this run cannot show it",
  },
  "probe-rows-left": {
    title: "A table that others use holds rows with a probe's values that were written during the run",
    severity: "error",
    remedy: "look for what commits there (dblink, a trigger that calls out), and remove the rows",
  },
  "changed-by-others": {
    title: "A probed table changed while the run was on, and no row of it carries a probe's values",
    severity: "note",
    remedy: "nothing, where others work on the target",
  },
  "session-user-policy": {
    title: "A policy reads session_user, which differs between the channels by nature",
    severity: "note",
    remedy: "use current_user or a claim",
  },
  "immutable-reads-setting": {
    title: "An IMMUTABLE function reads a setting: its first answer may be kept for the next identity",
    severity: "failure",
    remedy: "ALTER FUNCTION … STABLE",
  },
  "rollback-not-honoured": {
    title: "The gateway does not honour Prefer: tx=rollback, so no write was sent through it",
    severity: "note",
    remedy: "set db-tx-end=rollback-allow-override (or commit-allow-override) on the staging PostgREST",
  },
  "waiver-expired": {
    title: "A waiver has expired",
    severity: "failure",
    remedy: "mend the cell, or renew the waiver with a new reason",
  },
  "side-effect-outside-transaction": {
    title: "A probed relation's trigger or policy reaches something that a rollback does not undo",
    severity: "note",
    remedy:
      "probe it on an embedded or container target; on a shared one its writes are not sent, unless the matrix says `survives:` and why",
  },
  "sequences-advanced": {
    title: "Sequences advanced while the run was on, and no rollback takes that back",
    severity: "note",
    remedy: "nothing, unless the numbers must have no gaps: then they cannot come from a sequence",
  },
  "not-watched": {
    title: "Whether the run left something behind in a table could not be seen",
    severity: "note",
    remedy: "give the login SELECT on it, or time to read it",
  },
  "login-unknown": {
    title: "Nothing says who logs in for a persona, and it makes a difference",
    severity: "failure",
    remedy:
      "say `login:` if the persona logs in by itself; otherwise let `settings:` say what its session holds",
  },
  "privileged-login-setting": {
    title: "The login that rowgate uses brings a setting of its own into every probe",
    severity: "failure",
    remedy: "log in as another role with full sight, or take the setting from this one: ALTER ROLE … RESET",
  },
  "writes-committed": {
    title: "The gateway commits, so writes through it touched rows that the run made and removed",
    severity: "note",
    remedy:
      "see `rows` in run.json; to probe every row, set db-tx-end=commit-allow-override on the staging PostgREST",
  },
  "clock-was-set": {
    title: "This machine's clock was set while the run was on",
    severity: "note",
    remedy:
      "times in the archive count on from the run's start; where policies compare with now() on this machine, run again",
  },
  "production-override": {
    title: "The target looks like production, and --override-production-guard says that it is none",
    severity: "note",
    remedy: "if it is production, say `posture: production` in rowgate.yaml",
  },
  "rest-not-probed": {
    title: "The rest channel was not probed",
    severity: "note",
    remedy: "see the reason",
  },
};
