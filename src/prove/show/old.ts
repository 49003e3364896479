import { isCode } from "../../model/answers.ts";
import { quoteIdent, quoteQualified } from "../../lib/sql-text.ts";
import type { SeededRow } from "../../model/proof.ts";
import type { Row } from "../ask/evaluate.ts";
import { privileged, isError, type Step } from "../ask/step.ts";
import { actAs, changedTry, placed, placeSql, type Try, wayToInsert } from "./place.ts";
import { rankedHits, type StandingRow, standingRows } from "./rows.ts";
import { likelier, refusal, type Shown } from "./shown.ts";
import { type OldSide, type Outcome, reached, statementsOf } from "./statements.ts";

/** Puts rows in place on which policy and matrix differ, rows that are there first, and asks as the persona. */
export async function showOld(
  old: OldSide,
  hits: readonly Row[],
  there: readonly StandingRow[],
): Promise<Shown> {
  const { space } = old.showing;
  const standing = there.map(
    (one): Try => ({ setup: undefined, place: placeSql(space, one), witness: one.row, row: one.row }),
  );
  const ranked = await rankedHits(space, hits);
  const templates = (await standingRows(space)).slice(0, 2);
  const ways = await Promise.all(
    ranked.map(async (hit) => {
      // Where the relation reads itself, another row in the place of one that is there would be another database.
      const changed = old.alone ? templates.map((one) => changedTry(space, one, hit)) : [];
      return [await wayToInsert(space, hit, false), ...changed, await wayToInsert(space, hit, true)];
    }),
  );
  const tries = Array.from({ length: Math.max(0, ...ways.map((one) => one.length)) }, (_, index) =>
    ways.flatMap((one) => one[index] ?? []),
  ).flat();
  let best: Shown | undefined;
  for (const one of [...standing.slice(0, 3), ...tries.slice(0, 40)]) {
    const shown = await showOne(old, one);
    if (shown.kind === "hit") return shown;
    best = likelier(best, shown);
  }
  return best ?? { kind: "not-shown", message: "no row could be built", witness: {} };
}

async function showOne(old: OldSide, one: Try): Promise<Shown> {
  const { setup, witness } = one;
  const asked = await askWith(old, one);
  if ("kind" in asked) return asked;
  const { want, expected, outcome } = asked;
  if (outcome.affected && !want && old.side === "more")
    return { kind: "hit", side: "more", statement: outcome.statement, setup, witness };
  if (!outcome.affected && want && old.side === "less" && outcome.error === undefined)
    return { kind: "hit", side: "less", statement: outcome.statement, setup, witness };
  if (outcome.error !== undefined) return { kind: "not-shown", message: outcome.error, witness };
  if (outcome.affected === expected)
    return { kind: "not-shown", message: "the stored row differs from the one that was meant", witness };
  return {
    kind: "mismatch",
    message: `the policy's expression is ${expected} for the row, and the statement ${outcome.affected ? "reached" : "did not reach"} it`,
    witness,
  };
}

/** Puts in a row that is declared, or one that is not, and sees that the persona reaches just that; `undefined`: it could not be shown. */
export async function showAsDeclared(
  old: OldSide,
  rows: readonly Row[],
  inside: boolean,
): Promise<SeededRow | undefined> {
  const { space } = old.showing;
  const ranked = (await rankedHits(space, rows)).slice(0, 16);
  const tries = await Promise.all(
    [false, true].flatMap((fresh) => ranked.map((row) => wayToInsert(space, row, fresh))),
  );
  for (const one of tries) {
    const asked = await askWith(old, one);
    if ("kind" in asked || asked.want !== inside) continue;
    const { affected: isReached, error, code, statement } = asked.outcome;
    // An upsert is bounded by what UPDATE may reach, and the policies of INSERT may refuse it.
    const bound = inside && old.command === "upsert";
    if (isReached !== inside && !bound) continue;
    // Without the privilege every row is refused, this one as well.
    const refused = isCode(code ?? null, "insufficientPrivilege") && (!inside || bound);
    if (error !== undefined && !refused) continue;
    return { inside, reached: isReached, setup: one.setup, statement, witness: one.row };
  }
  return undefined;
}

interface AskedWith {
  /** Does the matrix allow the row, as it was stored? */
  readonly want: boolean;
  /** What the policy's expression says of it. */
  readonly expected: boolean;
  readonly outcome: Outcome;
}

async function askWith(old: OldSide, one: Try): Promise<AskedWith | Shown> {
  const { place, witness } = one;
  const { space, as, declared, policy } = old.showing;
  const table = quoteQualified(space.relation);
  const countAll = `select count(*)::text from ${table}`;
  const byPlace = old.held.select.length === space.relation.columns.length;
  const before: Step[] =
    old.command === "select" && !byPlace ? [{ as, sql: countAll, rows: true, goOn: true }] : [];
  const declaredSql = `select pg_catalog.set_config('rowgate.stored', pg_catalog.to_jsonb(${quoteIdent(declared.alias)}.*)::text, true) || ((${declared.text}) is true)::text from ${table} as ${quoteIdent(declared.alias)} where ${placed(quoteIdent(declared.alias))}`;
  const policySql = `select ((${policy.text}) is true)::text from pg_catalog.jsonb_populate_record(null::${table}, pg_catalog.current_setting('rowgate.stored')::jsonb) as ${quoteIdent(policy.alias)}`;
  const statements = statementsOf(old, byPlace, one.row);
  // Where the others have to stay, their keys must not stop the statement.
  const lone = old.blind && old.command === "delete" && !old.alone ? [actAs("replica")] : [];
  const asked: Step[] = statements.flatMap(({ sql, rows }): Step[] => [
    { as, sql, rows, goOn: true },
    {
      as: privileged,
      sql: `select count(*)::text from ${table} where ${placed(table)}`,
      rows: true,
      goOn: true,
    },
  ]);
  const steps: Step[] = [
    ...before,
    { as: privileged, sql: place, rows: true },
    { as: privileged, sql: declaredSql, rows: true },
    { as, sql: policySql, rows: true, goOn: true, stored: true },
    ...withoutOthers(old, table),
    ...lone,
    ...asked,
  ];
  const answers = await space.session.run(steps);
  const first = before.length;
  const [put, stored, evaluated] = answers.slice(first, first + 3);
  if (isError(put))
    return refusal(isCode(put.code, "insufficientPrivilege") ? { ...put, code: "P0001" } : put, witness);
  if (put === undefined || !("value" in put) || put.value === null)
    return { kind: "refused", by: "trigger", message: "the row could not be put in place", witness };
  if (stored === undefined || !("value" in stored))
    return { kind: "not-shown", message: "the stored row could not be read", witness };
  const want = stored.value?.endsWith("true") === true;
  const expected = evaluated !== undefined && "value" in evaluated && evaluated.value === "true";
  const total =
    before.length > 0 && answers[0] !== undefined && "value" in answers[0]
      ? Number(answers[0].value)
      : undefined;
  const removal = answers.slice(first + 3, steps.length - asked.length - lone.length);
  const only = (byPlace && !old.blind) || (removal.length > 0 && !removal.some(isError));
  return {
    want,
    expected,
    outcome: reached(answers.slice(steps.length - asked.length), statements, old, only, total),
  };
}

/** A blind statement meets every row; what it does to the others must not hide what it does to this one. */
function withoutOthers({ blind, command, alone: independent }: OldSide, table: string): readonly Step[] {
  if (!blind || command === "select" || !independent) return [];
  return [
    actAs("replica"),
    { as: privileged, sql: `delete from ${table} where not (${placed(table)})`, rows: false, goOn: true },
    actAs("origin"),
  ];
}
