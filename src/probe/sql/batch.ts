import { batchRules } from "../../model/answers.ts";
import type { Cell } from "../../model/cell.ts";
import { operationInfo } from "../../model/operations.ts";
import type { QualifiedName } from "../../lib/sql-text.ts";
import { quoteLiteral, quoteQualified } from "../../lib/sql-text.ts";
import { readSql } from "../../lib/sql-file.ts";
import { WriteRefused, wouldWrite } from "../../model/posture.ts";
import { Numbering } from "./numbering.ts";
import { countingSql, Planning, sessionName } from "./plans.ts";
import type { Batch, BatchMutants, BatchPersona, BatchProbe, BatchRequest } from "./protocol.ts";
import { comesThroughGateway, matrixPath, requestPath, type SessionRules, sessionOf } from "../sessions.ts";
import { argumentsOf } from "./templates.ts";
import { readsOneRow } from "./updates.ts";

/** A request and the cell it is for. */
export interface Posted {
  readonly cell: Cell;
  readonly request: BatchRequest;
}

export interface BatchSettings {
  readonly sessions: SessionRules;
  readonly preRequest: QualifiedName | undefined;
  readonly readOnly: boolean;
  readonly statementTimeoutMs: number;
  /** No function of the database's own calls itself IMMUTABLE, and no persona changes how the server reads values. */
  readonly keepsPlans: boolean;
  /** What is changed first, by rowgate's login, and undone with all else. */
  readonly changes?: readonly string[] | undefined;
  /** Policies that call themselves end early: at the usual depth, each statement takes a second to fail. */
  readonly shallow?: true | undefined;
  /** Each reply comes with the hash of its answer, by which {@link BatchMutants} tell answers apart. */
  readonly hashed?: true | undefined;
  /** Its connections keep the block as a function of theirs ({@link keepBlockSql}), which is compiled once. */
  readonly kept?: true | undefined;
}

/** For connections to a database that no other session uses. Event triggers are not to see it. */
export function keepBlockSql(): string {
  const head = "create function pg_temp.rowgate_batch() returns void language plpgsql as $rowgate$";
  return [
    "set session_replication_role = replica",
    readSql("probe_batch.sql").replace(/^do \$rowgate\$/m, () => head),
    "reset session_replication_role",
  ].join(";\n");
}

/** One message for a whole batch: begin, what to ask, the block, its answers, and the end that undoes everything. */
export function batchSql(posted: readonly Posted[], settings: BatchSettings, mutants?: BatchMutants): string {
  const write = settings.readOnly ? posted.find(isWrite) : undefined;
  if (write !== undefined) throw new WriteRefused(write.request.statements[0] ?? write.cell.id);
  const changes = settings.changes ?? mutants?.mutants.flatMap((one) => one.changes);
  if (settings.readOnly && changes !== undefined) throw new WriteRefused(changes.join("; "));
  const batch = dollarQuoted(JSON.stringify({ ...batchOf(posted, settings), ...mutants }));
  return [
    `begin isolation level repeatable read${settings.readOnly ? " read only" : ""}`,
    // What a batch that was cut short has prepared goes first.
    "deallocate all",
    `set local statement_timeout = ${settings.statementTimeoutMs}`,
    // One plan for all parameters: the first five executions would be planned one by one.
    "set local plan_cache_mode = force_generic_plan",
    ...(settings.shallow === true || mutants !== undefined ? [shallowSql] : []),
    ...(settings.changes ?? []),
    ...ofRequest(posted[0], settings),
    `select set_config('search_path', ${quoteLiteral(pathOf(posted, settings))}, true), set_config('rowgate.batch', ${batch}, true)`,
    settings.kept === true ? "select pg_temp.rowgate_batch()" : readSql("probe_batch.sql"),
    "deallocate all",
    "select current_setting('rowgate.answers')",
    "rollback",
  ].join(";\n");
}

/** Only a superuser may set it. */
const shallowSql =
  "select set_config('max_stack_depth', (least(393216, pg_size_bytes(current_setting('max_stack_depth'))) / 1024)::text, true) " +
  "where current_setting('is_superuser')::boolean";

/** Whatever the cell is called: what is not read as rows, or run as a function that cannot write, would write. */
function isWrite({ cell, request }: Posted): boolean {
  if (wouldWrite(cell)) return true;
  switch (request.kind) {
    case "read":
      return false;
    case "rows":
      return request.statements.some((one) => !one.startsWith(readsOneRow));
    case "call":
      return cell.operation !== "execute";
    default:
      return true;
  }
}

/** Nothing to escape, and nothing to unescape: JSON is full of backslashes. */
function dollarQuoted(text: string): string {
  let tag = "$batch$";
  for (let count = 1; text.includes(tag); count++) tag = `$batch${count}$`;
  return `${tag}${text}${tag}`;
}

function batchOf(posted: readonly Posted[], settings: BatchSettings): Batch {
  const sessions = posted.map(({ cell, request }) => sessionOf(settings.sessions, cell, request.state));
  const names = [...new Set(sessions.flatMap((session) => [...session.keys()]))];
  const home = homeOf(posted, settings);
  const personas = new Numbering<string>();
  const baselines = new Numbering<string>();
  const texts = new Numbering<string>();
  const args = new Numbering<string>();
  const plans = new Planning(posted, settings.keepsPlans);
  const number = (text: string | null | undefined): number | undefined =>
    text === null || text === undefined ? undefined : texts.of(text);
  const impersonated: BatchPersona[] = [];
  const probes = posted.map(({ cell, request }, index): BatchProbe => {
    // Of another relation the same persona's session may hold other values, and other settings.
    const values = names.map((name) => sessions[index]?.get(name) ?? "");
    const persona = personas.of(JSON.stringify([sessionName(cell, request), values]));
    impersonated[persona - 1] ??= {
      role: cell.persona.role,
      login: cell.persona.login,
      values,
    };
    const plan = plans.of(cell, request);
    const counted = plan !== undefined && request.kind !== "read";
    return {
      persona,
      method: methodOf(cell, request, settings),
      kind: request.kind,
      baseline: request.control === undefined ? undefined : baselines.of(request.control),
      statements: request.statements.map((text, place) =>
        number(counted ? countingSql(text, request.returning?.[place]) : text),
      ),
      after: request.after?.map(number),
      arguments: request.values?.map((row) => args.of(argumentsOf(row))),
      differences: number(request.differences),
      list: number(request.list),
      guard: request.guard,
      upsert: cell.operation === "upsert" ? true : undefined,
      settles: request.settles,
      raises: request.raises,
      plan,
    };
  });
  const preRequest =
    settings.preRequest === undefined ? undefined : `select ${quoteQualified(settings.preRequest)}()`;
  return {
    failing: "select 1/0",
    codes: batchRules,
    home: [...home.keys()],
    homeValues: [...home.values()],
    settings: names,
    personas: impersonated,
    baselines: baselines.all,
    texts: texts.all,
    arguments: args.all,
    keepsPlans: settings.keepsPlans,
    preRequest,
    probes,
    hashed: settings.hashed,
  };
}

/** What PostgREST would call the request: a function that may write takes POST. */
function requestMethod({ operation, call }: Cell): string {
  if (operation !== "execute") return operationInfo[operation].method ?? "";
  return call?.routine.volatility === "volatile" ? "POST" : "GET";
}

/** `request.*` is PostgREST's to set: a session that never came through it has none of it. */
function methodOf(cell: Cell, { state }: BatchRequest, { sessions }: BatchSettings): string | undefined {
  if (comesThroughGateway(sessions, cell)) return requestMethod(cell);
  return sessions.gateway && state !== "never set" ? "" : undefined;
}

function ofRequest(first: Posted | undefined, { sessions }: BatchSettings): readonly string[] {
  if (first === undefined || !sessions.gateway) return [];
  if (first.request.state === "never set" && !comesThroughGateway(sessions, first.cell)) return [];
  const path = quoteLiteral(requestPath(first.cell));
  return [`select set_config('request.path', ${path}, true), set_config('request.headers', '{}', true)`];
}

function pathOf([first]: readonly Posted[], { sessions }: BatchSettings): string {
  return first === undefined ? "public" : matrixPath(sessions, first.cell);
}

/** What leads from a persona's session back to rowgate's own, where more than the role was switched. */
function homeOf(posted: readonly Posted[], settings: BatchSettings): ReadonlyMap<string, string> {
  const { sessions } = settings;
  const home = new Map<string, string>();
  if (posted.some(({ cell }) => cell.persona.login !== undefined))
    home.set("session_authorization", sessions.home);
  if (sessions.known.includes("search_path")) home.set("search_path", pathOf(posted, settings));
  return home;
}
