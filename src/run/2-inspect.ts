import type { ClientBase } from "pg";
import { readWaysAround } from "../catalog/bypass-paths.ts";
import { readDeciding } from "../catalog/authorization-columns.ts";
import { schemasInReach } from "../catalog/reach.ts";
import { readImmutable } from "../catalog/immutable.ts";
import { sampleRows } from "../probe/sql/survey.ts";
import { untriedArguments } from "../lint/arguments.ts";
import { cascadeFindings } from "../lint/cascades.ts";
import { findFindings } from "../lint/findings.ts";
import { untriedMoves } from "../lint/forbidden-updates.ts";
import { sessionFindings } from "../lint/sessions.ts";
import { survivorFindings } from "../lint/side-effects.ts";
import type { Finding } from "../model/finding.ts";
import type { RunFilters } from "../model/run.ts";
import { byPosition, IssuesError } from "../model/errors.ts";
import { settle } from "../plan/expectation.ts";
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
  return { ...planned, ...countAsked(planned, filters), findings: await lint(client, loaded, functions) };
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

async function lint(
  client: ClientBase,
  loaded: Loaded,
  functions: readonly PlannedFunction[],
): Promise<readonly Finding[]> {
  const { matrix, catalog, settings, schemas, directRoles, gateway, gatewaySettings } = loaded;
  const around = await readWaysAround(client, matrix.personas, schemas);
  const deciding = await readDeciding(client, schemas);
  const immutable = (await readImmutable(client)).filter(({ readsSetting }) => readsSetting);
  return [
    ...findFindings(matrix, catalog, {
      immutable: immutable.map(({ name }) => name),
      declared: new Set(functions.map(({ routine }) => routine.oid)),
      direct: directRoles,
      anonRole: gatewaySettings?.anonRole,
    }),
    ...(await unlistedSchemas(client, loaded)),
    ...unheededPreRequest(loaded),
    ...cascadeFindings(matrix, catalog, (spec, persona, operation) => {
      return (settle(spec, persona, operation)?.expectation.kind ?? "deny") === "deny";
    }),
    ...untriedArguments(functions),
    ...untriedMoves(
      matrix,
      catalog,
      deciding,
      (spec, persona) => settle(spec, persona, "update")?.declaration,
    ),
    ...sessionFindings(matrix, catalog, settings, gateway !== undefined),
    ...around.map((way): Finding => ({ kind: "login-bypass-path", ...way })),
    ...survivorFindings(matrix, loaded.sideEffects),
  ];
}

/** Exposed, and not by the matrix: nobody has looked there for what nobody declares. */
async function unlistedSchemas(
  client: ClientBase,
  { matrix: { exposes, personas }, gateway, gatewaySettings }: Loaded,
): Promise<readonly Finding[]> {
  if (gatewaySettings === undefined) return [];
  const also = new Set([...(gateway?.schemas ?? []), ...gatewaySettings.schemas]);
  const asking = personas.flatMap(({ role, login }) => (login === undefined ? role : []));
  const inReach = await schemasInReach(client, exposes, [...asking, gatewaySettings.anonRole]);
  return inReach
    .filter((name) => also.has(name))
    .map((schema) => ({ kind: "undeclared-exposed-schema", schema }));
}

/** It may do anything to a request: what probes saw without it says nothing of those that pass through it. */
function unheededPreRequest({ gateway, gatewaySettings }: Loaded): readonly Finding[] {
  const called = gatewaySettings?.preRequest;
  const heeded = gateway?.preRequest && `${gateway.preRequest.schema}.${gateway.preRequest.name}`;
  return called === undefined || called === heeded ? [] : [{ kind: "missing-pre-request", function: called }];
}
