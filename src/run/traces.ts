import type { Control } from "../probe/sql/baseline.ts";
import { leftBehind, nextTransaction } from "../probe/sql/probe-rows-left.ts";
import type { RelationInfo } from "../model/catalog.ts";
import type { Cell } from "../model/cell.ts";
import type { ChannelAnswer } from "../model/channel.ts";
import type { Finding } from "../model/finding.ts";
import { RowgateError } from "../model/errors.ts";
import { postureRules, readsOnly } from "../model/posture.ts";
import { formatQualified } from "../lib/sql-text.ts";
import type { Target } from "../model/target.ts";
import type { Preparation } from "./preparation.ts";
import { createSent, type Sent } from "./sent.ts";
import { compareMoments, watch, watchShared, type Watched } from "./watch.ts";

/** What a run leaves behind, looked for with full sight. */
export interface Traces {
  /** What the probes of a cell may have left, should it not have been undone. */
  note(cell: Cell, answers: readonly ChannelAnswer[]): void;
  /** Before and after, and what that tells. */
  look(): Promise<Watched>;
}

/**
 * Where nobody else works, every change is a trace. Where others do, only rows that carry a probe's values are. Where
 * nothing is written there is nothing to look for, and tables may be too large to read whole.
 */
export async function watchTraces(
  control: Control,
  prepared: Preparation,
  target: Pick<Target, "posture" | "writes">,
): Promise<Traces> {
  if (readsOnly(target)) return { note: () => {}, look: async () => ({ fingerprints: [], findings: [] }) };
  const { shared } = postureRules[target.posture];
  const since = await control.ask("while its transactions were counted", nextTransaction);
  const watched = shared ? watchShared(control, prepared) : watch(control, prepared);
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
    return { kind: "not-watched", relation, because: error instanceof Error ? error.message : String(error) };
  }
}
