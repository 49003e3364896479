import type { ClientBase } from "pg";
import { readSql } from "../lib/sql-file.ts";
import { formatQualified } from "../lib/sql-text.ts";
import type { Catalog, RelationInfo } from "../model/catalog.ts";
import type { PlannedRelation } from "../model/cell.ts";
import { RowgateError } from "../model/errors.ts";
import type { Finding } from "../model/finding.ts";
import type { TableFingerprint } from "../model/run.ts";
import type { Control } from "./sql/baseline.ts";
import { isLost } from "./sql/session.ts";
import { messageOf } from "../model/errors.ts";
import { type Fingerprint, fingerprint } from "./sql/survey.ts";

/** As much of a plan as says which tables a run may touch. */
export interface Probed {
  readonly catalog: Pick<Catalog, "relations">;
  readonly work: readonly { readonly relation: PlannedRelation }[];
  readonly functions: readonly { readonly relation: PlannedRelation }[];
}

/** What a run must leave as it found it: what it probes, and every other table that a trigger may write. */
interface Watch {
  readonly tables: readonly RelationInfo[];
  look(): Promise<Moment>;
}

export function watch(control: Control, run: Probed): Watch {
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
export function watchShared(control: Control, probed: Probed): Watch {
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
