import type { Node, SelectStmt } from "libpg-query";
import { bodyFor, type Place } from "./opener-place.ts";
import type { ProofRelation } from "./schema.ts";
import type { Literal, TableRow } from "./terms.ts";
import { columnRef, fieldsOf, fromItemName, part, replace, stringOf, walk } from "./tree.ts";

/** Rows of tables, and what must hold of them. */
export interface Conjunction {
  readonly rows: readonly TableRow[];
  readonly literals: readonly Literal[];
}

/** What a name of FROM stands for: for each of its columns an expression; of others nothing is known. */
export type Columns = ReadonlyMap<string, Node | undefined>;

/** A query of WITH, and where it is read. */
interface Named {
  readonly select: SelectStmt;
  readonly here: Within;
}

/** Where a part of a condition is read. */
export interface Within {
  readonly place: Place;
  readonly relation: ProofRelation;
  /** `true`: at least what holds; `false`: at most. */
  readonly weak: boolean;
  readonly sources: ReadonlyMap<string, Columns>;
  readonly queries: ReadonlyMap<string, Named | undefined>;
  /** All rows of tables so far. */
  readonly tables: Map<string, ProofRelation>;
  readonly conditions: (node: Node | undefined, here: Within) => readonly Conjunction[];
}

export class TooManyWays extends Error {}

const mostWays = 64;
export const nothing: Conjunction = { rows: [], literals: [] };

/** What is not known holds where least is asked, and does not where most is. */
export const unknown = ({ weak }: Within): readonly Conjunction[] => (weak ? [nothing] : []);

/** @throws TooManyWays */
export function all(parts: readonly (() => readonly Conjunction[])[]): readonly Conjunction[] {
  let made: readonly Conjunction[] = [nothing];
  for (const one of parts) {
    if (made.length === 0) return [];
    const more = one();
    made = few(made.flatMap((a) => more.map((b) => both(a, b))));
  }
  return made;
}

export function few(ways: readonly Conjunction[]): readonly Conjunction[] {
  if (ways.length > mostWays) throw new TooManyWays();
  return ways;
}

export function both(a: Conjunction, b: Conjunction): Conjunction {
  return { rows: [...a.rows, ...b.rows], literals: [...a.literals, ...b.literals] };
}

/** With names that mean the same everywhere in the condition. */
export function named(node: Node, here: Within): Node {
  const { sources } = here;
  if (hasNamesOfItsOwn(node, here)) return lost;
  if (sources.size === 0) return node;
  return replace(node, (one) => {
    const [of = "", name = "", ...more] = fieldsOf(one) ?? [];
    const columns = sources.get(of);
    return columns === undefined ? undefined : ((more.length === 0 ? columns.get(name) : undefined) ?? lost);
  });
}

/** A query within it calls one of its rows as a row here is called, or reads a query of WITH, which is seen nowhere else. */
function hasNamesOfItsOwn(node: Node, { sources, queries }: Within): boolean {
  let found = false;
  walk(node, (one) => {
    const { schemaname, relname = "" } = part(one, "RangeVar") ?? {};
    found ||= sources.has(itemName(one) ?? "") || (schemaname === undefined && queries.has(relname));
    return !found;
  });
  return found;
}

/** What an item of FROM is called, of whatever sort. */
export function itemName(node: Node): string | undefined {
  const item = part(node, "RangeTableSample")?.relation ?? node;
  const other = part(item, "RangeTableFunc") ?? part(item, "JsonTable") ?? part(item, "JoinExpr");
  return fromItemName(item) ?? other?.alias?.aliasname;
}

/** No table has such a row: what reads it is not understood. */
const lost: Node = columnRef("rowgate:lost", "value");

/** For what is named already. */
export const bare = (here: Within): Within => ({ ...here, sources: new Map() });

/** A row of its own of a table. */
export function tableRow(relation: ProofRelation, { tables, weak }: Within): TableRow {
  const name = `rowgate:${weak ? "known" : "asked"}:${tables.size}`;
  tables.set(name, relation);
  return { name, relation };
}

/** A function's body in the place of its call, where it says the same of its value. */
export function exactBody(
  call: Node,
  here: Within,
):
  | { readonly select: SelectStmt; readonly here: Within; readonly returns: string; readonly isSet: boolean }
  | undefined {
  const { funcname = [], args = [] } = part(call, "FuncCall") ?? {};
  const fn = here.place.reading.schema.callee(funcname.map(stringOf), args.length);
  if (fn === undefined || here.place.reading.schema.hasRivals(fn)) return undefined;
  if (fn.settings.some((one) => !/^search_path=/i.test(one))) return undefined;
  if (fn.language !== "sql" && /\b(?:loop|execute|exception\s+when)\b/i.test(fn.source)) return undefined;
  if (args.some((one) => part(one, "NamedArgExpr") !== undefined)) return undefined;
  // What is given is read where it is given.
  const given = args.map((one) => named(one, here));
  const body = bodyFor({ ...part(call, "FuncCall"), args: given }, here.place);
  return (
    body && {
      select: body.select,
      here: { ...here, place: body.place, sources: new Map(), queries: new Map() },
      returns: fn.returns,
      isSet: fn.returnsSet,
    }
  );
}
