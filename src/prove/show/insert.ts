import { isCode } from "../../model/answers.ts";
import { quoteIdent, quoteQualified } from "../../lib/sql-text.ts";
import type { SeededRow, Witness } from "../../model/proof.ts";
import { evaluate, type Row } from "../ask/evaluate.ts";
import { privileged, isError, type Step, type StepAnswer } from "../ask/step.ts";
import { actAs } from "./place.ts";
import { type Filled, filledRows, insertSql, standingRows } from "./rows.ts";
import { likelier, refusal, type Showing, type Shown } from "./shown.ts";

/** Sends rows that the policy would let in, until one is stored that the matrix does not allow. */
export async function showInsert(
  showing: Showing,
  hits: readonly Row[],
  granted: readonly string[],
): Promise<Shown> {
  const { space, declared } = showing;
  let best: Shown | undefined;
  for (const { row, witness } of await filledRows(space, hits, granted)) {
    const statement = insertSql(space, row);
    const outside = `pg_catalog.json_build_array(count(*), count(*) filter (where (${declared.text}) is not true))`;
    const [written, after] = await insertAndCount(showing, statement, outside);
    const one = insertShown(written, after, statement, witness);
    if (one.kind === "hit") return one;
    best = likelier(best, one);
    if (isError(written) && !isCode(written.code, "constraint") && one.kind === "mismatch") break;
  }
  return best ?? { kind: "not-shown", message: "no row could be built", witness: {} };
}

function insertShown(
  written: StepAnswer | undefined,
  after: StepAnswer | undefined,
  statement: string,
  witness: Witness,
): Shown {
  if (isError(written)) return refusal(written, witness);
  const [count, outside] =
    after !== undefined && "value" in after
      ? (JSON.parse(after.value ?? "[0,0]") as [number, number])
      : [0, 0];
  if (count === 0)
    return { kind: "refused", by: "trigger", message: "a trigger kept the row from being stored", witness };
  if (outside > 0) return { kind: "hit", side: "more", statement, setup: undefined, witness };
  return {
    kind: "refused",
    by: "trigger",
    message: "a default or a trigger made a row of it that is declared",
    witness,
  };
}

/** A row that the matrix allows, refused by the policies. */
export async function showRefusedInsert(
  showing: Showing,
  hits: readonly Row[],
  granted: readonly string[],
): Promise<Shown> {
  const { space, as } = showing;
  let best: Shown | undefined;
  for (const { row, witness } of await filledRows(space, hits, granted)) {
    const statement = insertSql(space, row);
    const [written] = await space.session.run([{ as, sql: statement, rows: false }]);
    if (isError(written) && isCode(written.code, "insufficientPrivilege"))
      return { kind: "hit", side: "less", statement, setup: undefined, witness };
    best = likelier(
      best,
      isError(written)
        ? refusal(written, witness)
        : { kind: "mismatch", message: "the row was stored", witness },
    );
  }
  return best ?? { kind: "not-shown", message: "no row could be built", witness: {} };
}

/**
 * An INSERT by the persona of a row that the matrix lets in, which is stored as it is; or of one that it does not, which is refused.
 * @param clears rows that are declared may be taken away first: one of them may be the only one that can be there
 */
export async function showSeededInsert(
  showing: Showing,
  rows: readonly Row[],
  granted: readonly string[],
  { inside, clears }: { readonly inside: boolean; readonly clears: boolean },
): Promise<SeededRow | undefined> {
  const { space, declared } = showing;
  const clearing = `delete from ${quoteQualified(space.relation)} as ${quoteIdent(declared.alias)} where (${declared.text}) is true`;
  const filled = await filledRows(space, rows, granted);
  const tries = [
    ...filled.map(({ row }) => ({ row, setup: undefined })),
    ...(clears ? await inThePlaceOf(showing, filled) : []).map((row) => ({ row, setup: clearing })),
  ];
  for (const { row, setup } of tries) {
    const statement = insertSql(space, row);
    const inDeclared = `(count(*) filter (where (${declared.text}) is true))`;
    const [written, after] = await insertAndCount(showing, statement, inDeclared, setup);
    if (written === undefined) continue;
    const refused = isError(written) && isCode(written.code, "insufficientPrivilege");
    const letIn = !isError(written) && after !== undefined && "value" in after && after.value === "1";
    if (inside ? letIn : refused) return { inside, reached: inside, setup, statement, witness: row };
  }
  return undefined;
}

/** The rows with keys to other tables that rows which are taken away have held: there may be no other that is free. */
async function inThePlaceOf(
  { space, declared }: Showing,
  filled: readonly Filled[],
): Promise<readonly Row[]> {
  const { relation, session } = space;
  const standing = await standingRows(space);
  const truths = await evaluate(
    session,
    { as: privileged, relation, alias: declared.alias, texts: [declared.text] },
    standing,
  );
  const cleared = standing.find((_, index) => truths[index] === "T")?.row;
  const alone = relation.uniques.flatMap((key) => (key.length === 1 ? key : []));
  const held = relation.foreignKeys
    .flatMap(({ columns }) => columns)
    .filter((name) => alone.includes(name) && typeof cleared?.[name] === "string");
  if (held.length === 0) return filled.map(({ row }) => row);
  return filled.flatMap(({ row, witness }) => {
    const taken = held.filter((name) => name in row && !Object.hasOwn(witness, name));
    const keys = Object.fromEntries(taken.map((name) => [name, cleared?.[name] ?? null]));
    return taken.length === 0 ? [row] : [{ ...row, ...keys }, row];
  });
}

/** Writes as the persona, then counts among the rows that this transaction stored. */
async function insertAndCount(
  { space, as, declared }: Showing,
  statement: string,
  counts: string,
  /** Without triggers and foreign keys, by the privileged connection. */
  first?: string,
): Promise<readonly StepAnswer[]> {
  const alias = quoteIdent(declared.alias);
  const stored = `select ${counts}::text from ${quoteQualified(space.relation)} as ${alias} where pg_catalog.age(${alias}.xmin) <= 0`;
  const before: readonly Step[] =
    first === undefined
      ? []
      : [actAs("replica"), { as: privileged, sql: first, rows: false }, actAs("origin")];
  const answers = await space.session.run([
    ...before,
    { as, sql: statement, rows: false },
    { as: privileged, sql: stored, rows: true, goOn: true },
  ]);
  return answers.slice(before.length);
}
