import type { Node } from "libpg-query";
import { quoteIdent } from "../lib/sql-text.ts";
import { parseExpression } from "../lib/sql-tree.ts";
import { columnOf, comparison, plainColumn } from "./analyse/comparable.ts";
import type { ProofColumn, ProofRelation } from "./analyse/schema.ts";
import {
  columnRef,
  free,
  joined,
  outerNames,
  part,
  printExpression,
  printSelect,
  readsRow,
  stringOf,
  withoutCasts,
} from "./analyse/tree.ts";
import { hasIdentity, isArray } from "./analyse/types.ts";
import { type ActingAs, isError } from "./ask/step.ts";
import type { Context } from "./context.ts";
import { canonicalAtom, valueLiteral } from "./same.ts";

/** What is not known of a row, the same wherever policy and matrix ask for it. */
export interface Fact {
  readonly key: string;
  /** A condition may be NULL as well; whether an array has an element, it may not. */
  readonly values: readonly (boolean | null)[];
}

/** A condition that cannot be decided, by facts. */
export interface ByFacts {
  readonly facts: readonly Fact[];
  /** @param names of the facts' variables, by place */
  readonly tree: (names: readonly string[]) => Node;
}

export type ReadsFacts = (context: Context, as: ActingAs, atom: Node) => Promise<ByFacts>;

/** The condition is one fact. */
export async function asOneFact(context: Context, as: ActingAs, atom: Node): Promise<ByFacts> {
  const facts = [await conditionOf(context, as, atom)];
  return { facts, tree: ([name = ""]) => columnRef(free, name) };
}

async function conditionOf(context: Context, as: ActingAs, atom: Node): Promise<Fact> {
  return { key: await canonicalAtom(context, as, atom), values: [true, false, null] };
}

/** Whether the condition may have such parts, by its form. */
export function mayHaveParts(atom: Node, relation: ProofRelation): boolean {
  const { kind } = part(atom, "A_Expr") ?? {};
  const isListed = part(atom, "SubLink") !== undefined || kind === "AEXPR_IN" || kind === "AEXPR_OP_ANY";
  return isListed || readElements(atom, relation) !== undefined;
}

/** A condition on elements of an array, and a list of values, in their parts: others may ask for the same parts otherwise. */
export async function inParts(context: Context, as: ActingAs, atom: Node): Promise<ByFacts> {
  return (
    (await ofElements(context, as, atom)) ??
    (await ofListed(context, as, atom)) ??
    (await asOneFact(context, as, atom))
  );
}

/**
 * A condition on the elements of an array of the row: `'public' = any (tags)`, `tags @> '{public}'`, `tags && '{public,team}'`. Nothing
 * else of the array counts, so that what it says is known for all arrays once it is known which of these elements are there.
 * https://www.postgresql.org/docs/current/functions-array.html
 */
async function ofElements(
  { session, space }: Context,
  as: ActingAs,
  atom: Node,
): Promise<ByFacts | undefined> {
  const found = readElements(atom, space.relation);
  if (found === undefined) return undefined;
  const { column, values, how } = found;
  const type = how === "any" ? column.type.replace(/\[\]$/, "") : column.type;
  const value = `(${printExpression(values)})::${type}`;
  const query = how === "any" ? `array[${value}]` : value;
  const answer = await session.ask(
    as,
    `select pg_catalog.json_agg(e::text)::text from pg_catalog.unnest(${query}) as u(e) having pg_catalog.bool_and(e is not null)`,
  );
  if (isError(answer) || !("value" in answer) || answer.value === null) return undefined;
  const elements = [...new Set(JSON.parse(answer.value) as readonly string[])];
  if (elements.length > valueLimit) return undefined;
  const fact = (...what: readonly (string | null)[]): Fact => ({
    key: JSON.stringify([column.name, what]),
    values: [true, false],
  });
  return {
    facts: [fact(), fact(null), ...elements.map((one) => fact(one))],
    tree: (names) => {
      const [isNull, hasNull, ...has] = names.map(
        (one) => `(${quoteIdent(free)}.${quoteIdent(one)} is true)`,
      );
      const all = has.join(how === "all" ? " and " : " or ");
      const otherwise = how === "any" ? `when ${hasNull} then null else false` : "else false";
      return parseExpression(`case when ${isNull} then null when ${all} then true ${otherwise} end`);
    },
  };
}

/** More are one fact: each multiplies the cases that are asked about. */
const valueLimit = 3;

interface Read {
  readonly column: ProofColumn;
  readonly values: Node;
  /** One element is there; some of a list; all of it. */
  readonly how: "any" | "some" | "all";
}

function readElements(atom: Node, relation: ProofRelation): Read | undefined {
  const { kind, name = [], lexpr, rexpr } = part(atom, "A_Expr") ?? {};
  if (lexpr === undefined || rexpr === undefined || name.length !== 1) return undefined;
  const form = forms.get(`${kind} ${stringOf(name[0])}`);
  if (form === undefined) return undefined;
  const columnFirst = form.columnFirst || (form.how === "some" && !readsRow(rexpr));
  const [of, values] = columnFirst ? [lexpr, rexpr] : [rexpr, lexpr];
  const called = plainColumn(of, relation);
  const column = called === undefined ? undefined : columnOf(relation, called);
  if (column === undefined || readsRow(values)) return undefined;
  return isArray(column) && hasIdentity(column) && !column.domain
    ? { column, values, how: form.how }
    : undefined;
}

const forms: ReadonlyMap<string, { readonly how: Read["how"]; readonly columnFirst: boolean }> = new Map([
  ["AEXPR_OP_ANY =", { how: "any", columnFirst: false }],
  ["AEXPR_OP @>", { how: "all", columnFirst: true }],
  ["AEXPR_OP <@", { how: "all", columnFirst: false }],
  ["AEXPR_OP &&", { how: "some", columnFirst: false }],
]);

/** `split_part(name, '/', 1) in ('a', 'b')`, `… in (select …)`: what is made of the row is one of these values, or another. */
async function ofListed(context: Context, as: ActingAs, atom: Node): Promise<ByFacts | undefined> {
  const link = part(atom, "SubLink");
  const { kind, name = [], lexpr, rexpr } = part(atom, "A_Expr") ?? {};
  // With its schema it is another operator.
  const [named, ...more] = link === undefined ? name : (link.operName ?? []);
  const operator =
    more.length > 0 ? undefined : link !== undefined && named === undefined ? "=" : stringOf(named);
  const term = link?.testexpr ?? lexpr;
  if (operator !== "=" || term === undefined || !readsRow(term)) return undefined;
  const listed =
    kind === "AEXPR_IN"
      ? part(rexpr, "List")?.items
      : rexpr && kind === "AEXPR_OP_ANY"
        ? part(withoutCasts(rexpr), "A_ArrayExpr")?.elements
        : undefined;
  const values =
    listed ?? (link?.subLinkType === "ANY_SUBLINK" ? await valuesOf(context, as, link.subselect) : undefined);
  if (values === undefined || values.length > valueLimit || values.some((one) => readsRow(one)))
    return undefined;
  const facts = await Promise.all(values.map((one) => conditionOf(context, as, comparison(term, "=", one))));
  return {
    facts,
    tree: (names) =>
      values.length === 0
        ? parseExpression("false")
        : joined(
            "OR_EXPR",
            names.map((one) => columnRef(free, one)),
          ),
  };
}

async function valuesOf(
  { session }: Context,
  as: ActingAs,
  query: Node | undefined,
): Promise<readonly Node[] | undefined> {
  const select = part(query, "SelectStmt");
  if (select === undefined || readsRow(select) || outerNames(select).length > 0) return undefined;
  const answer = await session.ask(
    as,
    `select coalesce(pg_catalog.json_agg(pg_catalog.json_build_array(v::text, t)), '[]')::text ` +
      `from (select distinct v, pg_catalog.pg_typeof(v)::text as t from (${printSelect(select)}) as q(v) limit ${valueLimit + 1}) as d`,
  );
  if (isError(answer) || !("value" in answer) || answer.value === null) return undefined;
  const found = JSON.parse(answer.value) as readonly (readonly [string | null, string])[];
  return found.map(([value, type]) => valueLiteral(value, type));
}
