import { fillSql } from "../lib/sql-file.ts";
import type { RelationInfo } from "../model/catalog.ts";
import type { CallDatabase } from "./database.ts";
import type { TriggerText, UpdaterText } from "./trigger-bodies.ts";
import type { TableRow } from "./world.ts";

/** What columns can be given, read once for a relation. */
export interface Material {
  readonly labels: Readonly<Record<string, readonly string[]>>;
  /** Constants of policies, checks and triggers. */
  readonly texts: readonly string[];
  readonly numbers: readonly string[];
  readonly rows: readonly TableRow[];
  /** Enabled triggers of INSERT and UPDATE, and functions that they may call to update the table. */
  readonly triggers: readonly TriggerText[];
  readonly updaters: readonly UpdaterText[];
  /** Names of the database's own functions. */
  readonly functions: readonly string[];
  /** Of a generated column, the columns that it is computed from. */
  readonly derived: Readonly<Record<string, readonly string[]>>;
}

const noMaterial = {
  labels: {},
  texts: [],
  numbers: [],
  triggers: [],
  updaters: [],
  functions: [],
  derived: {},
};

export async function materialOf(info: RelationInfo, database: CallDatabase): Promise<Material> {
  const [text, table] = await Promise.all([
    database.ask(fillSql("assign_columns.sql", { oid: info.oid })),
    database.table({ ...info, indexes: [], hasTriggers: info.triggers.length > 0 }),
  ]);
  return {
    ...(text === undefined ? noMaterial : (JSON.parse(text) as Omit<Material, "rows">)),
    rows: table.rows,
  };
}
