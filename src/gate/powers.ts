import type { ClientBase } from "pg";
import { readSql } from "../lib/sql-file.ts";
import { formatQualified } from "../lib/sql-text.ts";
import type { Matrix } from "../model/matrix.ts";
import { type PowerGained, powerText } from "../model/gate.ts";

interface PowerRow {
  readonly role: string | null;
  readonly power: string | null;
  readonly object: string | null;
  readonly ofKnown: boolean;
}

/** What personas could hand on, change or become by themselves: no row shows it. */
export interface Powers {
  readonly rows: readonly PowerRow[];
  /** Names of relations, functions and extensions, by oid. */
  readonly objects: ReadonlyMap<string, string>;
  /** Tables whose changes Realtime sends to those who may read the row. */
  readonly published: readonly string[];
}

/** @param compared oids of relations that are asked about */
export async function readPowers(
  client: ClientBase,
  matrix: Matrix,
  compared: readonly string[],
): Promise<Powers> {
  const { personas } = matrix;
  const roles = [...new Set(personas.flatMap(({ role, login }) => [role, login ?? role]))];
  const { rows } = await client.query<PowerRow>(readSql("gate_powers.sql"), [
    roles,
    compared,
    matrix.exposes,
  ]);
  const objects = rows.flatMap(({ role, power, object }) =>
    power === null && object !== null ? [[object, role ?? ""] as const] : [],
  );
  const held = rows.filter(({ power }) => power !== null);
  const sent = await client.query<{ name: string }>(readSql("gate_published.sql"));
  return {
    rows: [...held, ...(await publicBuckets(client, matrix)), ...(await scheduledJobs(client))],
    objects: new Map(objects),
    published: sent.rows.map(({ name }) => name),
  };
}

/** Files of a public bucket are served to anybody, whatever the policies of storage.objects say. */
async function publicBuckets(client: ClientBase, { waivedRelations }: Matrix): Promise<readonly PowerRow[]> {
  if (waivedRelations.some((one) => formatQualified(one) === "storage.buckets")) return [];
  const { rows: found } = await client.query(
    "select from pg_attribute where attrelid = to_regclass('storage.buckets') and attname = 'public'",
  );
  if (found.length === 0) return [];
  const { rows } = await client.query<PowerRow>(
    `select null as role, format('anyone may read the files of bucket %s: it is public', id) as power, null as object, false as "ofKnown"
     from storage.buckets where public`,
  );
  return rows;
}

/** A job runs as the role that scheduled it, past the policies if that role is: its statement is code that was not there. */
async function scheduledJobs(client: ClientBase): Promise<readonly PowerRow[]> {
  const { rows: found } = await client.query("select where to_regclass('cron.job') is not null");
  if (found.length === 0) return [];
  return (await client.query<PowerRow>(readSql("gate_jobs.sql"))).rows;
}

/** Powers that are new, each once. What is lost opens nothing. */
export function comparePowers(before: Powers, after: Powers): readonly PowerGained[] {
  const renames = renamesOf(before, after);
  const found = after.rows.flatMap((one): readonly PowerGained[] => {
    const { role, power, object, ofKnown } = one;
    if (power === null || has(before, { role: role ?? undefined, power })) return [];
    if (ofKnown && !before.objects.has(object ?? "")) return [];
    const known = renames.some(([is, was]) =>
      has(before, { role: role ?? undefined, power: withName(power, is, was) }),
    );
    return known ? [] : [{ role: role ?? undefined, power }];
  });
  return [...new Map(found.map((one) => [powerText(one), one])).values()];
}

/** Names of what is called otherwise than before: now, and then. */
function renamesOf(before: Powers, after: Powers): readonly (readonly [is: string, was: string])[] {
  return [...after.objects].flatMap(([oid, is]) => {
    const was = before.objects.get(oid);
    return was === undefined || was === is ? [] : [[is, was] as const];
  });
}

function withName(power: string, is: string, was: string): string {
  const parts = power.split(is);
  return parts.length === 2 && /(?:^|\s)$/.test(parts[0] ?? "") && /^(?:$|[\s:,])/.test(parts[1] ?? "")
    ? parts.join(was)
    : power;
}

/** What is worth knowing, and opens nothing that a cell does not show. */
export function notesOf(before: Powers, after: Powers): readonly string[] {
  const names = after.published.filter((one) => !before.published.includes(one));
  if (names.length === 0) return [];
  return [
    `Realtime sends changes of ${names.join(", ")} from now on: to those whose SELECT policies let them read the row, and keys of deleted rows to every subscriber`,
  ];
}

export function has({ rows }: Powers, { role, power }: PowerGained): boolean {
  return rows.some((one) => (one.role ?? undefined) === role && one.power === power);
}
