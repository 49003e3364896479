import { formatQualified, quoteIdent, quoteQualified } from "../lib/sql-text.ts";
import type { PolicyInfo, RelationInfo } from "../model/catalog.ts";
import type { BoundCandidate, Cell } from "../model/cell.ts";
import type { Observation } from "../model/observation.ts";
import { Mentions } from "../prove/analyse/mentions.ts";
import { resolveExpectation } from "../plan/expectation.ts";
import type { Facet, Keyed } from "./compare.ts";
import type { GateChange } from "../model/gate.ts";
import { keysFor } from "./measure.ts";
import { bypassingIn } from "./sign-up.ts";
import type { State } from "./state.ts";

/**
 * Values that a row may be changed to and could not before. Only forbidden updates say what a row must not become: where the matrix
 * declares none, what the policies checked before is tried on both sides, one column at a time.
 */
export async function compareNewRows(before: State, after: State): Promise<readonly Keyed<GateChange>[]> {
  if (before.marks === after.marks) return [];
  const keys = keysFor(after, before);
  const tries = await triesOf(before);
  const had = new Map(
    (await tried(before, tries)).map(([cell, names]) => [keysFor(before, before)(cell), names]),
  );
  return (await tried(after, tries)).flatMap(([cell, accepted]): readonly Keyed<GateChange>[] => {
    const key = keys(cell);
    const was = had.get(key);
    const free = freeColumns(cell, after);
    const names = [...accepted].filter(
      ([name, isAccepted]) =>
        isAccepted && was?.get(name) === false && !free.has(name.split(" = ", 1)[0] ?? ""),
    );
    if (names.length === 0) return [];
    return [
      {
        key,
        facet: decides(cell.relation.info.oid),
        cell: cell.id,
        persona: cell.persona.name,
        relation: formatQualified(cell.relation.info),
        operation: cell.operation,
        before: undefined,
        after: undefined,
        examples: names.map(([name]) => name).slice(0, 3),
        values: true,
        privilegeOnly: false,
      },
    ];
  });
}

/** By the oid of a relation. */
type Tries = ReadonlyMap<string, readonly BoundCandidate[]>;

/** Each column that a policy for UPDATE asks of the new row, with values besides those that it names. */
async function triesOf(state: State): Promise<Tries> {
  const oids = new Set(state.cells.map(({ relation }) => relation.info.oid));
  const found = new Map<string, readonly BoundCandidate[]>();
  for (const info of state.plan.catalog.relations) {
    const columns = oids.has(info.oid) ? askedOfNewRows(info) : [];
    if (columns.length === 0) continue;
    const own = await state.ask(async (client) => {
      const some = columns.map(
        ({ name }) =>
          `array(select distinct ${quoteIdent(name)}::text from ${quoteQualified(info)} where ${quoteIdent(name)} is not null order by 1 limit 3)`,
      );
      const labels = columns.map(
        ({ type }) =>
          `array(select enumlabel::text from pg_enum where enumtypid = to_regtype('${type.replaceAll("'", "''")}') order by enumsortorder limit 12)`,
      );
      const all = some.map((one, index) => `to_json(${one} || ${labels[index]})`);
      const { rows } = await client.query<{ values: string[][] }>(
        `select json_build_array(${all.join(", ")}) as values`,
      );
      return rows[0]?.values ?? [];
    });
    found.set(
      info.oid,
      columns.flatMap(({ name, type, named }, index) =>
        [...new Set([...named, ...(own[index] ?? []), ...otherValues(type)])].map(
          (value): BoundCandidate => ({
            name: `${name} = ${value}`,
            origin: "built",
            values: { [name]: value },
          }),
        ),
      ),
    );
  }
  return found;
}

interface Asked {
  readonly name: string;
  readonly type: string;
  /** Constants that the policy names beside it. */
  readonly named: readonly string[];
}

function askedOfNewRows(info: RelationInfo): readonly Asked[] {
  const checks = info.policies.filter(isForUpdate).flatMap(({ using, check }) => check ?? using ?? []);
  const mentions = new Mentions();
  for (const one of checks) mentions.addExpression(one);
  return info.columns
    .filter(
      ({ name, generated, identity }) => mentions.columns.has(name) && !generated && identity !== "always",
    )
    .map(({ name, type }) => ({ name, type, named: [...(mentions.constants.get(name) ?? [])].slice(0, 6) }));
}

function isForUpdate({ command }: PolicyInfo): boolean {
  return command === "update" || command === "all";
}

/** A value that no row has, where its type says what one looks like. */
function otherValues(type: string): readonly string[] {
  if (/^(?:text|character varying|citext)/.test(type)) return ["rowgate"];
  if (type === "uuid") return ["5e5e5e5e-5e5e-4e5e-8e5e-5e5e5e5e5e60"];
  if (/^(?:smallint|integer|bigint|numeric)/.test(type)) return ["32001"];
  if (type === "boolean") return ["true", "false"];
  return /^(?:date|timestamp)/.test(type) ? ["2000-01-01", "2100-01-01"] : [];
}

type Accepted = ReadonlyMap<string, boolean>;

async function tried(state: State, tries: Tries): Promise<readonly (readonly [Cell, Accepted])[]> {
  const bypassing = bypassingIn(state);
  const cells = state.cells.flatMap((cell): readonly Cell[] => {
    const never = tries.get(cell.relation.info.oid) ?? [];
    const isAsked = cell.operation === "update" && never.length > 0 && !bypassing.has(cell.persona.name);
    return isAsked ? [{ ...cell, update: { set: cell.update?.set, never } }] : [];
  });
  const answers = await state.channel.probe(cells);
  return cells.map((cell, index) => [cell, acceptedIn(answers[index]?.observation)]);
}

function acceptedIn(seen: Observation | undefined): Accepted {
  // Who changes no row is refused each value, whatever the policies ask of new rows.
  if (seen?.kind !== "rows" || seen.affected === 0) return new Map();
  return new Map(
    seen.forbiddenUpdates.map(({ candidate, answer, putBack }) => [
      candidate.name,
      answer.code === null && putBack !== true,
    ]),
  );
}

/** Columns that the matrix says may be written; all where it says what a new row may be. */
function freeColumns(cell: Cell, { fitted }: State): Pick<ReadonlySet<string>, "has"> {
  const { info } = cell.relation;
  const spec = fitted.relations.find(({ schema, name }) => schema === info.schema && name === info.name);
  const said = spec && resolveExpectation(spec, cell.persona.name, cell.operation)?.declaration;
  const saysAll = cell.check !== undefined || said?.mayBecome !== undefined;
  return saysAll ? { has: () => true } : new Set(said?.assignment?.free.map(({ name }) => name));
}

/** The policies of the relation, and functions, since these may ask for them. */
function decides(oid: string): Facet {
  return (_seen, _proof, state) => {
    if (state === undefined) return undefined;
    const info = state.plan.catalog.relations.find((one) => one.oid === oid);
    const marks = JSON.parse(state.marks) as readonly { readonly kind: string }[];
    return [info?.policies.filter(isForUpdate), marks.filter(({ kind }) => kind === "function")];
  };
}
