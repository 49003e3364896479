import type { Client } from "pg";
import { loadParser } from "../lib/sql-tree.ts";
import { formatQualified, quoteIdent } from "../lib/sql-text.ts";
import { isCode } from "../model/answers.ts";
import type { Finding } from "../model/finding.ts";
import type { EscalationRecord } from "../model/run.ts";
import {
  allowancesOf,
  type Allowance,
  answersBefore,
  candidatesOf,
  declaredKeys,
  measureBefore,
  reachOf,
} from "./before.ts";
import { Engine, notAsked, type SentStep, type StepAnswer } from "./engine.ts";
import { checkedRows, sentBefore } from "./handed-on.ts";
import { findingsOf } from "./findings.ts";
import { type FollowUp, FollowUps } from "./follow-ups.ts";
import { Judge, type Judged } from "./judge.ts";
import { type Measure, measuresOf, numberMeasures, type Numbering } from "./measures.ts";
import { inOrder, weightOf } from "./order.ts";
import { sentStep } from "./sent.ts";
import { signUps } from "./sign-ups.ts";
import type { Step } from "./step.ts";
import { Steps } from "./steps.ts";
import { readWorld, type SearchInput, type World, type Reach } from "./world.ts";

export interface Budget {
  /** Milliseconds from now on after which no step is begun: asked before each batch, since it may rest on what goes on meanwhile. */
  readonly milliseconds: () => number;
  /** As many one-step chains at the most. */
  readonly chains: number;
  /** Milliseconds for which locks are held at the most. */
  readonly chunkMs: number;
  /** Others work on the database: a gain is measured a second time before it is reported. */
  readonly shared: boolean;
  readonly interrupted: AbortSignal | undefined;
}

export interface Searched {
  readonly findings: readonly Finding[];
  readonly counts: Omit<EscalationRecord, "wish" | "because" | "seconds">;
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
  const path = [world.matrix.schema, ...world.extraPath].map(quoteIdent).join(", ");
  await client.query(`set search_path = ${path}`);
  const all = measuresOf(world);
  const start = await standing(client, engine, world, all, path);
  const { reach, wanted, numbering, judge } = start;
  const steps = new Steps(world, reach, wanted);
  const asking = new Set(wanted.map(({ actor }) => actor));
  const ordered = inOrder(
    [...steps.all(), ...signUps(world)].filter(({ actor }) => asking.has(actor)),
    (step) => weightOf(step, world, numbering),
  );
  const sent = ordered.map((step, id) => sentStep(step, id, world, numbering));

  await engine.begin(numbering.fixed);
  // What it takes to get ready is not taken from the steps: on a busy machine it could be all of the time.
  const since = performance.now();
  const progress = await takeSteps({ engine, world, numbering, judge, ordered, sent, path, since, budget });
  const judged = budget.shared
    ? await confirmed(progress.judged, { client, engine, world, all, path })
    : progress.judged.map(({ one }) => one);
  const complete = progress.tried + progress.twoTried === ordered.length + progress.twoPossible;
  return {
    findings: [
      ...findingsOf(judged, world.hook),
      ...(complete && world.wants("*", "*") ? judge.unreached.map(unreachedFinding) : []),
    ],
    counts: {
      possible: ordered.length,
      tried: progress.tried,
      accepted: progress.accepted,
      twoStep: { possible: progress.twoPossible, tried: progress.twoTried },
      leftOut: [
        ...world.sideEffects.map(({ schema, name, reaches }) => `${schema}.${name}: ${reaches}`),
        ...new Set(
          start.slow.map(({ on, operation }) => `${on}: ${operation} takes too long to be measured`),
        ),
      ],
      ...(budget.shared && { notConfirmed: progress.judged.length - judged.length }),
      sampled: world.subjects.filter(({ sampled }) => sampled).map(({ info }) => formatQualified(info)),
    },
  };
}

/** What everybody reaches at one moment, what could be gained beyond it, and who judges that. */
interface Standing {
  readonly reach: Reach;
  readonly wanted: readonly Measure[];
  readonly numbering: Numbering;
  readonly judge: Judge;
  /** Measurements that take longer than a statement may. */
  readonly slow: readonly Measure[];
}

async function standing(
  client: Client,
  engine: Engine,
  world: World,
  all: readonly Measure[],
  path: string,
): Promise<Standing> {
  const before = await measureBefore(engine, world, all, path);
  const reach = reachOf(before);
  const declared = await declaredKeys(client, world, all);
  const wanted = all.filter((one) => before.has(one) && isWanted(world, one));
  const answers = answersBefore(before);
  const numbering = numberMeasures(world, wanted, (one) =>
    candidatesOf(one, reach, before, declared, answers),
  );
  const judge = new Judge({
    world,
    reach,
    numbering,
    allowances: await allowancesOf(client, world),
    calls: answers,
    sent: sentBefore(world, before, await checkedRows(client, world)),
  });
  return { reach, wanted, numbering, judge, slow: all.filter((one) => !before.has(one)) };
}

/**
 * Where others work, what they have changed meanwhile looks like a gain of the next step. So every gain is measured again, against
 * what everybody reaches by then: only what is gained both times is reported.
 */
async function confirmed(
  found: readonly Found[],
  at: {
    readonly client: Client;
    readonly engine: Engine;
    readonly world: World;
    readonly all: readonly Measure[];
    readonly path: string;
  },
): Promise<readonly Judged[]> {
  if (found.length === 0) return [];
  const { engine, world, path } = at;
  const { judge, numbering } = await standing(at.client, engine, world, at.all, path);
  await engine.begin(numbering.fixed);
  const sent = found.map(({ resend }, id) => ({ ...resend(numbering), id }));
  const kept: Judged[] = [];
  for (let done = 0; done < sent.length;) {
    const answers = await send({ engine, path }, sent.slice(done, done + stepsAtOnce(0)));
    for (const answer of answers) {
      const one = found[answer.id]?.one;
      if (one === undefined) continue;
      const again = judge.judge(one.chain, answer).gains;
      const gains = one.gains.flatMap((gain) => {
        const same = again.filter(({ by, what }) => by === gain.by && what === gain.what);
        const keys = new Set(same.flatMap((other) => other.keys));
        const left = gain.keys.filter((key) => keys.has(key));
        return left.length === 0 ? [] : [{ ...gain, keys: left }];
      });
      if (gains.length > 0) kept.push({ ...one, gains });
    }
    done += answers.length;
  }
  return kept;
}

function isWanted(world: World, { actor, on, operation }: Measure): boolean {
  return world.wants(`${actor.persona.name}/${on}/${operation}`, actor.persona.name);
}

/** A chain that gained something, and how to send it again. */
interface Found {
  readonly one: Judged;
  readonly resend: (numbering: Numbering) => SentStep;
}

interface Taking {
  readonly engine: Engine;
  readonly world: World;
  readonly numbering: Numbering;
  readonly judge: Judge;
  readonly ordered: readonly Step[];
  readonly sent: readonly SentStep[];
  readonly path: string;
  readonly since: number;
  readonly budget: Budget;
}

interface Progress {
  tried: number;
  accepted: number;
  twoPossible: number;
  twoTried: number;
  /** Those that were answered, in whatever way. */
  twoSent: number;
  readonly judged: Found[];
}

/** One-step chains in their order, and after each batch the calls that its accepted writes may have opened. */
async function takeSteps(taking: Taking): Promise<Progress> {
  const { ordered, sent, budget, since } = taking;
  const progress: Progress = { tried: 0, accepted: 0, twoPossible: 0, twoTried: 0, twoSent: 0, judged: [] };
  const follows = new FollowUps(taking.world);
  const later: FollowUp[] = [];
  let next = 0;
  let answered = 0;
  const isOver = (): boolean => performance.now() - since >= budget.milliseconds();
  const most = Math.min(sent.length, budget.chains);
  while (next < most && !isOver()) {
    budget.interrupted?.throwIfAborted();
    const batch = sent.slice(next, Math.min(most, next + stepsAtOnce(answered)));
    const answers = await send(taking, batch);
    for (const answer of answers) {
      const step = ordered[answer.id];
      if (step === undefined) continue;
      if (wasTried(answer)) progress.tried += 1;
      if (answer.code !== undefined) continue;
      progress.accepted += 1;
      note(progress, taking.judge.judge([step], answer), (numbering) =>
        sentStep(step, answer.id, taking.world, numbering),
      );
      later.push(...follows.after(step, answer, taking.sent[answer.id]));
    }
    answered = answers.length;
    next += answered;
    progress.twoPossible = later.length;
    if (progress.twoSent < later.length) await takeFollowUps(taking, later, progress, isOver);
  }
  return progress;
}

async function takeFollowUps(
  taking: Taking,
  later: readonly FollowUp[],
  progress: Progress,
  isOver: () => boolean,
): Promise<void> {
  while (progress.twoSent < later.length && !isOver()) {
    taking.budget.interrupted?.throwIfAborted();
    const from = progress.twoSent;
    const batch = later
      .slice(from, from + stepsAtOnce(0))
      .map(({ sent }, place) => ({ ...sent, id: from + place }));
    for (const answer of await send(taking, batch)) {
      progress.twoSent += 1;
      if (wasTried(answer)) progress.twoTried += 1;
      const one = later[answer.id];
      if (one !== undefined) note(progress, taking.judge.judge(one.chain, answer), () => one.sent);
    }
  }
}

/** At least one answer: a batch that brings none has a first step that cannot be asked. */
async function send(
  { engine, path }: Pick<Taking, "engine" | "path">,
  batch: readonly SentStep[],
): Promise<readonly StepAnswer[]> {
  const answers = await engine.send(batch, path);
  const [first] = batch;
  if (answers.length > 0 || first === undefined) return answers;
  const nothing = { touched: 0, written: [], changed: [], gone: [], gained: [], failed: [], audience: [] };
  return [{ id: first.id, code: notAsked, message: "no answer", ...nothing }];
}

function note({ judged }: Progress, one: Judged, resend: Found["resend"]): void {
  if (one.gains.length > 0) judged.push({ one, resend });
}

/** Not where it, or what it may open, waited for a lock or took too long. */
function wasTried({ code, failed }: StepAnswer): boolean {
  return [code, ...failed.map(([, own]) => own)].every(
    (one) => one !== notAsked && !isCode(one, "lockNotAvailable") && !isCode(one, "cancelled"),
  );
}

function unreachedFinding({ actor, on, operation, rule }: Allowance): Finding {
  return { kind: "may-become-not-reached", cell: `${actor.persona.name}/${on}/${operation}`, at: rule.at };
}
