import type { FuncCall, Node, SubLink } from "libpg-query";
import { absencesIn, collecting } from "./denied.ts";
import type { Reading } from "./inline.ts";
import { bodyFor, isTable, outermost, type Place, viewQuery, withinView } from "./opener-place.ts";
import type { Question } from "./question.ts";
import type { ProofRelation } from "./schema.ts";
import {
  type Item,
  nothing,
  type Through,
  type Tie,
  tied,
  type Unmet,
  type Way,
  withoutItself,
} from "./ties.ts";
import { part, show, walk } from "./tree.ts";
import { isIntegral } from "./types.ts";
import { questionsOfWho } from "./way-parts.ts";
import { rowsOf, waysOf } from "./ways.ts";

/**
 * Ways in which a condition could be true if other tables had other rows: for each, one row of each table that it reads, and what their
 * columns have in common with each other and with the row that the condition is about. Guesses: each is put in, and asked about.
 */
export interface Opener {
  /** The subquery, or the call. */
  readonly sql: string;
  readonly items: readonly Item[];
  readonly ties: readonly Tie[];
  /** What must hold besides: no value is known for which it does. */
  readonly unmet: readonly Unmet[];
  readonly through: readonly Through[];
  /** What must hold and reads no row. */
  readonly settled: readonly Question[];
  /** Who asks, as far as rows are compared with it; `undefined`: it cannot be asked apart. Only rows that name that open it. */
  readonly asksWho: readonly (Question | undefined)[];
  /** Of a function that cannot be read. */
  readonly guess: boolean;
}

/** The ways that are known, and whether there are others. */
export interface Openers {
  readonly ways: readonly Opener[];
  readonly areAll: boolean;
}

const known = {
  openers: new WeakMap<Node, Openers>(),
  closers: new WeakMap<Node, Openers>(),
};

/** The same for every persona. */
export function openersOf(tree: Node, relation: ProofRelation, reading: Reading): Openers {
  const waysAt = (place: Place): readonly Way[] => {
    const ways = waysOf(tree, true, place);
    return [...ways, ...absencesIn(ways)];
  };
  const found = known.openers.get(tree) ?? read(waysAt, tree, relation, reading);
  known.openers.set(tree, found);
  return found;
}

/** Ways in which a condition could come to be no longer true if other tables had more rows: what its queries ask for is there. */
export function closersOf(tree: Node, relation: ProofRelation, reading: Reading): Openers {
  const waysAt = (at: Place): readonly Way[] => {
    const { inside, denied } = collecting({ ...at, denied: [] });
    return [...rowsAskedFor(tree, inside), ...waysOf(tree, false, inside), ...denied];
  };
  const found = known.closers.get(tree) ?? read(waysAt, tree, relation, reading);
  known.closers.set(tree, found);
  return found;
}

/** What its queries ask to be there, in the bodies of functions as well, or take a value from. */
function rowsAskedFor(node: Node, place: Place): readonly Way[] {
  const found: Way[] = [];
  walk(node, (one) => {
    const link = part(one, "SubLink");
    if (link !== undefined) found.push(...rowsOfQuery(one, link, place));
    const call = part(one, "FuncCall");
    if (call !== undefined) found.push(...rowsOfCall(call, place));
    return link === undefined;
  });
  return found;
}

function rowsOfQuery(node: Node, { subLinkType, subselect }: SubLink, place: Place): readonly Way[] {
  if (subLinkType === "EXISTS_SUBLINK" || subLinkType === "ANY_SUBLINK") return waysOf(node, true, place);
  const select = part(subselect, "SelectStmt");
  return select === undefined ? [] : rowsOf(select, place).map(({ way }) => way);
}

function rowsOfCall(call: FuncCall, place: Place): readonly Way[] {
  const { reaches, schema } = place.reading;
  const body = bodyFor(call, place);
  if (body === undefined) {
    const { relations } = reaches.of({ FuncCall: call });
    return [...schema.relations].flatMap((relation) =>
      isTable(relation) && relations.has(`${relation.schema}.${relation.name}`)
        ? [{ ...nothing, items: [{ relation }], guess: true }]
        : [],
    );
  }
  const { fromClause, withClause } = body.select;
  return (fromClause ?? withClause) === undefined
    ? rowsAskedFor({ SelectStmt: body.select }, body.place)
    : rowsOf(body.select, body.place).map(({ way }) => way);
}

function read(
  waysAt: (place: Place) => readonly Way[],
  tree: Node,
  relation: ProofRelation,
  reading: Reading,
): Openers {
  const ways = new Map<string, Way>();
  const { relations } = reading.reaches.of(tree);
  // A row that names the persona may be what makes it a member.
  const readsItself = reading.schema
    .kin(relation)
    .some(({ schema, name }) => relations.has(`${schema}.${name}`));
  let most = 1;
  for (let choice = 0; choice < Math.min(most, choiceLimit); choice += 1) {
    const place = outermost(reading, choice);
    for (const way of waysAt(place)) {
      const key = keyOf(way);
      if (!ways.has(key)) ways.set(key, way);
    }
    most = place.alternatives.most;
  }
  const found = [...ways.values()]
    .map((way) => withoutItself(way, relation))
    .filter((way) => way.items.length + way.through.length > 0 && !isContradictory(way))
    .map((way) => openerOf(way, way.sql ?? show(tree), reading, !readsItself && way.items.length > 0));
  return { ways: found, areAll: most <= choiceLimit };
}

/** A column would have to hold two values. */
function isContradictory({ equal: pairs }: Way): boolean {
  const said = pairs.flatMap(([one, other]) => {
    const [slot, constant] = one.kind === "slot" ? [one, other] : [other, one];
    return slot.kind === "slot" && constant.kind === "constant" && constant.isNear !== true
      ? [{ ...slot.slot, is: constant.value }]
      : [];
  });
  return said.some(({ item, column, is }) =>
    said.some((one) => one.item === item && one.column === column && areOther(item, column, is, one.is)),
  );
}

/** Two ways to write one value are no two values: only of these types is it known. */
function areOther({ relation }: Item, name: string, one: string | null, other: string | null): boolean {
  const column = relation.columns.find((each) => each.name === name);
  const isPlain = (value: string | null): value is string =>
    value !== null &&
    (column?.labels?.includes(value) ??
      (column?.base === "boolean"
        ? /^(?:true|false)$/.test(value)
        : column !== undefined && isIntegral(column) && /^-?\d{1,15}$/.test(value)));
  if (!isPlain(one) || !isPlain(other)) return false;
  return column !== undefined && isIntegral(column) ? Number(one) !== Number(other) : one !== other;
}

/** The same way by another choice has rows of its own: they are told apart by their tables. */
function keyOf({ items, equal: pairs, unmet, through, settled }: Way): string {
  return JSON.stringify(
    [items, pairs, unmet.map(({ node }) => node), through, settled.map(({ sql }) => sql)],
    byName,
  );
}

function byName(key: string, value: unknown): unknown {
  return key === "relation" ? (value as ProofRelation).name : value;
}

/** Rows of a query within another are looked at by so many ways that it could have them. */
export const choiceLimit = 12;

/** Rows of more tables are not put in together. */
const itemLimit = 4;

function openerOf(way: Way, sql: string, reading: Reading, anyRow: boolean): Opener {
  const { items, equal: pairs, unmet, through, settled, guess } = way;
  const tooMany = items.length > itemLimit;
  return {
    sql,
    items: tooMany ? [] : items,
    ties: tied(pairs).map((tie) => ({
      ...tie,
      ofRow: anyRow && tie.slots.length === 0 && tie.persona.length > 0,
    })),
    unmet: tooMany ? [...unmet, ...through.map(({ tree }) => ({ node: tree, scope: new Map() }))] : unmet,
    through,
    settled,
    asksWho: questionsOfWho(way, reading, !anyRow),
    guess,
  };
}

/** Ways in which a view, or a call of a function, could have a row more. */
export function openersOfRows(of: ProofRelation | FuncCall, reading: Reading): readonly Opener[] {
  const isView = "definition" in of;
  const place = isView ? withinView(of, outermost(reading)) : outermost(reading);
  const body = isView ? { select: viewQuery(of, place), place } : bodyFor(of, place);
  const sql = isView ? of.name : show({ FuncCall: of });
  return (body?.select === undefined ? [] : rowsOf(body.select, body.place))
    .map(({ way }) => openerOf(way, sql, reading, false))
    .filter(({ items }) => items.length > 0);
}
