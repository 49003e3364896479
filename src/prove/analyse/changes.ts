import { perObject } from "../../lib/recent.ts";
import { nextEffects } from "./effects.ts";
import type { Effect, Writing } from "./writes.ts";
import type { ProofRelation, Schema } from "./schema.ts";

/** Values of columns, as text. */
type Row = Readonly<Record<string, string | null>>;

/** Rows of a table that are put in, or set to something else. */
export interface Change {
  readonly relation: ProofRelation;
  /** Of a row that is put in, columns that are left out hold anything; `undefined`: any column is set to something else. */
  readonly row: Row | undefined;
  /** The row is put in; else rows that are there are set to it. */
  readonly isNew: boolean;
}

/** How the rows of a table may differ from those that are there. */
export interface Changed {
  /** Rows that may be there besides; `undefined`: any. */
  readonly rows: readonly Row[] | undefined;
  /** Columns in which rows that are there may hold something else; `undefined`: any. */
  readonly columns: ReadonlySet<string> | undefined;
  /** Rows that are there may be gone. */
  readonly deletes: boolean;
}

const anything: Changed = { rows: undefined, columns: undefined, deletes: true };
export const unchanged: Changed = { rows: [], columns: new Set(), deletes: false };
const changedIn: Readonly<Record<Writing, Changed>> = {
  insert: { ...unchanged, rows: undefined },
  update: { ...unchanged, columns: undefined },
  delete: { ...unchanged, deletes: true },
};

/** What tables hold after changes: with all that triggers, rules and foreign keys make of them. */
export function changedBy(schema: Schema, changes: readonly Change[]): ReadonlyMap<ProofRelation, Changed> {
  const found = new Map<ProofRelation, Changed>();
  const add = (on: ProofRelation, { rows, columns, deletes }: Changed): void => {
    const before = found.get(on) ?? unchanged;
    found.set(on, {
      rows: before.rows && rows && [...before.rows, ...rows],
      columns: before.columns && columns && new Set([...before.columns, ...columns]),
      deletes: before.deletes || deletes,
    });
  };
  for (const { relation, row, isNew } of changes) {
    const command = isNew ? "insert" : "update";
    const isSaid = row !== undefined && !mayRewrite(relation, command);
    const columns = isSaid && !isNew ? [...Object.keys(row), ...generated(relation)] : undefined;
    const effects = effectsOf(schema, relation, command, columns);
    const kin = schema.kin(relation);
    // Rows of a partition, or of a child, are rows of what it is one of.
    if (kin.length > 1 || relation.rules.length > 0) for (const one of kin) add(one, anything);
    else if (isNew) add(relation, { ...unchanged, rows: isSaid ? [row] : undefined });
    else add(relation, { ...unchanged, columns: columns && new Set(columns) });
    for (const { on, command: how } of effects)
      add(on, schema.kin(on).length > 1 ? anything : changedIn[how]);
  }
  return found;
}

/** A trigger may store something else than was said. */
function mayRewrite({ triggers }: ProofRelation, command: "insert" | "update"): boolean {
  return triggers.some(
    ({ timing, level, events }) => timing !== "after" && level === "row" && events.includes(command),
  );
}

function generated({ columns }: ProofRelation): readonly string[] {
  return columns.flatMap((one) => (one.generated ? [one.name] : []));
}

/** What else happens to rows once a row of a relation is put in or changed, directly or by way of others. */
function effectsOf(
  schema: Schema,
  relation: ProofRelation,
  command: "insert" | "update",
  columns: readonly string[] | undefined,
): readonly Pick<Effect, "on" | "command">[] {
  const known = effectsBy(schema);
  const key = JSON.stringify([relation.schema, relation.name, command, columns]);
  const found = known.get(key) ?? allEffects(schema, relation, command, columns);
  known.set(key, found);
  return found;
}

const effectsBy = perObject<Schema, Map<string, readonly Effect[]>>(() => new Map());

function allEffects(
  schema: Schema,
  on: ProofRelation,
  command: Writing,
  columns: readonly string[] | undefined,
): readonly Effect[] {
  const none = { same: false, elevated: false, shared: [], by: "" };
  const next = (one: Effect): readonly Effect[] =>
    withMoves(one).flatMap((each) =>
      nextEffects(schema, each, () => true, true, { on: [...schema.relations], isSaid: false }),
    );
  const open = [...next({ ...none, on, command, columns })];
  const seen = new Set<string>();
  for (const one of open) {
    const key = JSON.stringify([one.on.schema, one.on.name, one.command]);
    if (seen.has(key)) continue;
    seen.add(key);
    open.push(...next({ ...one, columns: undefined }));
  }
  return open;
}

/** A row that an UPDATE moves to another partition is deleted from the one and inserted into the other. */
function withMoves(one: Effect): readonly Effect[] {
  const moves = one.command === "update" && one.on.kind === "partitioned";
  return [one, ...(moves ? (["delete", "insert"] as const) : []).map((command) => ({ ...one, command }))];
}
