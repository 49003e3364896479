import { grouped } from "../lib/grouped.ts";
import { formatFunction, formatQualified, quoteQualified } from "../lib/sql-text.ts";
import { codeOf } from "../model/answers.ts";
import type { RoutineInfo } from "../model/catalog.ts";
import type { BoundCandidate, PlannedCall } from "../model/cell.ts";
import { type Call, callIsOpen } from "../model/matrix.ts";
import { bindCall } from "../plan/bind-call.ts";
import { bindCandidate } from "../plan/cell-of.ts";
import { resolveExpectation } from "../plan/expectation.ts";
import type { PlannedFunction } from "../plan/function.ts";
import { callSql } from "../probe/sql/source.ts";
import { assignments, insertSql } from "../probe/sql/statements.ts";
import { type Closure, dependsOn, type Measured } from "./closure.ts";
import { Digests } from "./digests.ts";
import type { Fixed } from "./engine.ts";
import { hookIn, withHook } from "./hook.ts";
import { Numbers } from "./numbers.ts";
import { type Actor, arrayText, keyCondition, type Subject, type World } from "./world.ts";

/** What a persona reaches of a relation by one command, or whether a call or an insert goes through. */
export interface Measure {
  readonly actor: Actor;
  readonly operation: Measured | "execute";
  /** `undefined`: a call. */
  readonly subject: Subject | undefined;
  readonly call: { readonly planned: PlannedFunction; readonly call: Call } | undefined;
  /** An insert's candidate, or a forbidden update (`never`) by its name. */
  readonly candidate: string | undefined;
  /** Where it shows: `public.docs`, `public.admin_docs`. */
  readonly on: string;
  readonly closure: Closure;
  readonly statement: string;
  readonly kind: Fixed["statements"][number]["kind"];
  /** The same, failing with the keys once it has met all policies, and before any foreign key. */
  readonly failing?: string;
}

/** A call or an insert that went through. */
export const wentThrough = "ok";

/** All that can be asked of the actors, before anything is left out as already visible or declared. */
export function measuresOf(world: World): readonly Measure[] {
  const bound = world.actors.filter(({ role }) => !role.superuser && !role.bypassRls);
  return bound.flatMap((actor) => [
    ...world.subjects.flatMap((subject) => relationMeasures(world, actor, subject)),
    ...(actor.stranger ? [] : world.functions.flatMap((planned) => callMeasures(world, actor, planned))),
  ]);
}

function relationMeasures(world: World, actor: Actor, subject: Subject): readonly Measure[] {
  const { info } = subject;
  const held = info.privileges[actor.role.name];
  const readable =
    held?.schemaUsage === true &&
    (subject.key.length > 0 ? subject.key : info.columns.map(({ name }) => name)).every((name) =>
      held.select.includes(name),
    );
  if (held === undefined || !readable || isAbove(actor, subject)) return [];
  const make = (
    operation: Measured,
    statement: string,
    kind: Measure["kind"],
    candidate?: string,
  ): Measure => ({
    actor,
    operation,
    subject,
    call: undefined,
    candidate,
    on: formatQualified(info),
    closure: withHook(
      world.dependencies.closureOf({ kind: "relation", oid: info.oid, operation }),
      world.hook,
    ),
    statement,
    kind,
  });
  const from = quoteQualified(info);
  const where = keyCondition(subject);
  const reads = `select ${subject.keySql} as k from ${from} where ${where}`;
  const found = [make("select", `select array_agg(k) from (${reads}) x`, "read")];
  // A lock asks the policies of SELECT and UPDATE, no trigger, and no check.
  if (held.update.length > 0 && info.accepts.includes("update"))
    found.push(make("update", `select array_agg(k) from (${reads} for key share) x`, "undone"));
  if (held.delete && info.accepts.includes("delete")) {
    const deleted = `with d as (delete from ${from} where ${where} returning ${subject.keySql} as k) select`;
    found.push({
      ...make("delete", `${deleted} array_agg(k) from d`, "undone"),
      failing: `${deleted} ('rowgate ' || coalesce(array_agg(k), '{}')::text)::int from d`,
    });
  }
  found.push(
    ...forbiddenUpdates(world, actor, subject).map(({ name, values }) => {
      const changed = `with u as (update ${from} set ${assignments(values)} where ${where} returning ${subject.keySql} as k)`;
      return make("update", `${changed} select array_agg(k) from u`, "undone", name);
    }),
  );
  const expected =
    actor.stranger || subject.spec === undefined
      ? undefined
      : resolveExpectation(subject.spec, actor.persona.name, "insert")?.expectation;
  if (held.insert.length === 0 || expected === undefined || subject.spec === undefined) return found;
  const open = expected.kind === "candidates" ? expected.accept : [];
  const refused =
    expected.kind === "allow" ? [] : subject.spec.candidates.filter(({ name }) => !open.includes(name));
  return [
    ...found,
    ...refused.flatMap((candidate) =>
      bindCandidate(candidate, world.matrix, actor.persona, false).map(({ name, values }) =>
        make("insert", insertSql(info, values), "write", name),
      ),
    ),
  ];
}

/** What a WITH CHECK alone refuses: that the row may be updated at all does not tell. */
function forbiddenUpdates(world: World, actor: Actor, { spec, info }: Subject): readonly BoundCandidate[] {
  const granted = info.privileges[actor.role.name]?.update ?? [];
  const said = spec?.declarations.find(
    ({ persona, operation }) => persona === actor.persona.name && operation === "update",
  );
  return (said?.never ?? [])
    .flatMap((one) => bindCandidate(one, world.matrix, actor.persona, false))
    .filter(({ values }) => Object.keys(values).every((name) => granted.includes(name)));
}

/** What no policy keeps from it cannot be gained. */
function isAbove({ role }: Actor, { info }: Subject): boolean {
  return role.inherits.includes(info.owner) && !info.forceRls;
}

function callMeasures(world: World, actor: Actor, planned: PlannedFunction): readonly Measure[] {
  const { routine, spec } = planned;
  const held = routine.privileges[actor.role.name];
  const blocked = world.sideEffects.some(
    (one) => one.isRoutine && one.schema === spec.schema && one.name === spec.name,
  );
  if (held?.execute !== true || !held.schemaUsage || blocked || routine.kind !== "function") return [];
  const declaration = spec.declarations.find(({ persona }) => persona === actor.persona.name);
  return spec.calls.flatMap((call): readonly Measure[] => {
    const kind =
      declaration === undefined || !callIsOpen(declaration.calls, call.name)
        ? "deny"
        : declaration.expectation.kind;
    // Whatever it returns is declared.
    if (kind === "allow") return [];
    const { values } = bindCall(call, actor.persona, world.matrix);
    return [
      {
        actor,
        operation: "execute",
        subject: undefined,
        call: { planned, call },
        candidate: undefined,
        on: formatFunction(spec),
        closure: withHook(world.dependencies.closureOf({ kind: "function", oid: routine.oid }), world.hook),
        statement: answersSql(routine, values),
        kind: "call",
      },
    ];
  });
}

function answersSql(routine: RoutineInfo, values: PlannedCall["values"]): string {
  const call = callSql({ routine, values });
  return routine.returns === "nothing"
    ? `select array['${wentThrough}', (${call})::text]`
    : `select array_prepend('${wentThrough}', coalesce(array_agg(x::text), '{}')) from (select ${call} as x) y`;
}

/** Which measurements a batch makes, and how its numbers are to be read. */
export interface Numbering {
  readonly fixed: Fixed;
  /** In the order of the batch's numbers, which count from 1. */
  readonly measures: readonly Measure[];
  /** How many rows and answers an actor could gain that depend on the table, or on this column of it. */
  readonly gainable: (actor: Actor, oid: string, column: string | undefined) => number;
  readonly tableNumber: (oid: string) => number;
  /** Who sees the rows that a step of the actor has written to the relation: the actor itself, and a list of others. */
  readonly audience: (actor: Actor, subject: Subject) => { readonly own: number; readonly others: number };
}

/** The measurement of the rows that the same actor can read: only of these does another command ask. */
export function readsBefore(all: readonly Measure[]): (measure: Measure) => Measure | undefined {
  const reads = new Map(
    all.filter(({ operation }) => operation === "select").map((one) => [placeOf(one), one]),
  );
  return (one) =>
    one.kind === "undone" &&
    one.candidate === undefined &&
    (one.operation === "update" || one.operation === "delete")
      ? reads.get(placeOf(one))
      : undefined;
}

function placeOf({ actor, subject }: Measure): string {
  return `${actor.index} ${subject?.info.oid ?? ""}`;
}

/** `keysOf`: the keys that a measurement asks about; none, and it is left out. */
export function numberMeasures(
  world: World,
  all: readonly Measure[],
  keysOf: (measure: Measure) => readonly string[],
): Numbering {
  const statements = new Numbers<Fixed["statements"][number]>(({ sql, kind }) => `${kind} ${sql}`);
  const statementOf = ({ statement, kind, failing }: Measure): number =>
    statements.of({ sql: statement, kind, failing: failing ?? null });
  const keySets = new Numbers<string>((text) => text);
  const lists = new Numbers<readonly number[]>((list) => list.join());
  lists.of([]);
  const asked = new Map(all.map((one) => [one, keysOf(one)]));
  const kept = all.filter((one) => (asked.get(one) ?? []).length > 0);
  const digests = new Digests(world);
  const numberOf = new Map(kept.map((one, index) => [one, index + 1]));
  const readBefore = readsBefore(kept);
  const measures = kept.map((one) => {
    const keys = one.kind === "call" || one.kind === "write" ? [] : (asked.get(one) ?? []);
    const before = readBefore(one);
    // Rows that cannot be read, as things are.
    const unread = new Set(before === undefined ? [] : asked.get(before));
    return {
      persona: one.actor.index,
      statement: statementOf(one),
      keys: keySets.of(arrayText(keys.filter((key) => !unread.has(key)))),
      later: keySets.of(arrayText(keys.filter((key) => unread.has(key)))),
      after: before === undefined ? 0 : (numberOf.get(before) ?? 0),
      profile: digests.profileOf(one),
    };
  });
  const views = all.filter(({ operation }) => operation === "select");
  const viewNumbers = new Map(
    views.map((one) => {
      measures.push({
        persona: one.actor.index,
        statement: statementOf(one),
        keys: 0,
        later: 0,
        after: 0,
        profile: 0,
      });
      return [one, measures.length];
    }),
  );
  const subjectOf = new Map(world.subjects.map((one) => [one.info.oid, one]));
  const relations = world.tables.map(({ oid }) => ({
    oid,
    ...statementsOf(subjectOf.get(oid), keySets),
    ...digests.of(oid),
  }));
  const ofActor = grouped(kept, ({ actor }) => actor);
  const listOf = (actor: Actor, oid: string, takes: (one: Measure) => boolean): number =>
    lists.of(
      (ofActor.get(actor) ?? [])
        .filter((one) => takes(one) && dependsOn(one.closure, oid))
        .map((one) => numberOf.get(one) ?? 0),
    );
  const fixed: Fixed = {
    ...sessionsOf(world),
    statements: statements.all,
    keySets: keySets.all,
    measures,
    profiles: digests.profiles,
    lists: lists.all,
    own: world.actors.map((actor) => world.tables.map(({ oid }) => listOf(actor, oid, () => true))),
    others: world.actors.map((actor) =>
      world.tables.map(({ oid }) => listOf(actor, oid, ({ operation }) => operation === "select")),
    ),
    changedOthers: world.actors.map((actor) =>
      world.tables.map(({ oid }) => listOf(actor, oid, ({ kind }) => kind === "read" || kind === "undone")),
    ),
    relations,
  };
  return {
    fixed,
    measures: [...kept, ...views],
    audience: (actor, subject) => {
      const of = views.filter((one) => one.subject === subject);
      const own = of.find((one) => one.actor === actor);
      const others = of.filter((one) => one !== own).flatMap((one) => viewNumbers.get(one) ?? []);
      return { own: (own && viewNumbers.get(own)) ?? 0, others: lists.of(others) };
    },
    gainable: (actor, oid, column) =>
      (ofActor.get(actor) ?? [])
        .filter(({ closure }) => dependsOn(closure, oid, column))
        .reduce((sum, one) => sum + (asked.get(one)?.length ?? 0), 0),
    tableNumber: (oid) => world.tables.findIndex((one) => one.oid === oid) + 1,
  };
}

function statementsOf(
  subject: Subject | undefined,
  keySets: Numbers<string>,
): Pick<Fixed["relations"][number], "changed" | "gone" | "keys"> {
  if (subject === undefined) return { changed: null, gone: null, keys: keySets.of("{}") };
  const { keySql, info, rows, sampled } = subject;
  const from = quoteQualified(info);
  return {
    // Rows that the transaction has written have no age.
    changed: `select array_agg(${keySql}) from ${from} where age(xmin) <= 0`,
    gone: `select array_agg(k) from unnest($1) k where k not in (select ${keySql} from ${from} where ${keySql} is not null)`,
    keys: keySets.of(arrayText(sampled ? [] : rows.map(({ key }) => key))),
  };
}

function sessionsOf({
  actors,
  home,
  preRequest,
  hook,
  tables,
}: World): Pick<Fixed, "settings" | "personas" | "home" | "preRequest" | "hook" | "constraintClass"> {
  const settings = [...new Set(actors.flatMap((one) => [...one.settings.keys()]))];
  const personas = actors.map((one) => ({
    role: one.role.name,
    login: one.persona.login ?? null,
    values: settings.map((name) => one.settings.get(name) ?? ""),
  }));
  return {
    settings,
    personas,
    home,
    preRequest: preRequest ?? null,
    constraintClass: codeOf("constraint"),
    hook: hookIn(hook, settings, tables),
  };
}
