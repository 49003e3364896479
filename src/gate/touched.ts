import { formatQualified } from "../lib/sql-text.ts";
import type { Cell } from "../model/cell.ts";
import { postureRules } from "../model/posture.ts";
import { touchedBy } from "../watch/fingerprint.ts";
import type { State } from "./state.ts";

/** What belongs to no relation: where it differs, any policy may answer otherwise. */
const everywhere: ReadonlySet<string> = new Set(["type", "schema", "role", "member", "setting"]);

interface Mark {
  readonly kind: string;
  readonly object: string;
  readonly mark: string;
}

/** Whether a cell is one that what differs between two states can reach: through policies, keys, views, triggers and functions. */
export async function reachOfChanges(before: State, after: State): Promise<(cell: Cell) => boolean> {
  // The rows of large tables of others are not read to compare them.
  if (postureRules[after.target.posture].shared) return () => true;
  const [was, is] = [before, after].map(({ marks }) => (JSON.parse(marks) as readonly Mark[]).map(textOf));
  const known = new Set(was);
  const there = new Set(is);
  const differing = [
    ...(was ?? []).filter((one) => !there.has(one)),
    ...(is ?? []).filter((one) => !known.has(one)),
  ];
  if (differing.some((one) => everywhere.has(one.split(" ", 1)[0] ?? ""))) return () => true;
  const touched = touchedBy(await before.fingerprints(), await after.fingerprints(), after.plan.matrix);
  if (touched.kind === "all") return () => true;
  const names = new Set(touched.names);
  return ({ relation, call }) => call !== undefined || names.has(formatQualified(relation.info));
}

function textOf({ kind, object, mark }: Mark): string {
  return [kind, object, mark].join(" ");
}
