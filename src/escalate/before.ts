import type { Client } from "pg";
import { formatFunction, formatQualified } from "../lib/sql-text.ts";
import { isCode } from "../model/answers.ts";
import { bindParameters, personaParameter } from "../model/parameters.ts";
import { resolveExpectation } from "../plan/expectation.ts";
import type { Engine, SentStep } from "./engine.ts";
import type { Allowance } from "./judge.ts";
import { type Measure, numberMeasures, wentThrough } from "./measures.ts";
import type { Reach } from "./values.ts";
import { keysWhere, type World } from "./world.ts";

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

/** What everybody reaches as things are. */
export async function measureBefore(
  engine: Engine,
  world: World,
  all: readonly Measure[],
  path: string,
): Promise<Before> {
  const numbering = numberMeasures(world, all, everyKey);
  await engine.begin({ ...numbering.fixed, lists: [[]], own: [], others: [], changedOthers: [] });
  const steps: SentStep[] = [];
  for (let from = 0, to = 0; from < all.length; from = to) {
    to = from + measuresAtOnce;
    // What asks about rows that can be read stays with the measurement that finds them.
    while (to < all.length && all[to]?.kind === "undone") to += 1;
    steps.push({
      id: steps.length,
      persona: 1,
      statements: [],
      measure: all.slice(from, to).map((_, place) => from + place + 1),
    });
  }
  const found = new Map<Measure, { keys: readonly string[]; code: string | undefined }>(
    all.map((one) => [one, { keys: [], code: undefined }]),
  );
  let done = 0;
  while (done < steps.length) {
    const answers = await engine.send(steps.slice(done), path);
    for (const { gained, failed } of answers) {
      for (const [number, keys] of gained) set(number, { keys, code: undefined });
      for (const [number, code] of failed) set(number, { keys: [], code });
    }
    if (answers.length === 0) break;
    done += answers.length;
  }
  return found;

  function set(number: number, answer: { keys: readonly string[]; code: string | undefined }): void {
    const measure = numbering.measures[number - 1];
    if (measure !== undefined) found.set(measure, answer);
  }
}

export function reachOf(before: Before): Reach {
  const sets = new Map<string, ReadonlySet<string>>();
  for (const [{ actor, subject, operation }, { keys }] of before)
    if (subject !== undefined && operation !== "insert")
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

export async function allowancesOf(client: Client, world: World): Promise<readonly Allowance[]> {
  const found: Allowance[] = [];
  for (const actor of world.actors.filter(({ stranger }) => !stranger)) {
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
