import { quoteIdent, quoteLiteral, quoteQualified } from "../../lib/sql-text.ts";
import type { Witness } from "../../model/proof.ts";
import type { Row } from "../ask/evaluate.ts";
import type { Space } from "../ask/product.ts";
import { privileged, type Step } from "../ask/step.ts";
import { fill, type Filled, insertSql, type StandingRow, standingRows, typedLiteral } from "./rows.ts";

/** The row that was put in place, where its table goes by that name. */
export function placed(name: string): string {
  const [ctid, table] = ["ctid", "table"].map((one) => `pg_catalog.current_setting('rowgate.${one}')`);
  return `${name}.ctid = ${ctid}::tid and ${name}.tableoid = ${table}::oid`;
}

/** A way to have a row in place. */
export interface Try {
  readonly setup: string | undefined;
  /** Finds it, or makes it, and remembers where it is. */
  readonly place: string;
  readonly witness: Witness;
  /** What is known of its values. */
  readonly row: Row;
}

const remember =
  "select pg_catalog.set_config('rowgate.ctid', ctid::text, true) || pg_catalog.set_config('rowgate.table', tableoid::text, true)";

function placeOfPut(setup: string): string {
  return `with put as (${setup} returning ctid, tableoid) ${remember} from put`;
}

export function placeSql({ relation }: Space, { ctid, table }: StandingRow): string {
  return `${remember} from ${quoteQualified(relation)} where ctid = ${quoteLiteral(ctid)} and tableoid = ${table}`;
}

export function insertedTry(space: Space, { row, witness }: Filled): Try {
  const setup = insertSql(space, row, true);
  return { setup, place: placeOfPut(setup), witness, row };
}

/** A row that is there, changed: it meets the constraints already. */
export function changedTry(space: Space, { ctid, table, row: before }: StandingRow, witness: Witness): Try {
  const { relation } = space;
  const row = { ...before, ...witness };
  const sets = Object.entries(witness).flatMap(([name, value]) => {
    const column = relation.columns.find((one) => one.name === name);
    return column === undefined || column.generated || column.identity === "always"
      ? []
      : [`${quoteIdent(name)} = ${typedLiteral(column, value)}`];
  });
  const setup = `update ${quoteQualified(relation)} set ${sets.join(", ")} where ctid = ${quoteLiteral(ctid)} and tableoid = ${table}`;
  if (sets.length === 0)
    return { setup: undefined, place: placeSql(space, { ctid, table, row }), witness, row };
  return { setup, place: placeOfPut(setup), witness, row };
}

/** A row that is new. @param fresh with new values in every column that is unique, alone or with others */
export async function wayToInsert(space: Space, witness: Row, fresh: boolean): Promise<Try> {
  const [template] = await standingRows(space);
  return insertedTry(space, {
    row: await fill(space, witness, undefined, template?.row ?? {}, fresh),
    witness,
  });
}

/** As a replica, triggers and foreign keys are off. */
export function actAs(name: "replica" | "origin"): Step {
  const sql = `select pg_catalog.set_config('session_replication_role', '${name}', true)`;
  return { as: privileged, sql, rows: true, goOn: true };
}
