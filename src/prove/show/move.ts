import { isCode } from "../../model/answers.ts";
import { quoteIdent, quoteQualified } from "../../lib/sql-text.ts";
import type { Row } from "../ask/evaluate.ts";
import { privileged, isError, type Step, type StepAnswer } from "../ask/step.ts";
import { changedTry, insertedTry, placed, type Try } from "./place.ts";
import { filledRows, rankedHits, standingRows, typedLiteral } from "./rows.ts";
import { likelier, refusal, type Showing, type Shown } from "./shown.ts";

/** Changes a row that the persona may change into one that is not declared; or into one that is, and is refused. */
export async function showMove(
  { space, as, declared }: Showing,
  from: readonly Row[],
  into: readonly Row[],
  { select, update }: { readonly select: readonly string[]; readonly update: readonly string[] },
  { blind, side }: { readonly blind: boolean; readonly side: "more" | "less" },
): Promise<Shown> {
  const { relation, session } = space;
  const table = quoteQualified(relation);
  const byPlace = select.length === relation.columns.length && !blind;
  // A statement that meets other rows too may be refused because of them.
  if (side === "less" && !byPlace)
    return { kind: "not-shown", message: "no row can be changed by itself", witness: into[0] ?? {} };
  const templates = await standingRows(space);
  let best: Shown | undefined;
  for (const target of (await rankedHits(space, into)).slice(0, 10)) {
    const frozen = Object.fromEntries(Object.entries(target).filter(([name]) => !update.includes(name)));
    const sets = Object.entries(target).flatMap(([name, value]) => {
      const column = relation.columns.find((one) => one.name === name);
      return column === undefined ||
        !update.includes(name) ||
        column.generated ||
        column.identity === "always"
        ? []
        : [`${quoteIdent(name)} = ${typedLiteral(column, value)}`];
    });
    if (sets.length === 0) continue;
    const statement = `update ${table} set ${sets.join(", ")}${byPlace ? ` where ${placed(table)}` : ""}`;
    const starts = [
      ...templates.slice(0, 12).map((one): Try => changedTry(space, one, frozen)),
      ...from
        .slice(0, 6)
        .flatMap((one) =>
          templates.slice(0, 1).map((row): Try => changedTry(space, row, { ...one, ...frozen })),
        ),
      ...(
        await filledRows(
          space,
          from.slice(0, 4).map((one) => ({ ...one, ...frozen })),
          undefined,
        )
      ).map((one) => insertedTry(space, one)),
    ];
    const outcomes = await Promise.all(
      starts.map(async ({ setup, place }): Promise<Shown> => {
        const written = `pg_catalog.age(${quoteIdent(declared.alias)}.xmin) <= 0`;
        const outside =
          `select pg_catalog.json_build_array(count(*) filter (where (${declared.text}) is not true and ${written}), ` +
          `count(*) filter (where ${placed(quoteIdent(declared.alias))}))::text from ${table} as ${quoteIdent(declared.alias)}`;
        const before: Step = { as: privileged, sql: outside, rows: true, goOn: true };
        const [put, was, did, after] = await session.run([
          { as: privileged, sql: place, rows: true },
          before,
          { as, sql: statement, rows: false },
          { as: privileged, sql: outside, rows: true },
        ]);
        if (isError(put) || put === undefined || ("value" in put && put.value === null))
          return { kind: "not-shown", message: "no row to start from", witness: target };
        if (side === "less" && isError(did) && isCode(did.code, "insufficientPrivilege"))
          return { kind: "hit", side, statement, setup, witness: target };
        if (isError(did))
          return isCode(did.code, "insufficientPrivilege")
            ? { kind: "not-shown", message: did.message, witness: target }
            : refusal(did, target);
        const touched = did !== undefined && "touched" in did ? did.touched : 0;
        const [[a], [b, still]] = [countsOf(was), countsOf(after)];
        if (side === "less") return { kind: "not-shown", message: "nothing refused it", witness: target };
        // The row that was put in may be outside before: then the statement must have changed it, and not only others.
        if (touched > 0 && b > 0 && (setup === undefined || b > a || still === 0))
          return { kind: "hit", side: "more", statement, setup, witness: target };
        return {
          kind: "not-shown",
          message: touched === 0 ? "the row to start from is out of reach" : "a trigger put the row back",
          witness: target,
        };
      }),
    );
    const hit = outcomes.find(({ kind }) => kind === "hit");
    if (hit !== undefined) return hit;
    for (const one of outcomes) best = likelier(best, one);
  }
  return best ?? { kind: "not-shown", message: "no row could be changed into it", witness: into[0] ?? {} };
}

/** Rows that were written and are not declared, and whether the row to start from is there as it was. */
function countsOf(answer: StepAnswer | undefined): readonly [outside: number, placed: number] {
  if (answer === undefined || !("value" in answer) || answer.value === null) return [0, 1];
  return JSON.parse(answer.value) as [number, number];
}
