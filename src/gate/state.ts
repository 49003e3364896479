import { type ClientBase, DatabaseError } from "pg";
import { now } from "../lib/clock.ts";
import { readSql } from "../lib/sql-file.ts";
import { formatQualified } from "../lib/sql-text.ts";
import { isCode } from "../model/answers.ts";
import type { RelationInfo, RoutineInfo } from "../model/catalog.ts";
import type { Fingerprint } from "../model/fingerprint.ts";
import type { Issue } from "../model/errors.ts";
import type { Matrix, RelationSpec } from "../model/matrix.ts";
import { isExposed, mayCall } from "../model/routine.ts";
import type { Target } from "../model/target.ts";
import { signIn } from "../persona/sign-in.ts";
import { channelsOf } from "../plan/channels.ts";
import { findRelation } from "../plan/missing.ts";
import { type CellOptions, cellsOf } from "../plan/plan.ts";
import type { Cell } from "../model/cell.ts";
import { isAssignment } from "../model/cell.ts";
import { type DirectChannel, openDirectChannel } from "../probe/sql/channel.ts";
import { sampleRows } from "../probe/sql/survey.ts";
import { type SessionRules, sessionRules } from "../probe/sessions.ts";
import { load, type Loaded } from "../run/1-load.ts";
import { inspect, type Inspected } from "../run/2-inspect.ts";
import { visibleRows } from "../run/4-probe.ts";
import { matrixIssues } from "../run/matrix-issues.ts";
import { gatewayOf } from "../run/request.ts";
import type { Clones } from "./clones.ts";
import { insideTransaction, placeOf } from "./inside.ts";
import { changesOf, type PendingStatement } from "./migrations.ts";
import { readFuture, type FutureFacts } from "./future.ts";
import { allKeys } from "./keys.ts";
import { type Powers, readPowers } from "./powers.ts";
import { fittingRows } from "./seed.ts";
import { readSideWrites, type SideWriting } from "./side-writes.ts";

export interface GateRequest {
  readonly matrix: Matrix;
  readonly target: Target;
  readonly pending: readonly PendingStatement[];
  /** Copies in which the first statements are committed: where some cannot be applied in a transaction. */
  readonly clones?: Clones | undefined;
  /** Rows of the seed that need what the migrations create: sent after them, and left out where it is not there. */
  readonly later?: readonly PendingStatement[] | undefined;
  /** What was left out or put off, for the report. */
  readonly notes?: readonly string[] | undefined;
  /** The matrix at the commit from which the migrations begin; `undefined`: there was none. */
  readonly base?: { readonly name: string; readonly matrix: Matrix | undefined } | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Apply migrations, in transactions that are rolled back, where others work too. */
  readonly onSharedTarget: boolean;
  /** A function or role in reach that these migrations bring, and that the matrix leaves out, is a finding. */
  readonly requireComplete: boolean;
  readonly interrupted?: AbortSignal | undefined;
}

/** The database after the first `count` of the pending statements, seen from inside a transaction that is rolled back. */
export interface State {
  readonly count: number;
  /** The matrix, as far as it fits, and every other relation of the exposed schemas as denied to everybody. */
  readonly plan: Inspected;
  /** Relations and functions of the matrix that fit. */
  readonly fitted: Matrix;
  readonly issues: readonly Issue[];
  /** Findings of the matrix as it is. */
  readonly findings: Inspected["findings"];
  readonly future: FutureFacts;
  /** Keys of all rows, by the relation's oid. */
  readonly keys: ReadonlyMap<string, readonly string[]>;
  readonly cells: readonly Cell[];
  /** Code in force that writes besides what a statement says. */
  readonly sideWrites: readonly SideWriting[];
  readonly powers: Powers;
  /** Tables whose rows are also those of each, by oid: partitions and tables that inherit from it. */
  readonly children: ReadonlyMap<string, readonly string[]>;
  /** What is in force, as marks: where none differs between two states, neither does what policies say. */
  readonly marks: string;
  readonly sessions: SessionRules;
  /** Where it is asked about, and what each transaction there begins with. */
  readonly target: Target;
  readonly changes: readonly string[];
  readonly channel: DirectChannel;
  /** What decides the cells of each relation and function, rows too. */
  fingerprints(): Promise<readonly Fingerprint[]>;
  /** A question of the privileged connection's. */
  ask<T>(question: (client: ClientBase) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/**
 * @param early statements after these that write rows, applied as far as there is room for them
 * @param bare oids of relations of which the matrix is left aside: they are asked about as those that it does not name
 * @throws RowgateError where a statement fails, with its file and line
 */
export async function openState(
  request: GateRequest,
  count: number,
  bare: ReadonlySet<string> = new Set(),
  early: readonly PendingStatement[] = [],
): Promise<State> {
  const place = placeOf(request, count);
  const { target } = place;
  const applied = [...place.applied, ...(await fittingRows(place, request.later ?? [], early))];
  const read = await insideTransaction(target, applied, (client) => readState(client, request, bare));
  const { plan } = read;
  const identities = signIn(request, plan.settings, now(), plan.cells);
  const home = plan.catalog.login;
  const gateway = target.rest !== undefined;
  const sessions = sessionRules({ identities, inForce: plan.settings, gateway, home: home.name });
  const opened = await openDirectChannel({ target, sessions, home });
  const kept = plan.lints["immutable-reads-setting"].length === 0;
  const changes = changesOf(applied);
  const channel = opened.under(changes, kept);
  const cells = read.cells.filter((cell) => cell.channels.includes("direct") && !isAssignment(cell));
  let known: Promise<readonly Fingerprint[]> | undefined;
  return {
    ...read,
    count,
    cells,
    sessions,
    target,
    changes,
    channel,
    fingerprints: () => (known ??= insideTransaction(target, applied, readFingerprints)),
    ask: (question) => insideTransaction(target, applied, question),
    close: () => opened.close(),
  };
}

async function readFingerprints(client: ClientBase): Promise<readonly Fingerprint[]> {
  return (await client.query<Fingerprint>(readSql("watch_fingerprint.sql"))).rows;
}

type Read = Pick<
  State,
  | "plan"
  | "fitted"
  | "issues"
  | "findings"
  | "future"
  | "keys"
  | "marks"
  | "cells"
  | "sideWrites"
  | "powers"
  | "children"
>;

async function readState(
  client: ClientBase,
  { matrix, target }: GateRequest,
  bare: ReadonlySet<string>,
): Promise<Read> {
  const { loaded, broken } = await loadReadable(client, matrix, target);
  const { fitted, issues: misfits } = await fit(client, loaded);
  const issues = [...misfits, ...broken];
  const filters = { only: [], personas: [], channels: matrix.channels };
  const { findings } = await inspect(client, { ...loaded, matrix: fitted }, filters);
  const plan = await inspect(
    client,
    { ...loaded, matrix: widened(without(fitted, loaded, bare), loaded, target) },
    filters,
  );
  const options: CellOptions = {
    channels: channelsOf(matrix, ["direct"]),
    exposed: gatewayOf(target)?.schemas ?? [],
    wants: () => true,
  };
  const cells: Cell[] = [];
  for (const work of [...plan.work, ...plan.functions]) {
    const visible = "routine" in work ? undefined : await visibleRows(client, plan, work, matrix.personas);
    cells.push(...cellsOf(plan, work, matrix.personas, options, visible));
  }
  const future = await readFuture(client, { ...plan, matrix });
  const planned = new Map(cells.map(({ relation }) => [relation.info.oid, relation]));
  const keys = await allKeys(client, [...planned.values()]);
  const { rows } = await client.query(readSql("gate_marks.sql"));
  const marks = JSON.stringify(rows);
  const asked = plan.work.map(({ relation }) => relation.info.oid);
  const [sideWrites, powers] = await withWholeNames(
    client,
    async () =>
      [
        await readSideWrites(client, callable(loaded), withRows(loaded)),
        await readPowers(client, matrix, asked),
      ] as const,
  );
  const children = await readChildren(client);
  return { plan, fitted, issues, findings, future, keys, marks, cells, sideWrites, powers, children };
}

/** Postgres prints names with their schema where search_path does not lead to them. */
async function withWholeNames<T extends readonly unknown[]>(
  client: ClientBase,
  ask: () => Promise<T>,
): Promise<T> {
  await client.query("savepoint rowgate_names; set local search_path = pg_catalog");
  const found = await ask();
  await client.query("rollback to savepoint rowgate_names; release savepoint rowgate_names");
  return found;
}

async function readChildren(client: ClientBase): Promise<State["children"]> {
  const { rows } = await client.query<{ parent: string; children: string[] }>(readSql("gate_children.sql"));
  return new Map(rows.map(({ parent, children }) => [parent, children]));
}

/** Functions that personas may call: exposed ones, and, where they come through no gateway, all. */
function callable({ matrix, catalog, directRoles }: Loaded): readonly RoutineInfo[] {
  const roles = new Set(matrix.personas.map(({ role }) => role));
  const held = catalog.roles.filter(({ name, superuser }) => roles.has(name) && !superuser);
  return catalog.routines.filter((one) =>
    held.some(({ name }) => mayCall(one, name) && (directRoles.has(name) || isExposed(one, matrix.exposes))),
  );
}

/** Functions of whose calls the matrix says which rows they return. */
function withRows({ matrix, catalog }: Loaded): ReadonlySet<string> {
  const said = matrix.functions.filter(({ declarations }) =>
    declarations.some(({ expectation }) => "predicate" in expectation),
  );
  return new Set(
    catalog.routines.flatMap((one) =>
      said.some(({ schema, name }) => schema === one.schema && name === one.name) ? one.oid : [],
    ),
  );
}

/**
 * What the database holds, without the views that no user can read, since what they call fails: these are issues. Nor with those
 * that the matrix leaves out and that policies filter by their owner: of them no ground truth is known, and that they are left out
 * is a finding.
 */
async function loadReadable(
  client: ClientBase,
  matrix: Matrix,
  target: Target,
): Promise<{ readonly loaded: Loaded; readonly broken: readonly Issue[] }> {
  const loaded = await load(client, matrix, gatewayOf(target), { besides: ["storage", "realtime"] });
  const { relations } = loaded.catalog;
  const broken = new Map<string, Issue>();
  const filtered = new Set<string>();
  for (const info of relations.filter(({ kind }) => kind === "view" || kind === "foreign")) {
    const spec = specOf(matrix, info);
    const failure = await sampleRows(client, [{ info, key: [] }]).then(
      () => undefined,
      (cause: unknown) => cause,
    );
    if (failure === undefined) continue;
    if (!(failure instanceof DatabaseError)) throw failure;
    const isFiltered = isCode(failure.code, "insufficientPrivilege");
    if (isFiltered && spec?.control !== undefined) continue;
    if (isFiltered && spec !== undefined) throw failure;
    if (isFiltered) filtered.add(info.oid);
    else broken.set(info.oid, unreadable(info, failure, matrix));
  }
  const readable = relations.filter(({ oid }) => !broken.has(oid) && !filtered.has(oid));
  const catalog = { ...loaded.catalog, relations: readable };
  return { loaded: { ...loaded, catalog }, broken: [...broken.values()] };
}

function specOf({ relations }: Matrix, info: RelationInfo): RelationSpec | undefined {
  return relations.find(({ schema, name }) => schema === info.schema && name === info.name);
}

function unreadable(info: RelationInfo, failure: DatabaseError, matrix: Matrix): Issue {
  const { file } = matrix;
  const spec = specOf(matrix, info);
  return {
    code: "gate/unreadable",
    message: `the ${info.kind === "view" ? "view" : "foreign table"} ${formatQualified(info)} cannot be read: ${failure.message} [${failure.code ?? "?"}]`,
    at: spec?.at ?? { file, line: 1, column: 1 },
  };
}

/** The matrix without the relations and functions that this state does not have as it describes them. */
async function fit(
  client: ClientBase,
  loaded: Loaded,
): Promise<{ readonly fitted: Matrix; readonly issues: readonly Issue[] }> {
  const { matrix } = loaded;
  const issues = await matrixIssues(client, loaded);
  if (issues.length === 0) return { fitted: matrix, issues };
  const fits = async (part: Pick<Matrix, "relations" | "functions">): Promise<boolean> =>
    (await matrixIssues(client, { ...loaded, matrix: { ...matrix, ...part } })).length === 0;
  const relations: Matrix["relations"][number][] = [];
  for (const spec of matrix.relations)
    if (await fits({ relations: [spec], functions: [] })) relations.push(spec);
  const functions: Matrix["functions"][number][] = [];
  for (const spec of matrix.functions)
    if (await fits({ relations: [], functions: [spec] })) functions.push(spec);
  return { fitted: { ...matrix, relations, functions }, issues };
}

function without(fitted: Matrix, { catalog }: Loaded, bare: ReadonlySet<string>): Matrix {
  const relations = fitted.relations.filter((spec) => !bare.has(findRelation(catalog, spec)?.oid ?? ""));
  return { ...fitted, relations };
}

function oidsOf({ fitted, plan }: State): ReadonlySet<string> {
  return new Set(fitted.relations.map((spec) => findRelation(plan.catalog, spec)?.oid ?? ""));
}

/** Relations that are there in both states, and that the matrix fits in only one of them. */
export function fittedOnce(one: State, other: State): ReadonlySet<string> {
  const [fits, fitsOther] = [oidsOf(one), oidsOf(other)];
  const there = new Set(one.plan.catalog.relations.map(({ oid }) => oid));
  return new Set(
    other.plan.catalog.relations
      .map(({ oid }) => oid)
      .filter((oid) => there.has(oid) && fits.has(oid) !== fitsOther.has(oid)),
  );
}

/** Every relation in reach is asked about, whether the matrix names it or not: what is not declared is denied. */
function widened(fitted: Matrix, { catalog, matrix, directRoles }: Loaded, target: Target): Matrix {
  const named = new Set(fitted.relations.map((one) => formatQualified(one)));
  const exposed = new Set([...matrix.exposes, ...(gatewayOf(target)?.schemas ?? [])]);
  const reached = (schema: string): boolean => exposed.has(schema) || directRoles.size > 0;
  const others = catalog.relations
    .filter(
      (one) =>
        (reached(one.schema) || isPlatforms(one)) &&
        one.kind !== "function" &&
        !named.has(formatQualified(one)),
    )
    .map(({ schema, name }): RelationSpec => ({ ...undeclared(matrix), schema, name }));
  return { ...fitted, relations: [...fitted.relations, ...others] };
}

/** Whose policies the platform's own services ask, though PostgREST does not expose them. */
const platforms: ReadonlySet<string> = new Set(["storage.objects", "storage.buckets", "realtime.messages"]);

function isPlatforms(one: RelationInfo): boolean {
  return platforms.has(formatQualified(one));
}

function undeclared({ file }: Matrix): Omit<RelationSpec, "schema" | "name"> {
  const at = { file, line: 0, column: 0 };
  const nothing = { key: undefined, control: undefined, survives: undefined, rowSets: [] };
  return { ...nothing, at, declarations: [], candidates: [] };
}

/** Whether the matrix says something about the relation or function of a cell. */
export function isNamed({ fitted }: Pick<State, "fitted">, { relation: { info }, call }: Cell): boolean {
  const specs = call === undefined ? fitted.relations : fitted.functions;
  return specs.some(({ schema, name }) => schema === info.schema && name === info.name);
}
