import type { ClientBase } from "pg";
import type { RelationInfo } from "../model/catalog.ts";
import { readSql } from "../lib/sql-file.ts";
import { type Fingerprint, fingerprint } from "./sql/survey.ts";
import { isLost, messageOf } from "./sql/session.ts";

/** How tables and sequences stood at one moment. */
export interface Moment {
  /** In the order of the tables; of one that could not be read, why. */
  readonly tables: readonly (Fingerprint | { readonly unread: string })[];
  /** `schema.name` → last value; `null`: never used, or not for this login to see. */
  readonly sequences: ReadonlyMap<string, string | null>;
}

/** `probed` tables must be readable; of the others it is told which are not. */
export async function lookAt(
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
