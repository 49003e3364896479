import { acceptedCandidates } from "../arguments/assign.ts";
import type { CallDatabase } from "../arguments/database.ts";
import { type Inserting, insertedFault } from "../arguments/inserts.ts";
import type { Reach } from "../arguments/reach.ts";
import type { Caller } from "../arguments/world.ts";
import { readSql } from "../lib/sql-file.ts";
import { formatQualified } from "../lib/sql-text.ts";
import type { ArgumentFault } from "../model/argument-fault.ts";
import { resolveExpectation } from "../plan/expectation.ts";
import { blockedBy } from "../plan/side-effects.ts";
import { literalFor } from "../plan/subject.ts";
import type { OpenRun } from "./3-open.ts";

/** Values of a column that others go by. */
const valuesAtMost = 3;

/** What declared INSERTs give back that their persona may not read, by the id of the cell. */
export async function tryInserts(
  run: OpenRun,
  callers: readonly Caller[],
  reachOf: (caller: Caller) => Promise<Reach>,
  database: CallDatabase,
): Promise<ReadonlyMap<string, ArgumentFault>> {
  const text = await database.ask(readSql("insert_sources.sql"));
  const sources = new Set(JSON.parse(text ?? "[]") as readonly string[]);
  const found = await Promise.all(
    insertsOf(run, callers)
      .filter(({ info }) => sources.has(info.oid))
      .map(async (one): Promise<readonly (readonly [string, ArgumentFault])[]> => {
        const fault = await insertedFault(one, reachOf, database);
        return fault === undefined ? [] : [[one.cell, fault]];
      }),
  );
  return new Map(found.flat());
}

function insertsOf(
  { plan, options, request }: OpenRun,
  callers: readonly Caller[],
): readonly (Inserting & { readonly cell: string })[] {
  return plan.work.flatMap(({ spec, relation: { info } }) => {
    if (blockedBy(spec, plan.sideEffects, request.target.posture) !== undefined) return [];
    return callers.flatMap((caller) => {
      const { name } = caller.persona;
      const cell = `${name}/${formatQualified(spec)}/insert`;
      const expectation = resolveExpectation(spec, name, "insert")?.expectation;
      if (expectation === undefined || caller.role.superuser || caller.role.bypassRls) return [];
      if (!options.wants(cell, name)) return [];
      const identities = callers.filter((one) => one !== caller).flatMap((one) => one.identities);
      const values = (wanted: string): readonly string[] => {
        const column = info.columns.find((one) => one.name === wanted);
        const fitting =
          column === undefined ? [] : identities.flatMap((one) => literalFor(one, column) ?? []);
        return [...new Set(fitting)].slice(0, valuesAtMost);
      };
      const accepted = acceptedCandidates(spec, { expectation }, caller, plan.matrix.vars);
      return accepted.length === 0 ? [] : [{ cell, info, caller, accepted, values }];
    });
  });
}
