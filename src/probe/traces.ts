import type { Catalog, RelationInfo } from "../model/catalog.ts";
import type { BoundCandidate, Cell, PlannedRelation } from "../model/cell.ts";
import type { ChannelAnswer } from "../model/channel.ts";
import type { Finding } from "../model/finding.ts";
import { messageOf, RowgateError } from "../model/errors.ts";
import { postureRules, readsOnly } from "../model/posture.ts";
import { formatQualified } from "../lib/sql-text.ts";
import type { Target } from "../model/target.ts";
import type { Answer, CandidateAttempt, Observation } from "../model/observation.ts";
import type { Control } from "./sql/baseline.ts";
import { leftBehind, nextTransaction } from "./sql/probe-rows-left.ts";
import type { ClientBase } from "pg";
import { readSql } from "../lib/sql-file.ts";
import type { TableFingerprint } from "../model/run.ts";
import { isLost } from "./sql/session.ts";
import { type Fingerprint, fingerprint } from "./sql/survey.ts";

/** What a run leaves behind, looked for with the privileged connection. */
export interface Traces {
  /** What the probes of a cell may have left, should it not have been undone. */
  note(cell: Cell, answers: readonly ChannelAnswer[]): void;
  /** Before and after, and what that tells. */
  look(): Promise<Watched>;
}

/**
 * Where only rowgate works, every change is a trace. Where others do, only rows that carry a probe's values are. Where
 * nothing is written there is nothing to look for, and tables may be too large to read whole.
 */
export async function watchTraces(
  control: Control,
  probed: Probed,
  target: Pick<Target, "posture" | "writes">,
): Promise<Traces> {
  if (readsOnly(target)) return { note: () => {}, look: async () => ({ fingerprints: [], findings: [] }) };
  const { shared } = postureRules[target.posture];
  const since = await control.ask("while its transactions were counted", nextTransaction);
  const watched = shared ? watchShared(control, probed) : watch(control, probed);
  const before = await watched.look();
  const sent = createSent();
  return {
    note: (cell, answers) => (shared ? sent.note(cell, answers) : undefined),
    look: async () => {
      const seen = compareMoments(watched, before, await watched.look().catch(asEvidence));
      if (!shared) return seen;
      const tables = new Map(watched.tables.map((info) => [formatQualified(info), info]));
      const findings: Finding[] = [];
      for (const finding of seen.findings)
        findings.push(await ofOthersOrOurs(finding, { control, tables, sent, since }));
      return { ...seen, findings };
    },
  };
}

/** What was seen before the database went is evidence: the run ends with what it has, and says what it lacks. */
function asEvidence(error: unknown): RowgateError {
  if (error instanceof RowgateError) return error;
  throw error;
}

interface Search {
  readonly control: Control;
  readonly tables: ReadonlyMap<string, RelationInfo>;
  readonly sent: Sent;
  readonly since: string;
}

async function ofOthersOrOurs(finding: Finding, { control, tables, sent, since }: Search): Promise<Finding> {
  if (finding.kind !== "rows-changed") return finding;
  const { relation } = finding;
  const info = tables.get(relation);
  if (info === undefined) return finding;
  try {
    const rows = await control.ask("while it was searched for what probes sent", (client) =>
      leftBehind(client, info, sent.to(info), since),
    );
    return rows > 0 ? { kind: "probe-rows-left", relation, rows } : { kind: "changed-by-others", relation };
  } catch (error) {
    return { kind: "not-watched", relation, because: messageOf(error) };
  }
}

type Values = BoundCandidate["values"];

/** Values that stay to be looked for, by table. */
interface Sent {
  note(cell: Cell, answers: readonly ChannelAnswer[]): void;
  to(info: RelationInfo): readonly Values[];
}

/** Of one table: more would make the search slower than the run. */
const mostOfATable = 500;

/** A write that was refused has left nothing: only what was accepted, or came to no answer, could have stayed. */
function createSent(): Sent {
  const byTable = new Map<string, Map<string, Values>>();
  const keep = (oid: string, values: Values): void => {
    const known = byTable.get(oid) ?? new Map<string, Values>();
    byTable.set(oid, known);
    if (known.size < mostOfATable) known.set(JSON.stringify(values), values);
  };
  return {
    note(cell, answers) {
      const { base, info } = cell.relation;
      for (const { observation } of answers)
        for (const values of mayHaveStayed(cell, observation)) keep((base ?? info).oid, values);
    },
    to: ({ oid }) => [...(byTable.get(oid)?.values() ?? [])],
  };
}

function mayHaveStayed(cell: Cell, seen: Observation): readonly Values[] {
  const { candidates, update } = cell;
  const set = update?.set === undefined ? [] : [update.set];
  if (seen.kind === "failed")
    return [...[...candidates, ...(update?.never ?? [])].map(({ values }) => values), ...set];
  if (seen.kind === "insert") return acceptedOf(candidates, seen.attempts);
  if (seen.kind !== "rows") return [];
  return [...acceptedOf(update?.never ?? [], seen.forbiddenUpdates), ...(seen.affected > 0 ? set : [])];
}

function acceptedOf(
  candidates: readonly BoundCandidate[],
  attempts: readonly CandidateAttempt[],
): readonly Values[] {
  const names = new Set(
    attempts.filter(({ answer }) => accepted(answer)).map(({ candidate }) => candidate.name),
  );
  return candidates.filter(({ name }) => names.has(name)).map(({ values }) => values);
}

function accepted({ code, rows }: Answer): boolean {
  return code === null && (rows ?? 1) > 0;
}

/** As much of a plan as says which tables a run may touch. */
interface Probed {
  readonly catalog: Pick<Catalog, "relations">;
  readonly work: readonly { readonly relation: PlannedRelation }[];
  readonly functions: readonly { readonly relation: PlannedRelation }[];
}

/** What a run must leave as it found it: what it probes, and every other table that a trigger may write. */
interface Watch {
  readonly tables: readonly RelationInfo[];
  look(): Promise<Moment>;
}

function watch(control: Control, run: Probed): Watch {
  const probed = tablesOf(run);
  const seen = new Set(probed.map(({ oid }) => oid));
  const others = run.catalog.relations.filter(
    // A partition's rows are its parent's too.
    ({ oid, kind, isPartition }) =>
      (kind === "table" || kind === "partitioned") && !isPartition && !seen.has(oid),
  );
  return {
    tables: [...probed, ...others],
    look: () =>
      control.ask("while the tables were read that a run may touch", (client) =>
        lookAt(client, probed, others),
      ),
  };
}

/** Where others work too: a table that is large or locked does not keep the others from being compared. */
function watchShared(control: Control, probed: Probed): Watch {
  const tables = tablesOf(probed);
  return {
    tables,
    look: () => control.ask("while the probed tables were read", (client) => lookAt(client, [], tables)),
  };
}

function tablesOf({ work, functions }: Probed): readonly RelationInfo[] {
  const tables = [
    ...work.map(({ relation }) => relation.base ?? relation.info),
    ...functions.map(({ relation }) => relation.baseline).filter(({ kind }) => kind !== "function"),
  ];
  return [...new Map(tables.map((info) => [info.oid, info])).values()];
}

export interface Watched {
  readonly fingerprints: readonly TableFingerprint[];
  readonly findings: readonly Finding[];
}

/** What the two moments tell of what lay between them; of a second one that could not be had, why. */
function compareMoments({ tables }: Watch, before: Moment, after: Moment | RowgateError): Watched {
  if (after instanceof RowgateError)
    return {
      fingerprints: firstOf(tables, before),
      findings: [{ kind: "rows-unreadable", because: after.message }],
    };
  const fingerprints: TableFingerprint[] = [];
  const findings: Finding[] = [];
  for (const [index, info] of tables.entries()) {
    const relation = formatQualified(info);
    const [was, is] = [before.tables[index], after.tables[index]];
    if (was === undefined || is === undefined) continue;
    if ("unread" in was || "unread" in is) {
      const because = "unread" in was ? was.unread : "unread" in is ? is.unread : "";
      findings.push({ kind: "not-watched", relation, because });
      continue;
    }
    fingerprints.push({ relation, before: was, after: is });
    if (was.rows !== is.rows || was.hash !== is.hash) findings.push({ kind: "rows-changed", relation });
  }
  const sequences = [...after.sequences]
    .filter(([name, value]) => before.sequences.get(name) !== value)
    .map(([name, value]) => `${name} (${before.sequences.get(name) ?? "unused"} → ${value ?? "unused"})`);
  return {
    fingerprints,
    findings: sequences.length === 0 ? findings : [...findings, { kind: "sequences-advanced", sequences }],
  };
}

function firstOf(tables: readonly RelationInfo[], before: Moment): readonly TableFingerprint[] {
  return tables.flatMap((info, index) => {
    const was = before.tables[index];
    return was === undefined || "unread" in was ? [] : [{ relation: formatQualified(info), before: was }];
  });
}

/** The state of tables and sequences at one moment. */
interface Moment {
  /** In the order of the tables; of one that could not be read, why. */
  readonly tables: readonly (Fingerprint | { readonly unread: string })[];
  /** `schema.name` → last value; `null`: never used, or not for this login to see. */
  readonly sequences: ReadonlyMap<string, string | null>;
}

/** `probed` tables must be readable; of the others, those that are not are reported. */
async function lookAt(
  client: ClientBase,
  probed: readonly RelationInfo[],
  others: readonly RelationInfo[],
): Promise<Moment> {
  const { rows } = await client.query<{ name: string; value: string | null }>(readSql("watch_sequences.sql"));
  return {
    tables: [
      ...(probed.length === 0 ? [] : await fingerprint(client, probed)),
      ...(others.length === 0 ? [] : await asFarAsReadable(client, others)),
    ],
    sequences: new Map(rows.map(({ name, value }) => [name, value])),
  };
}

async function asFarAsReadable(
  client: ClientBase,
  tables: readonly RelationInfo[],
): Promise<Moment["tables"]> {
  try {
    return await fingerprint(client, tables);
  } catch (cause) {
    if (isLost(cause)) throw cause;
    const each: Moment["tables"][number][] = [];
    for (const table of tables) {
      const found = await fingerprint(client, [table]).catch((error: unknown) => {
        if (isLost(error)) throw error;
        return { unread: messageOf(error) };
      });
      each.push("unread" in found ? found : (found[0] ?? { unread: "the server gave no answer" }));
    }
    return each;
  }
}
