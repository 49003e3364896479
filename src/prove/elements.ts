import type { Node } from "libpg-query";
import { quoteIdent } from "../lib/sql-text.ts";
import { parseExpression } from "../lib/sql-tree.ts";
import { columnOf, plainColumn } from "./analyse/comparable.ts";
import type { ProofColumn, ProofRelation } from "./analyse/schema.ts";
import { free, part, printExpression, readsRow, stringOf } from "./analyse/tree.ts";
import { hasIdentity, isArray } from "./analyse/types.ts";
import { type ActingAs, isError } from "./ask/step.ts";
import type { Context } from "./context.ts";

/**
 * A condition on the elements of an array of the row: `'public' = any (tags)`, `tags @> '{public}'`, `tags && '{public,team}'`. Nothing
 * else of the array counts, so that what it says is known for all arrays once it is known which of these elements are there.
 * https://www.postgresql.org/docs/current/functions-array.html
 */
export interface OfElements {
  /** Each may be so or not: an element is there, one is NULL, the array is. */
  readonly facts: readonly string[];
  /** @param name of the variable that says so, by place */
  readonly tree: (names: readonly string[]) => Node;
}

export async function ofElements(
  { session, space }: Context,
  as: ActingAs,
  atom: Node,
): Promise<OfElements | undefined> {
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
  if (elements.length > elementLimit) return undefined;
  const fact = (what: string | null | undefined): string =>
    `${column.name} ${JSON.stringify(what ?? null)} ${what === undefined}`;
  return {
    facts: [fact(undefined), fact(null), ...elements.map(fact)],
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

/** Each doubles the cases that are asked about. */
const elementLimit = 3;

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
  const [of, values] =
    form.columnFirst || (form.how === "some" && !readsRow(rexpr)) ? [lexpr, rexpr] : [rexpr, lexpr];
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
