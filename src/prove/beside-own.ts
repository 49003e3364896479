import { quoteIdent, quoteLiteral } from "../lib/sql-text.ts";
import type { Hit, ProofAnswer as Answer } from "../model/proof.ts";
import type { Json } from "../model/matrix.ts";
import type { Condition } from "./analyse/policy.ts";
import type { ProofColumn } from "./analyse/schema.ts";
import { isJson } from "./analyse/types.ts";
import type { Row } from "./ask/evaluate.ts";
import { undecided } from "./compared.ts";
import type { Context } from "./context.ts";
import { type OwnValue, rowsThatName, tellingIdentities } from "./own.ts";
import { typedLiteral } from "./show/rows.ts";

const roundLimit = 4;

/**
 * Under a deny a row of the persona's own was reached. Nothing but such rows may be: with what makes them its own declared, the rest is
 * proved as of any row set.
 * @param rows that are reached and not declared
 * @param prove the cell with these rows declared in place of the deny
 */
export async function besideOwnRows(
  context: Context,
  hit: Hit,
  rows: readonly Row[],
  prove: (own: Condition) => Promise<Answer>,
): Promise<Answer> {
  const values = new Map<string, OwnValue>();
  let found = rows;
  for (let round = 0; round < roundLimit; round += 1) {
    const known = values.size;
    for (const one of [...(await rowsThatName(context, found)).values()].flat())
      values.set(JSON.stringify(one), one);
    if (values.size === known) break;
    const answer = await prove(rowsWith(context, [...values.values()]));
    if (answer.kind === "all-rows" || answer.kind === "keys-that-exist")
      return { ...hit, restsOn: answer.restsOn };
    if (answer.kind !== "hit" || !answer.own) return answer;
    found = [answer.witness];
  }
  return undecided(
    `more rows of the persona's own than these: ${[...values.values()].map(({ column, value }) => `${column} = ${value}`).join(", ")}`,
    "a row set of its own rows in place of the deny",
  );
}

function rowsWith(
  { knowledge, space: { relation }, identities }: Context,
  values: readonly OwnValue[],
): Condition {
  const names = tellingIdentities(identities);
  const texts = values.flatMap(({ column, value }) => {
    const known = relation.columns.find(({ name }) => name === column);
    return known === undefined ? [] : conditionsOf(known, value, names);
  });
  return knowledge.declared(relation, texts.join(" or "));
}

/** A document names the persona in a place of its own, whatever else it holds; a list does among its members. */
function conditionsOf(column: ProofColumn, value: string, names: readonly string[]): readonly string[] {
  const name = quoteIdent(column.name);
  if (isJson(column)) return placesOf(JSON.parse(value) as Json, name, names);
  const named = names.find((one) => value.includes(one));
  if (column.element !== null && named !== undefined)
    return [`${quoteLiteral(named)}::${column.element} = any (${name})`];
  return [`${name} = ${typedLiteral(column, value)}`];
}

function placesOf(value: Json, at: string, names: readonly string[]): readonly string[] {
  if (Array.isArray(value))
    return value.some((one) => typeof one === "string" && names.includes(one))
      ? names.map((one) => `(${at}) ? ${quoteLiteral(one)}`)
      : [];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, one]) =>
    typeof one === "string" && names.some((name) => one.includes(name))
      ? [`${at} ->> ${quoteLiteral(key)} = ${quoteLiteral(one)}`]
      : placesOf(one as Json, `${at} -> ${quoteLiteral(key)}`, names),
  );
}
