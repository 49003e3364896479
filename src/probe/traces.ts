import type { RelationInfo } from "../model/catalog.ts";
import type { BoundCandidate, Cell } from "../model/cell.ts";
import type { ChannelAnswer } from "../model/channel.ts";
import type { Finding } from "../model/finding.ts";
import { messageOf, RowgateError } from "../model/errors.ts";
import { postureRules, readsOnly } from "../model/posture.ts";
import { formatQualified } from "../lib/sql-text.ts";
import type { Target } from "../model/target.ts";
import type { Answer, CandidateAttempt, Observation } from "../model/observation.ts";
import type { Control } from "./sql/baseline.ts";
import { leftBehind, nextTransaction } from "./sql/probe-rows-left.ts";
import { compareMoments, type Probed, watch, type Watched, watchShared } from "./watch.ts";

export type { Watched } from "./watch.ts";

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
