import type { QualifiedName } from "../lib/sql-text.ts";

/** One `ALTER ROLE … SET` as it bears on a run. Values may be secrets: they are never archived. */
export interface RoleSetting {
  readonly role: string;
  /** For this database only: wins over the same for every database. */
  readonly here: boolean;
  /** In lower case, as Postgres compares them. */
  readonly name: string;
  readonly value: string;
  /** PostgREST applies such a setting of the role that it switches to. */
  readonly postgrest: boolean;
}

/** Settings that sessions bring along, besides what personas hold by themselves. */
export interface SettingsInForce {
  readonly roles: readonly RoleSetting[];
  /** Name → value while it is not set; a custom setting that was never set has no value. */
  readonly base: ReadonlyMap<string, string>;
  /** Names with a dot that no module has defined: until they are set, they are NULL. */
  readonly custom: ReadonlySet<string>;
  /** What the API puts behind a request's schema in search_path; `undefined`: PostgREST's own default, public. */
  readonly extraPath?: readonly string[] | undefined;
}

/** A list as PostgREST reads it: `public, extensions`. */
export function namesListed(text: string): readonly string[] {
  return text
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
}

/** Without it a trigger of Supabase's storage schema refuses each DELETE; the storage server sets it. */
export const storageDeletes = { name: "storage.allow_delete_query", value: "true" } as const;

/** Files are deleted through the storage server: what policies let through is asked in sessions such as its own. */
export function isOfStorage({ schema, name }: QualifiedName): boolean {
  return schema === "storage" && (name === "objects" || name === "buckets");
}
