import type { ProofColumn, ProofRelation } from "../prove/analyse/schema.ts";
import { mayEnd } from "./belonging.ts";
import { listedValues, type Sql, sqlText } from "./values.ts";

/** The services' own tables get what they must have. */
export function isPlatform({ schema }: ProofRelation): boolean {
  return schema === "auth" || schema === "storage" || schema === "realtime";
}

export function isNeeded(relation: ProofRelation, column: ProofColumn): boolean {
  const isKey = [...relation.uniques, ...relation.keys].some((key) => key.includes(column.name));
  const must = column.notNull || column.domainNotNull;
  if (isKey && (must || !isPlatform(relation))) return true;
  return (
    must &&
    (column.expression === null || /auth\.uid\(|current_setting\(/.test(column.expression)) &&
    column.identity === null
  );
}

/** An empty text says less of a row than a text, and a probe that writes values back finds none in it. */
export function isOrdinary({ category, notNull, expression, identity, name, labels }: ProofColumn): boolean {
  return (
    !notNull &&
    !mayEnd(name) &&
    expression === null &&
    identity === null &&
    (category === "S" || category === "N") &&
    labels === null
  );
}

/** A key that is listed in a check takes what is listed. */
export function keyed(relation: ProofRelation, column: ProofColumn): ProofColumn {
  const listed = listedValues(column, relation);
  return listed.length === 0 ? column : { ...column, labels: listed };
}

/** No two tables share a key, so that a value tells where it comes from. */
export function ownUuid({ schema, name }: ProofRelation, index: number): Sql {
  let hash = 7;
  for (const sign of `${schema}.${name}`) hash = (hash * 31 + (sign.codePointAt(0) ?? 0)) % 0x0fffffff;
  return sqlText(`${(0x20000000 + hash).toString(16)}-0000-4000-8000-00000000000${index + 1}`);
}
