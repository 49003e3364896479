import type { Client } from "pg";
import { loadParser } from "../lib/sql-tree.ts";
import { formatQualified, quoteIdent } from "../lib/sql-text.ts";
import type { Finding } from "../model/finding.ts";
import type { EscalationRecord } from "../model/run.ts";
import { allowancesOf, answersBefore, candidatesOf, declaredKeys, measureBefore, reachOf } from "./before.ts";
import { Engine, type SentStep, type StepAnswer } from "./engine.ts";
import { findingsOf } from "./findings.ts";
import { type FollowUp, FollowUps } from "./follow-ups.ts";
import { exposes, mayName } from "./exposure.ts";
import { type Allowance, Judge, type Judged } from "./judge.ts";
import { type Measure, measuresOf, numberMeasures, type Numbering } from "./measures.ts";
import { inOrder, weightOf } from "./order.ts";
import { signUps } from "./sign-ups.ts";
import { changesSettings, type Step } from "./step.ts";
import { Steps } from "./steps.ts";
import { tellingLength } from "./values.ts";
import { type Actor, readWorld, type SearchInput, type World } from "./world.ts";

export interface Budget {
  /** Milliseconds from now on after which no step is begun. */
  readonly milliseconds: number;
  /** Milliseconds for which locks are held at the most. */
  readonly chunkMs: number;
  readonly interrupted: AbortSignal | undefined;
}

export interface Searched {
  readonly findings: readonly Finding[];
  readonly counts: Omit<EscalationRecord, "wish" | "because" | "seconds">;
  readonly roundTrips: number;
}

/** Steps in one batch, which ends after its time: what was not begun is sent again. */
function stepsAtOnce(answeredBefore: number): number {
  return Math.min(4000, Math.max(400, answeredBefore * 2));
}

/** Searches what personas could become by their own allowed writes and calls, until everything was tried or the time is up. */
export async function searchEscalation(
  client: Client,
  input: SearchInput,
  budget: Budget,
): Promise<Searched> {
  await loadParser();
  const world = await readWorld(client, input);
  const engine = new Engine(client, budget.chunkMs);
  const path = `${quoteIdent(world.matrix.schema)}, public`;
  await client.query(`set search_path = ${path}`);
  const all = measuresOf(world);
  const before = await measureBefore(engine, world, all, path);
  const reach = reachOf(before);
  const declared = await declaredKeys(client, world, all);
  const wanted = all.filter((one) => isWanted(world, one));
  const answers = answersBefore(before);
  const numbering = numberMeasures(world, wanted, (one) =>
    candidatesOf(one, reach, before, declared, answers),
  );

  const steps = new Steps(world, reach, wanted);
  const asking = new Set(wanted.map(({ actor }) => actor));
  const ordered = inOrder(
    [...steps.all(), ...signUps(world)].filter(({ actor }) => asking.has(actor)),
    (step) => weightOf(step, world, numbering),
  );
  const sent = ordered.map((step, id) => sentStep(step, id, world, numbering));

  await engine.begin(numbering.fixed);
  const judge = new Judge({
    world,
    reach,
    numbering,
    allowances: await allowancesOf(client, world),
    calls: (one) => answers(one),
  });
  // What it takes to get ready is not taken from the steps: on a busy machine it could be all of the time.
  const until = performance.now() + budget.milliseconds;
  const progress = await takeSteps({ engine, world, numbering, judge, ordered, sent, path, until, budget });
  const complete = progress.tried + progress.twoTried === ordered.length + progress.twoPossible;
  return {
    findings: [
      ...findingsOf(progress.judged, world.hook),
      ...(complete && world.wants("*", "*") ? judge.unreached.map(unreachedFinding) : []),
    ],
    counts: {
      possible: ordered.length,
      tried: progress.tried,
      accepted: progress.accepted,
      twoStep: { possible: progress.twoPossible, tried: progress.twoTried },
      leftOut: world.sideEffects.map(({ schema, name, reaches }) => `${schema}.${name}: ${reaches}`),
      sampled: world.subjects.filter(({ sampled }) => sampled).map(({ info }) => formatQualified(info)),
    },
    roundTrips: engine.roundTrips,
  };
}

function isWanted(world: World, { actor, on, operation }: Measure): boolean {
  return world.wants(`${actor.persona.name}/${on}/${operation}`, actor.persona.name);
}

function sentStep(step: Step, id: number, world: World, numbering: Numbering): SentStep {
  const { actor, subject, kind, columns, values, row } = step;
  const table =
    subject === undefined
      ? undefined
      : world.tables.some(({ oid }) => oid === subject.info.oid)
        ? subject.info.oid
        : subject.baseline.oid;
  const named = (one: Actor, by: readonly (string | null)[]): boolean =>
    one !== actor && one.identities.some(([, own]) => own.length >= tellingLength && by.includes(own));
  // Whom the new value names, and then whom the row does.
  const others = [values, Object.values(row?.values ?? {})].flatMap((by) =>
    world.actors.filter((one) => named(one, by)),
  );
  // A membership, an account: its key says whose it is.
  const keyed = [...(subject?.key ?? []), ...(subject?.more.uniques ?? [])].map(
    (name) => row?.values[name] ?? null,
  );
  const isOfAnother = row !== undefined && world.actors.some((one) => named(one, keyed));
  const strangers = world.actors.filter(({ stranger }) => stranger);
  const also = (columns.length > 0 && others.length === 0 ? strangers : [...new Set(others)].slice(0, 2)).map(
    ({ index }) => index,
  );
  return {
    id,
    persona: actor.index,
    statements: [step.sql],
    // The auth server stores it.
    privileged: kind === "sign-up" || kind === "metadata",
    target: table === undefined ? 0 : numbering.tableNumber(table),
    also,
    changes: kind === "update" && isOfAnother,
    settings: changesSettings(step, world),
    ...viewsOf(step, world, numbering),
  };
}

/** Who is asked whether it sees what was written, as far as the judge uses the answers. */
function viewsOf(
  step: Step,
  world: World,
  numbering: Numbering,
): Pick<SentStep, "view" | "views" | "exposes"> {
  const { subject, actor, kind, declared } = step;
  if (subject === undefined || (kind !== "insert" && kind !== "update") || mayName(step)) return {};
  const { own, others } = numbering.audience(actor, subject);
  return {
    view: own,
    views: others,
    exposes: kind === "insert" && (declared !== undefined || exposes(world, step)),
  };
}

interface Taking {
  readonly engine: Engine;
  readonly world: World;
  readonly numbering: Numbering;
  readonly judge: Judge;
  readonly ordered: readonly Step[];
  readonly sent: readonly SentStep[];
  readonly path: string;
  readonly until: number;
  readonly budget: Budget;
}

interface Progress {
  tried: number;
  accepted: number;
  twoPossible: number;
  twoTried: number;
  readonly judged: Judged[];
}

/** One-step chains in their order, and after each batch the calls that its accepted writes may have opened. */
async function takeSteps(taking: Taking): Promise<Progress> {
  const { ordered, sent, budget, until } = taking;
  const progress: Progress = { tried: 0, accepted: 0, twoPossible: 0, twoTried: 0, judged: [] };
  const follows = new FollowUps(taking.world);
  const later: FollowUp[] = [];
  let next = 0;
  let answered = 0;
  const isOver = (): boolean => performance.now() >= until;
  while (next < sent.length && !isOver()) {
    budget.interrupted?.throwIfAborted();
    const batch = sent.slice(next, next + stepsAtOnce(answered));
    const answers = await send(taking, batch);
    for (const answer of answers) {
      const step = ordered[answer.id];
      if (step === undefined) continue;
      progress.tried += 1;
      if (answer.code !== undefined) continue;
      progress.accepted += 1;
      note(progress, taking.judge.judge([step], answer));
      later.push(...follows.after(step, answer, taking.sent[answer.id]));
    }
    answered = answers.length;
    next += answered;
    progress.twoPossible = later.length;
    if (progress.twoTried < later.length) await takeFollowUps(taking, later, progress, isOver);
  }
  return progress;
}

async function takeFollowUps(
  taking: Taking,
  later: readonly FollowUp[],
  progress: Progress,
  isOver: () => boolean,
): Promise<void> {
  while (progress.twoTried < later.length && !isOver()) {
    taking.budget.interrupted?.throwIfAborted();
    const from = progress.twoTried;
    const batch = later
      .slice(from, from + stepsAtOnce(0))
      .map(({ sent }, place) => ({ ...sent, id: from + place }));
    for (const answer of await send(taking, batch)) {
      progress.twoTried += 1;
      const one = later[answer.id];
      if (one !== undefined) note(progress, taking.judge.judge(one.chain, answer));
    }
  }
}

/** At least one answer: a batch that brings none has a first step that cannot be asked. */
async function send({ engine, path }: Taking, batch: readonly SentStep[]): Promise<readonly StepAnswer[]> {
  const answers = await engine.send(batch, path);
  const [first] = batch;
  if (answers.length > 0 || first === undefined) return answers;
  const nothing = { touched: 0, written: [], changed: [], gone: [], gained: [], failed: [], audience: [] };
  return [{ id: first.id, code: "RGESC", message: "no answer", ...nothing }];
}

function note({ judged }: Progress, one: Judged): void {
  if (one.gains.length > 0) judged.push(one);
}

function unreachedFinding({ actor, on, operation, rule }: Allowance): Finding {
  return { kind: "may-become-not-reached", cell: `${actor.persona.name}/${on}/${operation}`, at: rule.at };
}
