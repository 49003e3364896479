import { quoteIdent, quoteLiteral, quoteQualified } from "../lib/sql-text.ts";
import type { Cell } from "../model/cell.ts";
import { RowgateError } from "../model/errors.ts";
import { insertSql } from "../probe/sql/statements.ts";
import { sessionOf } from "../probe/sessions.ts";
import { compare } from "./compare.ts";
import { keysFor, measure, type Measures } from "./measure.ts";
import type { PendingStatement } from "./migrations.ts";
import type { SideWriting, TriedTrigger } from "./side-writes.ts";
import { bypassingIn, gainsOf, rowsWritten, strangerOf, tablesOf, tryOf } from "./sign-up.ts";
import { type GateRequest, openState, type State } from "./state.ts";

/**
 * Fires each plain trigger by a write in the name of each persona, undone with the state, and compares what the personas read before and
 * afterwards. @returns the code that is not compared, and what a write opens; what opens nothing is left out
 */
export async function compareWrites(
  given: GateRequest,
  last: State,
  all: readonly SideWriting[],
): Promise<readonly SideWriting[]> {
  if (!all.some(isTried)) return all;
  // A user whom no row names reads what every user reads.
  const stranger = strangerOf(given.matrix, last);
  const personas = [...given.matrix.personas, ...(stranger === undefined ? [] : [stranger])];
  const request = { ...given, matrix: { ...given.matrix, personas } };
  const after = await openState(request, request.pending.length);
  try {
    const keys = keysFor(after, after);
    const reads = after.cells.filter(({ operation }) => operation === "select" || operation === "execute");
    const wanted = new Set(reads.map(keys));
    const first = await measure(after, keys, wanted);
    const found: SideWriting[] = [];
    for (const one of all) {
      const opens = isTried(one) ? await openedBy(request, { after, wanted, first }, one.tried) : undefined;
      if (opens === undefined) found.push(one);
      else if (opens.length > 0) found.push({ ...one, opens });
    }
    return found;
  } finally {
    await after.close();
  }
}

function isTried(one: SideWriting): one is SideWriting & { readonly tried: TriedTrigger } {
  return one.tried !== undefined && one.tried.by !== "sign-up";
}

interface Before {
  readonly after: State;
  readonly wanted: ReadonlySet<string>;
  readonly first: Measures;
}

async function openedBy(
  request: GateRequest,
  { after, wanted, first }: Before,
  trigger: TriedTrigger,
): Promise<readonly string[]> {
  const tables = tablesOf(trigger);
  const had = await rowsWritten(after, tables);
  const opens = new Set<string>();
  const writers = new Set<string>();
  for (const { persona, write } of writesThatFire(trigger, after)) {
    if (writers.has(persona)) continue;
    const state = await stateWith(request, write);
    if (state === undefined) continue;
    try {
      const has = await rowsWritten(state, tables);
      if (!tables.every((_, index) => (has[index] ?? 0) > (had[index] ?? 0))) continue;
      writers.add(persona);
      const last = await measure(state, keysFor(state, after), wanted);
      for (const one of [
        ...copiesRead(trigger, { persona, first, last, bypassing: bypassingIn(after) }),
        ...gainsOf(compare(first, last, request.matrix.waivedRelations)),
      ])
        opens.add(one);
    } finally {
      await state.close();
    }
  }
  return writers.size === 0 ? ["no write of a persona fires it here"] : [...opens];
}

/** @returns `undefined`: the write is refused */
async function stateWith(request: GateRequest, write: PendingStatement): Promise<State | undefined> {
  const pending = [...request.pending, write];
  try {
    return await openState({ ...request, pending }, pending.length);
  } catch (error) {
    if (error instanceof RowgateError) return undefined;
    throw error;
  }
}

/** In the name of each persona that does not bypass policies: rows as the run sends them, and a row written as it is. */
function writesThatFire(
  { of, by }: TriedTrigger,
  after: State,
): readonly { readonly persona: string; readonly write: PendingStatement }[] {
  const bypassing = bypassingIn(after);
  const cells = after.cells.filter(
    ({ relation: { info }, persona, operation }) =>
      info.oid === of && (operation === by || by === "both") && !bypassing.has(persona.name),
  );
  return cells.flatMap((cell) =>
    statementsOf(cell).map((sql) => ({
      persona: cell.persona.name,
      write: tryOf(`a write of ${cell.persona.name}`, sql, settingsOf(after, cell)),
    })),
  );
}

function statementsOf({ operation, candidates, relation: { info } }: Cell): readonly string[] {
  if (operation === "insert") return candidates.slice(0, 3).map(({ values }) => insertSql(info, values));
  const column = info.columns.find(({ generated, identity }) => !generated && identity !== "always");
  if (operation !== "update" || column === undefined) return [];
  const [table, name] = [quoteQualified(info), quoteIdent(column.name)];
  return [`update only ${table} set ${name} = ${name} where ctid = (select ctid from only ${table} limit 1)`];
}

function settingsOf({ sessions }: State, cell: Cell): readonly string[] {
  const session = [...sessionOf(sessions, cell, undefined)].filter(([name]) => name !== "search_path");
  return session.map(
    ([name, value]) => `select set_config(${quoteLiteral(name)}, ${quoteLiteral(value)}, true)`,
  );
}

interface Read {
  readonly persona: string;
  readonly first: Measures;
  readonly last: Measures;
  readonly bypassing: ReadonlySet<string>;
}

/** What was written, in a row that others than its writer read. */
function copiesRead(
  { copies, writes }: TriedTrigger,
  { persona, first, last, bypassing }: Read,
): readonly string[] {
  if (copies.length === 0) return [];
  const columns = [...new Set(copies.map(({ from }) => from))];
  const targets = new Set(writes.map(({ name }) => name));
  return [...last].flatMap(([key, is]) => {
    const isOther = is.persona !== persona && !bypassing.has(is.persona);
    const isRead = is.operation === "select" && is.column === undefined;
    if (!isOther || !isRead || (is.reach?.count ?? 0) <= (first.get(key)?.reach?.count ?? 0)) return [];
    const name = is.relation.split(".").at(-1) ?? "";
    const granted = copies.some(({ column }) => is.granted.includes(column));
    return granted || !targets.has(name)
      ? [
          `${is.persona} may read a new row of ${is.relation}, which holds ${columns.join(", ").replace("*", "the row")} of what another wrote`,
        ]
      : [];
  });
}
