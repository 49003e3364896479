import type { Control } from "../probe/sql/baseline.ts";
import { type Moment, lookAt } from "../probe/watch.ts";
import type { RelationInfo } from "../model/catalog.ts";
import { RowgateError } from "../model/errors.ts";
import type { Finding } from "../model/finding.ts";
import type { TableFingerprint } from "../model/run.ts";
import { formatQualified } from "../lib/sql-text.ts";
import type { Preparation } from "./preparation.ts";

/** What a run must leave as it found it: what it probes, and every other table that a trigger may write. */
export interface Watch {
  readonly tables: readonly RelationInfo[];
  look(): Promise<Moment>;
}

export function watch(control: Control, prepared: Preparation): Watch {
  const probed = probedTables(prepared);
  const seen = new Set(probed.map(({ oid }) => oid));
  const others = prepared.catalog.relations.filter(
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

/** Where others work too: a table that is large, or that somebody holds, keeps no other from being looked at. */
export function watchShared(control: Control, prepared: Preparation): Watch {
  const tables = probedTables(prepared);
  return {
    tables,
    look: () => control.ask("while the probed tables were read", (client) => lookAt(client, [], tables)),
  };
}

function probedTables({ work, functions }: Preparation): readonly RelationInfo[] {
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
export function compareMoments({ tables }: Watch, before: Moment, after: Moment | RowgateError): Watched {
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
