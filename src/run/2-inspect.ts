import type { ClientBase } from "pg";
import { routinesMeant } from "../plan/routine.ts";
import { openSqlParser } from "../catalog/parse.ts";
import { sampleRows } from "../probe/sql/survey.ts";
import { findFindings } from "../lint/findings.ts";
import { formatQualified } from "../lib/sql-text.ts";
import type { Finding } from "../model/finding.ts";
import type { RunFilters } from "../model/run.ts";
import { byPosition, IssuesError } from "../model/errors.ts";
import { resolveExpectation } from "../plan/expectation.ts";
import { watchedFilterOf } from "../plan/filters.ts";
import { type PlannedFunction, planFunction } from "../plan/function.ts";
import { countOf, type Plan, type RelationWork } from "../plan/plan.ts";
import { planRelation } from "../plan/relation.ts";
import type { Loaded } from "./1-load.ts";
import { explainUnprivileged, matrixIssues } from "./matrix-issues.ts";

/** A matrix that fits its database, planned, with what the catalogue alone shows. */
export interface Inspected extends Loaded, Plan {
  readonly findings: readonly Finding[];
  /** How many cells were asked for. */
  readonly cells: number;
  /** Filters that matched none of them. */
  readonly unmatched: Pick<RunFilters, "only" | "personas">;
}

export interface PreflightedRun extends Inspected {
  /** That the stages before probing took. */
  readonly milliseconds: number;
}

/** Stage 2: refuses a matrix that does not fit, plans the others, lints. @throws IssuesError `preflight/failed`, all issues at once */
export async function inspect(client: ClientBase, loaded: Loaded, filters: RunFilters): Promise<Inspected> {
  const { matrix, catalog } = loaded;
  const issues = await matrixIssues(client, loaded);
  if (issues.length > 0)
    throw new IssuesError(
      "preflight/failed",
      `The matrix ${matrix.name} does not fit the database ${catalog.database}.`,
      issues.toSorted(byPosition),
    );
  const functions = matrix.functions.map((spec) => planFunction(spec, catalog));
  const planned = { ...loaded, work: await planRelations(client, loaded), functions };
  return { ...planned, ...countAsked(planned, filters), findings: await lint(loaded, functions) };
}

/** None where the matrix speaks no channel that was asked for. */
function countAsked(plan: Plan, filters: RunFilters): Pick<Inspected, "cells" | "unmatched"> {
  if (!filters.channels.some((channel) => plan.matrix.channels.includes(channel)))
    return { cells: 0, unmatched: filters };
  const { wants, idle } = watchedFilterOf(filters);
  return { cells: countOf(plan, wants), unmatched: idle() };
}

async function planRelations(
  client: ClientBase,
  { matrix, catalog }: Loaded,
): Promise<readonly RelationWork[]> {
  const work: RelationWork[] = [];
  for (let from = 0; from < matrix.relations.length; from += 50) {
    const specs = matrix.relations.slice(from, from + 50);
    const planned = specs.map((spec) => planRelation(spec, catalog, []));
    const samples = await sampleRows(
      client,
      planned.map(({ baseline, key }) => ({ info: baseline, key })),
    ).catch((cause: unknown) => {
      throw explainUnprivileged(catalog, cause);
    });
    work.push(
      ...specs.map((spec, index) => ({ spec, relation: planRelation(spec, catalog, samples[index] ?? []) })),
    );
  }
  return work;
}

/** What the catalogue alone shows, compared with the matrix. */
async function lint(loaded: Loaded, functions: readonly PlannedFunction[]): Promise<readonly Finding[]> {
  const { gateway, gatewaySettings } = loaded;
  const named = gateway?.preRequest;
  return findFindings({
    ...loaded,
    functions,
    waivedFunctions: new Set(
      (loaded.matrix.waivedFunctions ?? [])
        .flatMap((one) => routinesMeant(loaded.catalog, one))
        .map(({ oid }) => oid),
    ),
    sql: await openSqlParser(),
    gateway: gatewaySettings && {
      anonRole: gatewaySettings.anonRole,
      schemas: new Set([...(gateway?.schemas ?? []), ...gatewaySettings.schemas]),
      preRequest: { called: gatewaySettings.preRequest, named: named && formatQualified(named) },
    },
    declared: (spec, persona, operation) => {
      const resolved = resolveExpectation(spec, persona, operation);
      return {
        denies: (resolved?.expectation.kind ?? "deny") === "deny",
        declaration: resolved?.declaration,
      };
    },
  });
}
