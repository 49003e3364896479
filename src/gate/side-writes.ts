import type { Client, ClientBase } from "pg";
import { readEscalationCatalog } from "../escalate/catalog.ts";
import { readSql } from "../lib/sql-file.ts";
import type { RoutineInfo } from "../model/catalog.ts";
import { returnsRows } from "../model/gate.ts";
import { signatureOf } from "../model/routine.ts";
import { variablesOf } from "./normal-body.ts";
import { Code, type Entry, type SideWriting } from "./running-code.ts";
import { doesNoMore } from "./tighter.ts";

export type { SideWriting, TriedTrigger } from "./running-code.ts";

/** With whose rights and settings a function runs. */
interface FunctionRow {
  readonly kind: "function";
  readonly oid: string;
  readonly text: string;
}

/**
 * All code in force that writes: it is read and not run, since which values would have it write what is not known. What it writes is
 * not compared; that it is other code than before is.
 * @param callable functions that personas may call
 * @param compared those of them of whose calls the matrix says which rows they return
 */
export async function readSideWrites(
  client: ClientBase,
  callable: readonly RoutineInfo[],
  compared: ReadonlySet<string>,
): Promise<readonly SideWriting[]> {
  const catalog = await readEscalationCatalog(client as Client);
  const { rows } = await client.query<Entry | FunctionRow>(readSql("gate_code.sql"));
  const entries = rows.flatMap((one) => (one.kind === "function" ? [] : one));
  const how = new Map(rows.flatMap((one) => (one.kind === "function" ? [[one.oid, one.text] as const] : [])));
  const calls = callable.map(
    (one): Entry => ({
      kind: "call",
      oid: `call ${one.oid}`,
      name: `function ${signatureOf(one)}`,
      functions: [one.oid],
      beforeRow: false,
      text: one.returns === "nothing" || compared.has(one.oid) ? "" : returnsRows,
      of: null,
    }),
  );
  const variables = [...new Set(catalog.functions.flatMap((one) => (one.extension ? [] : variablesOf(one))))];
  const names = await client.query<{ name: string }>(readSql("gate_names.sql"), [variables]);
  const code = new Code(
    catalog,
    entries,
    how,
    new Set(names.rows.map(({ name }) => name)),
    new Set(callable.map(({ oid }) => oid)),
  );
  return [...entries, ...calls].flatMap((entry) => code.sideWriting(entry) ?? []);
}

/** What is in force afterwards and writes, and is not the code that was in force before under its name or in its place. */
export function compareSideWrites(
  before: readonly SideWriting[],
  after: readonly SideWriting[],
): readonly SideWriting[] {
  const known = new Set(before.flatMap(keysOf));
  const there = new Set(before.flatMap(({ oid, by }) => [oid, by]));
  return after.filter(
    (one) =>
      one.writes.length > 0 &&
      !keysOf(one).some((key) => known.has(key)) &&
      !isTightened(before, one) &&
      (one.isNews || there.has(one.oid) || there.has(one.by)),
  );
}

/** Whether a state has the code by that name: what migrations create has another oid each time. */
export function hasSideWriting(all: readonly SideWriting[], { by, mark }: SideWriting): boolean {
  return all.some((one) => one.by === by && one.mark === mark);
}

/** Code that would stop the migrations if what it does were not the same, as its parsed body shows. */
export function restated(
  before: readonly SideWriting[],
  after: readonly SideWriting[],
): readonly SideWriting[] {
  const known = new Set(before.flatMap(keysOf));
  const isKnown = (keys: readonly string[]): boolean => keys.some((key) => known.has(key));
  return after.filter(
    (one) => one.writes.length > 0 && isKnown(marked(one, one.mark)) && !isKnown(marked(one, one.written)),
  );
}

/** Code that does less than it did, by what was added to its bodies. */
export function tightened(
  before: readonly SideWriting[],
  after: readonly SideWriting[],
): readonly SideWriting[] {
  const known = new Set(before.flatMap(keysOf));
  return after.filter(
    (one) => one.writes.length > 0 && !keysOf(one).some((key) => known.has(key)) && isTightened(before, one),
  );
}

function isTightened(before: readonly SideWriting[], one: SideWriting): boolean {
  return before.some(
    ({ oid, by, running }) => (oid === one.oid || by === one.by) && doesNoMore(running, one.running),
  );
}

function keysOf(one: SideWriting): readonly string[] {
  return [one.mark, one.written].flatMap((mark) => marked(one, mark));
}

function marked({ oid, by }: SideWriting, mark: string): readonly string[] {
  return [`${oid} ${mark}`, `${by} ${mark}`];
}
