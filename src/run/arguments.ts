import { DatabaseError } from "pg";
import { formatFunction, quoteIdent } from "../lib/sql-text.ts";
import { once } from "../lib/once.ts";
import { fillSql, readSql } from "../lib/sql-file.ts";
import type { ArgumentFault } from "../model/argument-fault.ts";
import { isCode } from "../model/answers.ts";
import type { Cell } from "../model/cell.ts";
import { RowgateError } from "../model/errors.ts";
import type { Finding } from "../model/finding.ts";
import type { Persona } from "../model/matrix.ts";
import { addressOf, postureRules, readsOnly } from "../model/posture.ts";
import { isExposed, mayCall } from "../model/routine.ts";
import type { Assigning } from "../arguments/assign.ts";
import { CallDatabase } from "../arguments/database.ts";
import { type BodyText, callBodyOf } from "../arguments/named-by-body.ts";
import type { Reach } from "../arguments/reach.ts";
import { reaches, type Varied, vary } from "../arguments/vary.ts";
import type { Callable, CallBody, Caller, TableInfo } from "../arguments/world.ts";
import { loadParser } from "../lib/sql-tree.ts";
import { linkFailure } from "../probe/link-failure.ts";
import { connect, countRows, disconnect } from "../probe/sql/session.ts";
import { matrixPath, sessionOf, type SessionRules } from "../probe/sessions.ts";
import { inTime, ProofSession } from "../prove/ask/session.ts";
import { type ActingAs } from "../prove/ask/step.ts";
import type { OpenRun } from "./3-open.ts";
import { leftOut, type Outcome, type Reachable, truths, undeclaredFaults } from "./argument-findings.ts";
import { identitiesOf } from "./open-proof.ts";
import { tryReferences } from "./references.ts";
import { tryViews } from "./views.ts";
import { tryWrites } from "./writes.ts";
import { type Assignments, noAssignments, tryAssignments } from "./assignments.ts";

/** What the calls with other arguments than the declared ones came to. */
export interface ArgumentFaults {
  /** Of a declared function, for the persona of this cell. */
  readonly of: (cell: Cell) => ArgumentFault | undefined;
  /** Of a cell of a column that a write assigns. */
  readonly assigned: Assignments["of"];
  /** Of functions that the matrix does not declare, and what is worth a note. */
  readonly findings: readonly Finding[];
}

function none(reason: string): ArgumentFaults {
  return { of: () => undefined, assigned: noAssignments(reason).of, findings: [] };
}

/** Milliseconds: a function that takes longer is called once, and named. */
const timeoutMs = 3_000;
interface Limits {
  /** By `performance.now()`: what is not declared is tried until then. */
  readonly endsAt?: () => number;
  /** Aborted: no one waits for what comes of it. */
  readonly stopped: AbortSignal;
}

/** Calls functions that a persona can call with arguments of others, and tries columns, each undone: on the copy of the database where there is one. */
export async function varyArguments(
  run: OpenRun,
  which: "declared" | "undeclared",
  limits: Limits,
): Promise<ArgumentFaults> {
  const { target, filters } = run.request;
  const wish = run.request.arguments ?? (postureRules[target.posture].shared ? "declared" : "varied");
  const { shared } = postureRules[target.posture];
  const callables = callablesOf(run).filter(({ spec }) => (spec === undefined) === (which === "undeclared"));
  if (readsOnly(target) || !filters.channels.includes("direct") || (shared && wish === "declared"))
    return notAsked(callables, run);
  if (which === "undeclared" && wish === "declared") return none("--arguments declared");
  if (which === "declared") return askServer(wish === "varied" ? callables : [], which, limits, run);
  try {
    return await askServer(callables, which, limits, run);
  } catch (error) {
    // Cells were probed: they are archived, and what was not tried is named.
    if (limits.stopped.aborted || !(error instanceof RowgateError)) throw error;
    const left = callables.map((one) => ({ ...one, left: `it failed: ${error.message}` }));
    return { ...none(error.message), findings: leftOut([], left) };
  }
}

async function askServer(
  callables: readonly Reachable[],
  which: "declared" | "undeclared",
  { endsAt, stopped }: Limits,
  run: OpenRun,
): Promise<ArgumentFaults> {
  stopped.throwIfAborted();
  const { target, copy } = run.request;
  const client = await connect(copy ?? addressOf(target), target.limits);
  const session = new ProofSession(client, Math.min(timeoutMs, target.limits.statementTimeoutMs), { endsAt });
  const stop = (): void => void disconnect(client);
  stopped.addEventListener("abort", stop, { once: true });
  try {
    await countRows(client);
    await session.begin();
    return await tryAll(callables, which, session, run);
  } catch (error) {
    stopped.throwIfAborted();
    throw lost(error);
  } finally {
    stopped.removeEventListener("abort", stop);
    // A connection that was ended asks nothing any more.
    if (!stopped.aborted) await session.end().catch(() => {});
    await disconnect(client);
  }
}

function lost(cause: unknown): unknown {
  const { code, message } = linkFailure(cause);
  const statementFailed = cause instanceof DatabaseError && !isCode(cause.code, "intervention");
  if (cause instanceof RowgateError || statementFailed || code === "unknown") return cause;
  return new RowgateError({
    code: "direct/lost",
    message: `The connection was lost while functions were called with other arguments, and columns were tried: ${message}`,
    hint: "see what the server's log says, and run again; --arguments declared calls functions as they are declared only",
    cause,
  });
}

/** On a target that others use nothing is called that the matrix does not declare, unless it is asked for. */
function notAsked(callables: readonly Reachable[], { request: { target } }: OpenRun): ArgumentFaults {
  const because = readsOnly(target)
    ? "the target takes no writes"
    : "others work on this target: --arguments varied asks for it";
  const left = postureRules[target.posture].shared ? callables.map((one) => ({ ...one, left: because })) : [];
  return { ...none(because), findings: leftOut([], left) };
}

/** Declared functions, those that a gateway offers, and those that sessions without one can use. */
function callablesOf({ plan, request, options }: OpenRun): readonly Reachable[] {
  const { matrix, catalog, functions, directRoles, sideEffects } = plan;
  const specs = new Map(functions.map(({ routine, spec }) => [routine.oid, spec]));
  const roles = new Map(catalog.roles.map((role) => [role.name, role]));
  return catalog.routines.flatMap((routine): readonly Reachable[] => {
    const spec = specs.get(routine.oid);
    const exposed = spec !== undefined || isExposed(routine, matrix.exposes);
    const personas = matrix.personas.filter(({ name, role, login }) => {
      const held = roles.get(role);
      if (held === undefined || held.superuser || held.bypassRls || !mayCall(routine, role)) return false;
      if (login !== undefined && plan.asksWhoLoggedIn) return false;
      if (spec === undefined) return (exposed || directRoles.has(role)) && request.filters.only.length === 0;
      return options.wants(`${name}/${formatFunction(spec)}/execute`, name);
    });
    if (personas.length === 0) return [];
    const effect = sideEffects.find(
      (one) =>
        one.isRoutine &&
        one.schema === routine.schema &&
        one.name === routine.name &&
        (one.reaches !== "a sequence" || postureRules[request.target.posture].shared),
    );
    const left =
      routine.kind === "function"
        ? effect && `it reaches ${effect.reaches} (${effect.place}), which no rollback undoes`
        : `it is a ${routine.kind}`;
    return [{ routine, spec, personas, left }];
  });
}

async function tryAll(
  reachable: readonly Reachable[],
  which: "declared" | "undeclared",
  session: ProofSession,
  run: OpenRun,
): Promise<ArgumentFaults> {
  const { matrix, catalog } = run.plan;
  const { infos, ...assigning } = await assigningOf(session, run);
  const { database, callers } = assigning;
  const { of: assigned, findings } = await tryAssignments(run, assigning, which);
  const called = reachable.filter(({ left }) => left === undefined);
  const calling = once(async () => {
    const tables = await Promise.all(infos.map((info) => database.table(info)));
    return { matrix, catalog, database, callers, tables };
  });
  const reach = once(async () => reaches(await calling()));
  const reachOf = async (caller: Caller): Promise<Reach> => (await reach())(caller);
  const stored =
    which === "declared"
      ? new Map([
          ...(await tryWrites({ run, callers, reachOf, database })),
          ...(await tryReferences({ run, callers, reachOf, database })),
          ...(await tryViews({ run, callers, reachOf, database })),
        ])
      : new Map<string, ArgumentFault>();
  if (called.length === 0)
    return {
      of: (cell) => stored.get(cell.id),
      assigned,
      findings: [...findings, ...leftOut([], reachable)],
    };
  const bodies = await inTime(bodiesOf(called, database));
  const made = await inTime(calling());
  const outcomes = await Promise.all(
    called.flatMap((one) =>
      callers
        .filter(({ persona }) => one.personas.includes(persona))
        .map(async (caller) => {
          const callable: Callable = { ...one, body: bodies?.get(one.routine.oid) ?? noBody };
          const varied =
            made &&
            bodies &&
            (await inTime(reachOf(caller).then((own) => vary(callable, caller, own, made))));
          return { ...one, persona: caller.persona.name, varied: varied ?? notInTime };
        }),
    ),
  );
  const faults = faultsOf(outcomes, reachable);
  return {
    of: (cell) => stored.get(cell.id) ?? faults.of(cell),
    assigned,
    findings: [...faults.findings, ...findings],
  };
}

/** Who sends what is tried, and the tables that it may reach. */
export async function assigningOf(
  session: ProofSession,
  { plan: { matrix, catalog }, sessions }: Pick<OpenRun, "plan" | "sessions">,
): Promise<Assigning & { readonly infos: readonly TableInfo[] }> {
  const privileged: ActingAs = {
    role: null,
    settings: [
      ["search_path", [matrix.schema, ...sessions.extraPath].map(quoteIdent).join(", ")],
      ["row_security", "off"],
    ],
  };
  const first = await session.ask(privileged, readSql("call_tables.sql"));
  const infos = JSON.parse("value" in first ? (first.value ?? "[]") : "[]") as readonly TableInfo[];
  const roles = new Map(catalog.roles.map((role) => [role.name, role]));
  const callers = matrix.personas.flatMap((persona): readonly Caller[] => {
    const role = roles.get(persona.role);
    const identities = identitiesOf(persona, sessions.identities);
    return role === undefined ? [] : [{ persona, role, identities, as: actingAs(persona, sessions) }];
  });
  return { matrix, session, callers, infos, database: new CallDatabase(session, privileged, infos) };
}

const notInTime: Varied = {
  faults: [],
  answersAboutOthers: false,
  left: "the time for functions that the matrix does not declare was over: declare it, or see that policies and functions are fast",
  calls: 0,
};

/** As a call by this persona finds the session. Each names the same settings, so that none of another's is left. */
function actingAs(persona: Persona, sessions: SessionRules): Caller["as"] {
  const made = new Map<string, ActingAs>();
  return (schema, name) => {
    const key = JSON.stringify([schema, name]);
    let as = made.get(key);
    if (as === undefined) {
      const session = sessionOf(
        sessions,
        { persona, relation: { info: { schema, name } }, call: true },
        undefined,
      );
      const path =
        session.get("search_path") ?? matrixPath(sessions, { persona, relation: { info: { schema, name } } });
      const settings = new Map([...session, ["search_path", path], ["row_security", "on"]]);
      if (sessions.gateway)
        settings
          .set("request.path", `/rpc/${name}`)
          .set("request.method", "POST")
          .set("request.headers", "{}");
      as = { role: persona.role, settings: [...settings] };
      made.set(key, as);
    }
    return as;
  };
}

async function bodiesOf(
  called: readonly Reachable[],
  database: CallDatabase,
): Promise<ReadonlyMap<string, CallBody> | undefined> {
  const oids = `'{${called.map(({ routine }) => routine.oid).join(",")}}'`;
  const text = await database.ask(fillSql("call_bodies.sql", { oids }));
  await loadParser();
  // Without them no function is called: it is named as one that was not.
  if (text === undefined) return undefined;
  const bodies = Object.entries(JSON.parse(text) as Record<string, BodyText>);
  return new Map(bodies.map(([oid, body]) => [oid, callBodyOf(body)]));
}

const noBody: CallBody = { jsonKeys: [], texts: [], numbers: [], labels: {}, runsSql: false };

function faultsOf(
  outcomes: readonly Outcome[],
  reachable: readonly Reachable[],
): Omit<ArgumentFaults, "assigned"> {
  const declared = new Map(
    outcomes.flatMap(({ spec, persona, varied }) =>
      spec === undefined ? [] : [[`${persona}/${formatFunction(spec)}`, varied.faults[0]] as const],
    ),
  );
  return {
    of: ({ persona, relation, call }) =>
      call === undefined ? undefined : declared.get(`${persona.name}/${relation.info.schema}.${call.called}`),
    findings: [...undeclaredFaults(outcomes), ...truths(outcomes), ...leftOut(outcomes, reachable)],
  };
}
