import { readSql } from "../lib/sql-file.ts";
import { formatQualified, quoteIdent, quoteLiteral, quoteQualified } from "../lib/sql-text.ts";
import type { PolicyInfo, RelationInfo } from "../model/catalog.ts";
import type { BoundCandidate, Cell } from "../model/cell.ts";
import type { Observation } from "../model/observation.ts";
import { type FunctionText, mentionsOf } from "../prove/analyse/function-mentions.ts";
import { Mentions } from "../prove/analyse/mentions.ts";
import { resolveExpectation } from "../plan/expectation.ts";
import type { Accepted, Keyed } from "./compare.ts";
import type { GateChange } from "../model/gate.ts";
import { type Keys, keysFor } from "./measure.ts";
import { bypassingIn } from "./sign-up.ts";
import type { State } from "./state.ts";

/**
 * Values that a row may be changed to, or put in with, and could not before. Only the candidates of the matrix say what a new row must
 * not be: what the policies and triggers ask about is tried on both sides.
 */
export async function compareNewRows(before: State, after: State): Promise<readonly Keyed<GateChange>[]> {
  if (before.marks === after.marks) return [];
  const keys = keysFor(after, before);
  const tries = await triesOf(before, after);
  const had = new Map(
    (await tried(before, (cell) => tries.get(cell.relation.info.oid))).map(({ cell, accepted }) => [
      keysFor(before, before)(cell),
      accepted,
    ]),
  );
  const has = await tried(after, (cell) => tries.get(cell.relation.info.oid));
  return has.flatMap(({ cell, accepted }): readonly Keyed<GateChange>[] => {
    const key = keys(cell);
    const was = had.get(key);
    const isDeclared = declaredIn(cell, after);
    const some = tries.get(cell.relation.info.oid) ?? [];
    const gained = some.filter(
      (one) => accepted.get(one.name) === true && was?.get(one.name) === false && !isDeclared(one),
    );
    if (gained.length === 0) return [];
    return [
      {
        key,
        facet: (_seen, _proof, values) => gained.filter(({ name }) => values?.get(name) === true),
        shownBy: { tries: gained },
        cell: cell.id,
        persona: cell.persona.name,
        relation: formatQualified(cell.relation.info),
        operation: cell.operation,
        before: undefined,
        after: undefined,
        examples: gained.slice(0, 3).map(({ name }) => name),
        values: true,
        privilegeOnly: false,
      },
    ];
  });
}

/** By the oid of a relation. */
type Tries = ReadonlyMap<string, readonly BoundCandidate[]>;

/** Each column that a policy or a trigger asks of the new row, with values besides those that it names, alone and two together. */
async function triesOf(before: State, after: State): Promise<Tries> {
  const oids = new Set(before.cells.map(({ relation }) => relation.info.oid));
  const [was, is] = [await guardsOf(before), await guardsOf(after)];
  const found = new Map<string, readonly BoundCandidate[]>();
  for (const info of before.plan.catalog.relations) {
    const now = after.plan.catalog.relations.find(({ oid }) => oid === info.oid);
    if (!oids.has(info.oid) || now === undefined) continue;
    const asked = [...askedOfNewRows(info, was), ...askedOfNewRows(now, is)];
    const columns = info.columns.filter(
      ({ name, generated, identity }) =>
        !generated && identity !== "always" && asked.some((one) => one.columns.has(name)),
    );
    if (columns.length === 0) continue;
    const own = await valuesIn(before, info, columns);
    const values = new Map(
      columns.map(({ name, type }, index) => {
        const named = asked.flatMap(({ constants }) => [...(constants.get(name) ?? [])]);
        return [name, [...new Set([...named.slice(0, 8), ...(own[index] ?? []), ...otherValues(type)])]];
      }),
    );
    found.set(info.oid, [...singles(values), ...pairs(values, asked)]);
  }
  return found;
}

/** Of each column: a few that rows hold, and those of its enum. */
async function valuesIn(
  state: State,
  info: RelationInfo,
  columns: RelationInfo["columns"],
): Promise<readonly (readonly string[])[]> {
  const some = columns.map(
    ({ name }) =>
      `array(select distinct ${quoteIdent(name)}::text from ${quoteQualified(info)} where ${quoteIdent(name)} is not null order by 1 limit 3)`,
  );
  const labels = columns.map(
    ({ type }) =>
      `array(select enumlabel::text from pg_enum where enumtypid = to_regtype(${quoteLiteral(type)}) order by enumsortorder limit 12)`,
  );
  const all = some.map((one, index) => `to_json(${one} || ${labels[index]})`);
  return state.ask(async (client) => {
    const { rows } = await client.query<{ values: string[][] }>(
      `select json_build_array(${all.join(", ")}) as values`,
    );
    return rows[0]?.values ?? [];
  });
}

type Values = ReadonlyMap<string, readonly string[]>;

function singles(values: Values): readonly BoundCandidate[] {
  return [...values].flatMap(([name, some]) => some.map((value) => tryWith({ [name]: value })));
}

/** Columns that one policy or trigger reads together; of each, the first values, which it names. */
function pairs(values: Values, asked: readonly Mentions[]): readonly BoundCandidate[] {
  const found = new Map<string, BoundCandidate>();
  for (const { columns } of asked) {
    const together = [...values].filter(([name]) => columns.has(name));
    for (const [index, [one, its]] of together.entries())
      for (const [other, others] of together.slice(index + 1))
        for (const value of its.slice(0, valuesOfPair))
          for (const beside of others.slice(0, valuesOfPair)) {
            const pair = tryWith({ [one]: value, [other]: beside });
            found.set(pair.name, pair);
          }
  }
  return [...found.values()].slice(0, mostPairs);
}

/** Of each of two columns, and of one relation: a try is a statement in the name of each persona. */
const valuesOfPair = 4;
const mostPairs = 48;

function tryWith(values: Readonly<Record<string, string>>): BoundCandidate {
  const name = Object.entries(values)
    .map(([column, value]) => `${column} = ${value}`)
    .join(", ");
  return { name, origin: "built", values };
}

/** By the oid of a relation: what each of its triggers names that fires when a row is changed. */
type Guards = ReadonlyMap<string, readonly Mentions[]>;

interface GuardRow extends Pick<FunctionText, "oid" | "language" | "source"> {
  readonly of: string;
  readonly trigger: string;
}

async function guardsOf(state: State): Promise<Guards> {
  const rows = await state.ask(
    async (client) => (await client.query<GuardRow>(readSql("gate_guards.sql"))).rows,
  );
  const found = new Map<string, readonly Mentions[]>();
  for (const { of, trigger, ...fn } of rows) {
    const mentions = mentionsOf({
      ...fn,
      sqlBody: null,
      trigger: true,
      returns: "trigger",
      argumentNames: [],
      argumentTypes: [],
    });
    mentions.addStatements(trigger);
    found.set(of, [...(found.get(of) ?? []), mentions]);
  }
  return found;
}

/** What each policy and trigger names. */
function askedOfNewRows(info: RelationInfo, guards: Guards): readonly Mentions[] {
  const checks = info.policies.filter(isForNewRows).flatMap(({ using, check }) => check ?? using ?? []);
  const policies = checks.map((one) => {
    const mentions = new Mentions();
    mentions.addExpression(one);
    return mentions;
  });
  return [...policies, ...(guards.get(info.oid) ?? [])];
}

function isForNewRows({ command }: PolicyInfo): boolean {
  return command === "update" || command === "insert" || command === "all";
}

/** A value that no row has, where its type says what one looks like. */
function otherValues(type: string): readonly string[] {
  if (/^(?:text|character varying|citext)/.test(type)) return ["rowgate"];
  if (type === "uuid") return ["5e5e5e5e-5e5e-4e5e-8e5e-5e5e5e5e5e60"];
  if (/^(?:smallint|integer|bigint|numeric)/.test(type)) return ["32001"];
  if (type === "boolean") return ["true", "false"];
  return /^(?:date|timestamp)/.test(type) ? ["2000-01-01", "2100-01-01"] : [];
}

interface Tried {
  readonly cell: Cell;
  readonly accepted: Accepted;
}

/** @param wanted by the key of a cell */
export async function acceptedValues(
  state: State,
  keys: Keys,
  wanted: ReadonlyMap<string, readonly BoundCandidate[]>,
): Promise<ReadonlyMap<string, Accepted>> {
  const found = await tried(state, (cell) => wanted.get(keys(cell)));
  return new Map(found.map(({ cell, accepted }) => [keys(cell), accepted]));
}

async function tried(
  state: State,
  triesOn: (cell: Cell) => readonly BoundCandidate[] | undefined,
): Promise<readonly Tried[]> {
  const bypassing = bypassingIn(state);
  const cells = state.cells.flatMap((cell): readonly Cell[] => {
    const some = triesOn(cell) ?? [];
    return some.length === 0 || bypassing.has(cell.persona.name) ? [] : withTries(cell, some);
  });
  const answers = await state.channel.probe(cells);
  return cells.map((cell, index) => ({ cell, accepted: acceptedIn(answers[index]?.observation) }));
}

/** An UPDATE to each of these values; an INSERT of a row that the matrix says is accepted, with these values in it. */
function withTries(cell: Cell, tries: readonly BoundCandidate[]): readonly Cell[] {
  if (cell.operation === "update") return [{ ...cell, update: { set: cell.update?.set, never: tries } }];
  const [row] = cell.operation === "insert" ? acceptedRows(cell) : [];
  if (row === undefined) return [];
  const candidates = tries.map((one) => ({ ...one, values: { ...row.values, ...one.values } }));
  return [{ ...cell, candidates }];
}

function acceptedRows({ candidates, expectation }: Cell): readonly BoundCandidate[] {
  if (expectation.kind === "allow") return candidates;
  return expectation.kind === "candidates"
    ? candidates.filter(({ name }) => expectation.accept.includes(name))
    : [];
}

function acceptedIn(seen: Observation | undefined): Accepted {
  // Who changes no row is refused each value, whatever the policies ask of new rows.
  const attempts =
    seen?.kind === "insert"
      ? seen.attempts
      : seen?.kind === "rows" && seen.affected > 0
        ? seen.forbiddenUpdates
        : [];
  return new Map(
    attempts.map(({ candidate, answer, putBack }) => [
      candidate.name,
      answer.code === null && putBack !== true,
    ]),
  );
}

/** Whether the matrix says so: the columns may be written, such a row is accepted, or it says what any new row may be. */
function declaredIn(cell: Cell, { fitted, cells }: State): (one: BoundCandidate) => boolean {
  const { info } = cell.relation;
  const spec = fitted.relations.find(({ schema, name }) => schema === info.schema && name === info.name);
  const said = spec && resolveExpectation(spec, cell.persona.name, cell.operation)?.declaration;
  if (cell.check !== undefined || said?.mayBecome !== undefined) return () => true;
  const free = new Set(said?.assignment?.free.map(({ name }) => name));
  const rows = cells.flatMap((one) => (one.id === cell.id ? acceptedRows(one) : []));
  return (one) => {
    const values = Object.entries(one.values);
    const isFree = values.every(([column]) => free.has(column));
    return isFree || rows.some((row) => values.every(([column, value]) => row.values[column] === value));
  };
}
