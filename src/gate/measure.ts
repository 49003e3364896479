import { reachOf, type Reach } from "../diff/reach.ts";
import { judge } from "../judge/verdict.ts";
import { formatQualified } from "../lib/sql-text.ts";
import { signatureOf } from "../model/routine.ts";
import type { Cell } from "../model/cell.ts";
import type { Privileges } from "../model/catalog.ts";
import type { Operation } from "../model/matrix.ts";
import type { Observation } from "../model/observation.ts";
import { operationInfo } from "../model/operations.ts";
import type { Verdict } from "../model/verdict.ts";
import { resolveExpectation } from "../plan/expectation.ts";
import { type Rows, rowsOf } from "./keys.ts";
import { isNamed, type State } from "./state.ts";

/** What a persona may do in one state, of one cell. */
export interface Measure {
  readonly cell: string;
  readonly persona: string;
  readonly relation: string;
  readonly operation: Operation;
  readonly column: string | undefined;
  readonly call: string | undefined;
  /** The matrix says something about its relation or function. */
  readonly named: boolean;
  readonly verdict: Verdict;
  readonly because: string;
  /** The matrix's entry is an observation that no person has confirmed. */
  readonly observed: boolean;
  /** Where the matrix declares it, and what. */
  readonly at: string;
  readonly declaration: string;
  /** `undefined`: the probe could not tell. */
  readonly reach: Reach | undefined;
  /** `undefined`: only their number is known. */
  readonly rows: Rows | undefined;
  /** Candidates, forbidden updates: all that were tried. */
  readonly tried: readonly string[];
  readonly privileged: boolean;
  /** Columns with the operation's privilege, and all of the relation. */
  readonly granted: readonly string[];
  readonly columns: readonly string[];
  /** Columns that name a row. */
  readonly key: readonly string[];
  /** Tables whose rows are its rows too, and all tables that there are: by oid. */
  readonly children: readonly string[];
  readonly tables: Pick<ReadonlyMap<string, string>, "has">;
  /** Columns that the matrix says are visible or free to be written. */
  readonly declaredColumns: readonly string[];
}

export type Measures = ReadonlyMap<string, Measure>;

/** What there is before and after is one relation by its oid, whatever it is called; one that was made anew, by its name. */
export type Keys = (cell: Cell) => string;

export function keysFor(state: State, before: State): Keys {
  const known = new Set(before.cells.map(objectOf));
  const byName = new Map(before.cells.map((cell) => [nameOf(cell), objectOf(cell)]));
  const names = new Set(state.cells.map(objectOf));
  return (cell) => {
    const own = objectOf(cell);
    const other = byName.get(nameOf(cell));
    // What the migrations create has another oid each time that they are applied.
    const created = other === undefined || names.has(other) ? nameOf(cell) : other;
    const object = known.has(own) ? own : created;
    return JSON.stringify([cell.persona.name, object, cell.operation, cell.column, cell.call?.name]);
  };
}

function objectOf({ relation, call }: Cell): string {
  return call === undefined ? relation.info.oid : `function ${call.routine.oid}`;
}

function nameOf({ relation, call }: Cell): string {
  return call === undefined ? formatQualified(relation.info) : `function ${signatureOf(call.routine)}`;
}

/** Probes cells of a state. @param wanted keys; `undefined`: all */
export async function measure(state: State, keys: Keys, wanted?: ReadonlySet<string>): Promise<Measures> {
  const cells = state.cells.filter((cell) => wanted === undefined || wanted.has(keys(cell)));
  const answers = await state.channel.probe(cells);
  const measures = cells.map((cell, index) =>
    measureOf(cell, answers[index]?.observation ?? { kind: "skipped", reason: "not asked" }, state),
  );
  const counted = cells.flatMap((cell, index) => {
    const reach = measures[index]?.reach;
    return reach?.rows === true ? [{ cell, count: reach.count, of: reach.of }] : [];
  });
  const rows = await rowsOf(state.channel, state.keys, counted);
  const found = new Map(counted.map(({ cell }, index) => [cell, rows[index]]));
  return new Map(
    measures.flatMap((one, index) => {
      const cell = cells[index];
      return cell === undefined ? [] : [[keys(cell), { ...one, rows: found.get(cell) }] as const];
    }),
  );
}

/** What is reached is compared by the same probes on both sides; whether the matrix says so is the later matrix's to say. */
export function withVerdicts(bare: Measures, named: Measures): Measures {
  return new Map(
    [...bare].map(([key, one]) => {
      const { verdict, because, at, declaration, observed } = named.get(key) ?? one;
      return [
        key,
        { ...one, verdict, because, at, declaration, observed, named: named.get(key)?.named === true },
      ];
    }),
  );
}

function measureOf(cell: Cell, seen: Observation, state: State): Omit<Measure, "rows"> {
  const { verdict, because } = judge(cell, seen, { channel: "direct", identityShown: true });
  const { info } = cell.relation;
  const held = info.privileges[cell.persona.role];
  const granted =
    held === undefined || !held.schemaUsage ? [] : grantedFor(cell.operation, held, info.columns);
  const [found] = reachOf({ channels: { direct: { observation: seen } } });
  return {
    cell: cell.id,
    persona: cell.persona.name,
    relation: cell.call === undefined ? formatQualified(info) : signatureOf(cell.call.routine),
    operation: cell.operation,
    column: cell.column,
    call: cell.call?.name,
    named: isNamed(state, cell),
    verdict,
    because,
    observed: cell.observed === true,
    at: `${cell.at.file}:${cell.at.line}`,
    declaration: declarationOf(cell),
    // Who reached nothing because of an error may reach something without it.
    reach: unclear.has(verdict) && found?.count === 0 ? undefined : found,
    tried: triedIn(seen),
    privileged: granted.length > 0,
    granted,
    columns: info.columns.map(({ name }) => name),
    key: cell.relation.key,
    children: state.children.get(info.oid) ?? [],
    tables: state.powers.objects,
    declaredColumns: declaredColumns(cell, state),
  };
}

/** What the matrix says of a cell, whatever its row sets are called. */
export function declarationOf({ expectation, check, everywhere }: Cell): string {
  return JSON.stringify([{ ...expectation, name: undefined }, { ...check, name: undefined }, everywhere]);
}

const unclear: ReadonlySet<Verdict> = new Set(["error", "inconclusive", "skipped"]);

function declaredColumns(
  { relation: { info }, persona, operation }: Cell,
  { fitted }: State,
): readonly string[] {
  const spec = fitted.relations.find(({ schema, name }) => schema === info.schema && name === info.name);
  const declaration = spec && resolveExpectation(spec, persona.name, operation)?.declaration;
  const visible = declaration?.columns.filter(({ shows }) => shows === "visible") ?? [];
  return [...visible.flatMap(({ columns }) => columns), ...(declaration?.assignment?.free ?? [])].map(
    ({ name }) => name,
  );
}

function triedIn(seen: Observation): readonly string[] {
  if (seen.kind === "insert") return seen.attempts.map(({ candidate }) => candidate.name);
  return seen.kind === "rows" ? seen.forbiddenUpdates.map(({ candidate }) => candidate.name) : [];
}

/** Of the privileges that the operation takes, the first is its own. */
function grantedFor(
  operation: Operation,
  held: Privileges,
  columns: readonly { readonly name: string }[],
): readonly string[] {
  const [verb] = operationInfo[operation].privileges;
  if (verb === undefined) return [];
  if (verb !== "delete" && verb !== "truncate") return held[verb];
  return held[verb] ? columns.map(({ name }) => name) : [];
}
