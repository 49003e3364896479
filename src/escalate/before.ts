import type { Client } from "pg";
import { formatFunction, formatQualified } from "../lib/sql-text.ts";
import { isCode } from "../model/answers.ts";
import type { MayBecome } from "../model/matrix.ts";
import { bindParameters, personaParameter } from "../model/parameters.ts";
import { resolveExpectation } from "../plan/expectation.ts";
import type { Engine, SentStep } from "./engine.ts";
import { type Measure, numberMeasures, wentThrough } from "./measures.ts";
import { type Actor, keysWhere, type World, type Reach } from "./world.ts";

/** Measurements of the rows that are visible or writable before any step, in one step of the batch. */
const measuresAtOnce = 150;

export type Before = ReadonlyMap<
  Measure,
  { readonly keys: readonly string[]; readonly code: string | undefined }
>;

/** Every row that is there; of an empty relation a key that no row has, since the policies may fail all the same. */
function everyKey({ subject }: Measure): readonly string[] {
  if (subject === undefined) return [wentThrough];
  return subject.rows.length === 0 ? [""] : subject.rows.map(({ key }) => key);
}

/** What everybody reaches as things are. A measurement that takes longer than a statement may is left out. */
export async function measureBefore(
  engine: Engine,
  world: World,
  all: readonly Measure[],
  path: string,
): Promise<Before> {
  const numbering = numberMeasures(world, all, everyKey);
  await engine.begin({ ...numbering.fixed, lists: [[]], own: [], others: [], changedOthers: [] });
  const todo = portions(
    all,
    all.map((_, place) => place + 1),
    measuresAtOnce,
  );
  const found = new Map<Measure, { keys: readonly string[]; code: string | undefined }>(
    all.map((one) => [one, { keys: [], code: undefined }]),
  );
  while (todo.length > 0) {
    const steps = todo.map((measure, id): SentStep => ({ id, persona: 1, statements: [], measure }));
    const answers = await engine.send(steps, path);
    const [answered, slow] = [todo.splice(0, Math.max(answers.length, 1)), answers.length === 0];
    for (const [place, numbers] of answered.entries()) {
      const answer = answers[place];
      if (slow || answer?.code !== undefined) {
        const smaller = portions(all, numbers, Math.floor(numbers.length / 2));
        if (smaller.length > 1) todo.unshift(...smaller);
        else for (const number of numbers) found.delete(all[number - 1] as Measure);
      }
      for (const [number, keys] of answer?.gained ?? []) set(number, { keys, code: undefined });
      for (const [number, code] of answer?.failed ?? []) set(number, { keys: [], code });
    }
  }
  return found;

  function set(number: number, answer: { keys: readonly string[]; code: string | undefined }): void {
    const measure = numbering.measures[number - 1];
    if (measure !== undefined && found.has(measure)) found.set(measure, answer);
  }
}

/** Numbers of measurements in portions; what asks about rows that can be read stays with the measurement that finds them. */
function portions(all: readonly Measure[], numbers: readonly number[], most: number): (readonly number[])[] {
  const found: number[][] = [];
  for (const number of numbers) {
    const last = found.at(-1);
    if (last === undefined || (last.length >= most && all[number - 1]?.kind !== "undone"))
      found.push([number]);
    else last.push(number);
  }
  return found;
}

export function reachOf(before: Before): Reach {
  const sets = new Map<string, ReadonlySet<string>>();
  for (const [{ actor, subject, operation, candidate }, { keys }] of before)
    if (subject !== undefined && candidate === undefined)
      sets.set(`${actor.index} ${subject.info.oid} ${operation}`, new Set(keys));
  const nothing: ReadonlySet<string> = new Set();
  return (actor, subject, operation) =>
    sets.get(`${actor.index} ${subject.info.oid} ${operation}`) ?? nothing;
}

/** What calls of a function answered anybody, and that an insert, or a call, can go through. */
export function answersBefore(before: Before): (measure: Measure) => ReadonlySet<string> {
  const all = new Map<string, Set<string>>();
  for (const [measure, { keys, code }] of before)
    if (measure.kind === "call" && code === undefined)
      all.set(measure.on, new Set([...(all.get(measure.on) ?? []), ...keys]));
  return (measure) => {
    const own = before.get(measure);
    const refused = own?.code !== undefined;
    if (measure.kind === "write") return new Set(refused ? [wentThrough] : []);
    const known = new Set(own?.keys);
    return new Set(
      [...(all.get(measure.on) ?? []), ...(refused ? [wentThrough] : [])].filter(
        (one) => one !== "" && !known.has(one),
      ),
    );
  };
}

/** What could be gained: what exists, is not yet visible or writable, and is not declared. */
export function candidatesOf(
  measure: Measure,
  reach: Reach,
  before: Before,
  declared: ReadonlyMap<Measure, ReadonlySet<string> | "all">,
  answers: (measure: Measure) => ReadonlySet<string>,
): readonly string[] {
  const { actor, subject, operation } = measure;
  if (measure.kind === "call") return [...answers(measure)];
  // Only what a policy, or a trigger, has refused is an insert that could be gained.
  if (operation === "insert")
    return isCode(before.get(measure)?.code, "insufficientPrivilege") ? [wentThrough] : [];
  // A forbidden update is asked of one row, since a single refused row refuses the statement.
  if (operation === "update" && measure.candidate !== undefined)
    return subject !== undefined && isCode(before.get(measure)?.code, "insufficientPrivilege")
      ? [...reach(actor, subject, "update")].slice(0, 1)
      : [];
  const allowed = declared.get(measure);
  if (subject === undefined || allowed === "all" || operation === "execute") return [];
  const reached = reach(actor, subject, operation);
  const left = subject.rows
    .map(({ key }) => key)
    .filter((key) => !reached.has(key) && allowed?.has(key) !== true);
  return spread(left, candidatesAtMost);
}

/** Rows that one measurement asks about. */
const candidatesAtMost = 200;

function spread<T>(all: readonly T[], most: number): readonly T[] {
  if (all.length <= most) return all;
  return Array.from({ length: most }, (_, place) => all[Math.floor((place * all.length) / most)] as T);
}

/** The rows that the matrix declares, evaluated before any step: afterwards they could declare the escalation itself. */
export async function declaredKeys(
  client: Client,
  world: World,
  all: readonly Measure[],
): Promise<ReadonlyMap<Measure, ReadonlySet<string> | "all">> {
  const found = new Map<Measure, ReadonlySet<string> | "all">();
  const known = new Map<string, ReadonlySet<string>>();
  for (const measure of all) {
    const { actor, subject, operation } = measure;
    if (subject?.spec === undefined || operation === "insert" || actor.stranger) continue;
    const expectation = resolveExpectation(subject.spec, actor.persona.name, operation)?.expectation;
    if (expectation?.kind === "allow") found.set(measure, "all");
    if (expectation?.kind !== "rows" && expectation?.kind !== "within") continue;
    const predicate = bindParameters(expectation.predicate, (name) =>
      personaParameter(actor.persona, world.matrix.vars, name),
    );
    const key = `${subject.info.oid} ${predicate}`;
    const keys = known.get(key) ?? (await keysWhere(client, subject, predicate));
    known.set(key, keys);
    found.set(measure, keys);
  }
  return found;
}

/** What the matrix says may be gained, evaluated before any step. */
export interface Allowance {
  readonly actor: Actor;
  readonly on: string;
  readonly operation: Measure["operation"];
  readonly rule: MayBecome;
  /** Keys, candidates or calls. */
  readonly keys: ReadonlySet<string>;
}

export async function allowancesOf(client: Client, world: World): Promise<readonly Allowance[]> {
  const found: Allowance[] = [];
  const declarations = [
    ...world.subjects.flatMap((subject) =>
      (subject.spec?.declarations ?? []).map((one) => ({
        one,
        subject,
        on: formatQualified(subject.info),
      })),
    ),
    ...world.functions.flatMap(({ spec }) =>
      spec.declarations.map((one) => ({ one, subject: undefined, on: formatFunction(spec) })),
    ),
  ];
  for (const actor of world.actors.filter(({ stranger }) => !stranger)) {
    for (const { one, subject, on } of declarations) {
      const rule = one.mayBecome;
      if (rule === undefined || one.persona !== actor.persona.name) continue;
      const predicate =
        rule.rows &&
        bindParameters(rule.rows.predicate, (name) =>
          personaParameter(actor.persona, world.matrix.vars, name),
        );
      const rows =
        subject !== undefined && predicate !== undefined ? await keysWhere(client, subject, predicate) : [];
      const operation = one.operation;
      if (
        operation === "select" ||
        operation === "update" ||
        operation === "delete" ||
        operation === "insert" ||
        operation === "execute"
      )
        found.push({ actor, on, operation, rule, keys: new Set([...rows, ...rule.accept]) });
    }
  }
  return found;
}
