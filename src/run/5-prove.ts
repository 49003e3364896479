import { messageOf } from "../model/errors.ts";
import type { Cell } from "../model/cell.ts";
import type { ProofAnswer, RestsOn, SeededRow, Witness } from "../model/proof.ts";
import type { ProofsRecord } from "../model/run.ts";
import { raisedByPolicies } from "../model/raised.ts";
import type { Verdict } from "../model/verdict.ts";
import type { Plan } from "../plan/plan.ts";
import { blockedBy } from "../plan/side-effects.ts";
import { sessionOf, type SessionRules, statesOf } from "../probe/sessions.ts";
import type { Declared } from "../prove/proof-cell.ts";
import type { ProofPersona, Prover, ProofRequest } from "../prove/prover.ts";
import type { OpenRun } from "./3-open.ts";
import type { ProbedCell } from "./4-probe.ts";
import { isOwnRowMissing, isWiderThanDeclared } from "../judge/proof.ts";
import { lackingRows } from "../judge/seeded.ts";
import { judge } from "../judge/verdict.ts";
import { formatQualified } from "../lib/sql-text.ts";
import type { Finding } from "../model/finding.ts";
import { namingClaims } from "./open-proof.ts";
import { openedByTokens } from "./other-tokens.ts";
import { type ShownByProbe, showByProbe } from "./put-in.ts";
import type { Chunk } from "./workers.ts";

/** A probed cell, and what the proof for all rows says of it, where it was asked. */
export interface ProvedCell extends ProbedCell {
  readonly proof?: ProofAnswer | undefined;
  /** Rows that the data lacks, where the cell is shown by them. */
  readonly seeded?: readonly SeededRow[] | undefined;
  /** The direct channel's probe with such rows, where no proof speaks of the cell. */
  readonly again?: ShownByProbe | undefined;
}

/** Stage 5: asks, for the cells of one chunk that a policy decides, whether their answers hold for all rows there could be. */
export async function prove(
  probed: readonly ProbedCell[],
  { work }: Chunk,
  run: OpenRun,
): Promise<readonly ProvedCell[]> {
  const { prover, plan, request } = run;
  if (prover === undefined) return probed;
  // What would write past the end of the transaction is not written here either.
  if (blockedBy(work.spec, plan.sideEffects, request.target.posture) !== undefined) return probed;
  if ("routine" in work) return shownByProbes(probed, run);
  const rowSets = rowSetsOf(probed);
  const asked = probed.map((one) => (isAsked(one, run) ? requestsOf(one.cell, run, rowSets) : []));
  const answers = (await answersOf(asked.flat(), prover, request.interrupted)).values();
  const proved = probed.map((one, index) => {
    const own = (asked[index] ?? []).map(() => answers.next().value as ProofAnswer);
    return { ...one, proof: own.toSorted((a, b) => rank(b) - rank(a))[0] };
  });
  const seeded = await Promise.all(
    proved.map(async (one, index) => ({ ...one, seeded: await seededFor(one, asked[index]?.[0], run) })),
  );
  return shownByProbes(seeded, run);
}

/** What the rows at hand have shown need not be shown again, where the request says so. */
function isAsked({ cell, answers: { direct } }: ProbedCell, { request, channels }: OpenRun): boolean {
  if (request.examines === undefined || direct === undefined) return true;
  const seen = direct.observation;
  const { verdict } = judge(cell, seen, { channel: "direct", ...channels.trust.direct });
  return verdict !== "leak" || request.examines(cell, seen);
}

async function shownByProbes(cells: readonly ProvedCell[], run: OpenRun): Promise<readonly ProvedCell[]> {
  const asked = cells.map((one) => ({ one, persona: usualPersona(one.cell, run) }));
  const opened = await openedByTokens(asked, run, (error) => failedProof(error, run.request.interrupted));
  return Promise.all(
    asked.map(async ({ one, persona }, index): Promise<ProvedCell> => {
      const { cell, answers } = one;
      // Where it fails, the cell stays what it is.
      const again = await showByProbe(cell, answers.direct?.observation, persona, run).catch(() => undefined);
      const proof = opened[index] ?? one.proof;
      return again === undefined ? { ...one, proof } : { ...one, proof, again, seeded: again.rows };
    }),
  );
}

function usualPersona(cell: Cell, { sessions }: OpenRun): ProofPersona {
  return personaOf(cell, Object.fromEntries(sessionOf(sessions, cell, undefined)), sessions);
}

/** What nothing in the data can show is shown by rows that are put in, asked about, and undone. */
async function seededFor(
  { cell, answers, proof }: ProvedCell,
  request: ProofRequest | undefined,
  { prover, channels }: OpenRun,
): Promise<readonly SeededRow[] | undefined> {
  const seen = answers.direct?.observation;
  if (seen === undefined || proof === undefined || request === undefined) return undefined;
  const judgement = judge(cell, seen, { channel: "direct", ...channels.trust.direct });
  const lacking = lackingRows(cell, judgement, seen, proof);
  // Where it fails, the cell stays what it is.
  return lacking && prover?.seed(request, lacking).catch(() => undefined);
}

/** Where the proof itself fails (its connection was lost, say), nothing is proved: that is no pass, and no end of the run. */
async function answersOf(
  asked: readonly ProofRequest[],
  prover: Prover,
  interrupted: AbortSignal | undefined,
): Promise<readonly ProofAnswer[]> {
  try {
    return await prover.prove(asked);
  } catch (error) {
    const failed = failedProof(error, interrupted);
    return asked.map(() => failed);
  }
}

function failedProof(error: unknown, interrupted: AbortSignal | undefined): ProofAnswer {
  interrupted?.throwIfAborted();
  const because = `the proof failed: ${messageOf(error)}`;
  return { kind: "undecided", because, within: [], toDecide: "another run" };
}

/** The cell as the proof asks it: in each state of the session in which the persona is probed. */
export function requestsOf(
  cell: Cell,
  { sessions }: Pick<OpenRun, "sessions">,
  rowSets: RowSets,
): readonly ProofRequest[] {
  const { operation, relation, role } = cell;
  if (operation === "execute" || cell.column !== undefined) return [];
  return [undefined, ...statesOf(sessions, cell)].map((state) => ({
    relation: relation.info,
    role,
    operation,
    declared: declaredOf(cell),
    check: cell.check?.predicate,
    never: cell.update?.never.map(({ values }) => values),
    accepted: acceptedOf(cell),
    // Else they are not asked about.
    rowSets: acceptedOf(cell) && rowSets.get(cell.persona.name),
    key: relation.key,
    raises: raisedByPolicies(cell),
    persona: personaOf(cell, Object.fromEntries(sessionOf(sessions, cell, state)), sessions),
  }));
}

export type RowSets = ReadonlyMap<string, NonNullable<ProofRequest["rowSets"]>>;

/** By persona, of the cells that this run probes: what is not probed, or waived, is not shown to be true. */
function rowSetsOf(probed: readonly ProbedCell[]): RowSets {
  const sets = new Map<string, NonNullable<ProofRequest["rowSets"]>>();
  for (const { cell } of probed) {
    const { persona, operation, expectation, column, waiver } = cell;
    if (expectation.kind !== "rows" || column !== undefined || waiver !== undefined) continue;
    const { predicate } = expectation;
    sets.set(persona.name, [...(sets.get(persona.name) ?? []), { operation, predicate }]);
  }
  return sets;
}

function declaredOf({ expectation }: Cell): Declared {
  return expectation.kind === "candidates" ? { kind: "allow" } : expectation;
}

/** Without `check`, accepted candidates say what an INSERT may let in. */
function acceptedOf({ expectation, candidates, check }: Cell): ProofRequest["accepted"] {
  if (expectation.kind !== "candidates" || check !== undefined) return undefined;
  return candidates.flatMap(({ name, values }) => (expectation.accept.includes(name) ? [values] : []));
}

function personaOf(
  { persona }: Cell,
  settings: Readonly<Record<string, string>>,
  rules: SessionRules,
): ProofPersona {
  return { name: persona.name, role: persona.role, settings, identities: namesOf(persona.name, rules) };
}

/** What names the persona: `sub` and `email`; without them, settings that it alone has. What several have is a group's. */
function namesOf(name: string, { identities }: SessionRules): readonly string[] {
  const { claims, settings = {} } = identities.get(name) ?? {};
  const own = namingClaims(claims);
  if (own.length > 0) return own;
  const others = [...identities].flatMap(([other, held]) =>
    other === name ? [] : Object.values(held.settings),
  );
  return Object.values(settings).filter((one) => one !== "" && !others.includes(one));
}

/** The worst answer of several states is the cell's. */
const order: readonly ProofAnswer["kind"][] = [
  "privilege",
  "no-policy",
  "all-rows",
  "keys-that-exist",
  "above",
  "not-asked",
  "constraint-only",
  "undecided",
  "mismatch",
  "hit",
];

function rank(answer: ProofAnswer): number {
  return (
    order.indexOf(answer.kind) +
    (answer.kind === "hit" && (!answer.own || answer.setup === undefined) ? 1 : 0)
  );
}

/** What the proofs of a run found that is no cell's verdict: denies that hold for want of a row of the persona's own, and rows that no candidate speaks of. */
export interface ProofNotes {
  add(one: ProvedCell, verdict: Verdict): void;
  findings(): readonly Finding[];
  /** `undefined`: nothing was proved for all rows. */
  proofs(): ProofsRecord | undefined;
}

/** Relations come in the order of the plan, not in that of the workers: two runs of one state say the same. */
export function createProofNotes(plan: Pick<Plan, "work">): ProofNotes {
  const places = new Map(plan.work.map(({ spec }, place) => [formatQualified(spec), place]));
  const inOrder = <T>(found: ReadonlyMap<string, T>): (readonly [string, T])[] =>
    [...found].toSorted(([a], [b]) => (places.get(a) ?? 0) - (places.get(b) ?? 0));
  const own = new Map<string, { readonly personas: Map<string, string[]>; readonly example: string }>();
  const wider = new Map<string, { readonly personas: string[]; readonly example: Witness }>();
  const rests = new Map<string, RestingOn>();
  const unlike = { count: 0, columns: new Set<string>() };
  return {
    add: ({ cell, proof }, verdict) => {
      if (proof === undefined) return;
      const relation = formatQualified(cell.relation.info);
      const { name } = cell.persona;
      if ("restsOn" in proof) {
        noteRests(rests, relation, proof.restsOn);
        const columns = proof.restsOn.unlikeCandidates ?? [];
        unlike.count += columns.length > 0 ? 1 : 0;
        for (const one of columns) unlike.columns.add(`${relation}.${one}`);
      }
      // A cell that fails says so itself.
      if (isOwnRowMissing(cell, proof) && verdict === "pass") {
        const note = own.get(relation) ?? { personas: new Map(), example: JSON.stringify(proof.witness) };
        own.set(relation, note);
        note.personas.set(name, [...(note.personas.get(name) ?? []), cell.operation]);
      }
      if (isWiderThanDeclared(cell, proof) && cell.waiver === undefined) {
        const found = wider.get(relation) ?? { personas: [], example: proof.witness };
        wider.set(relation, found);
        found.personas.push(name);
      }
    },
    proofs: () =>
      rests.size === 0
        ? undefined
        : {
            hold: "for this persona, with the other tables as they are",
            restsOn: inOrder(rests).map(([relation, of]) => ({
              relation,
              relations: [...of.relations].toSorted(),
              claims: [...of.claims].toSorted(),
              time: [...of.time].toSorted(),
              byPath: [...of.byPath].toSorted(),
            })),
          },
    findings: () => [
      ...(unlike.count > 0
        ? [
            {
              kind: "insert-unlike-candidates",
              count: unlike.count,
              columns: [...unlike.columns].toSorted(),
            } as const,
          ]
        : []),
      ...inOrder(wider).map(
        ([relation, found]): Finding => ({ kind: "insert-wider-than-declared", relation, ...found }),
      ),
      ...inOrder(own).map(
        ([relation, { personas, example }]): Finding => ({
          kind: "own-row-missing",
          relation,
          cells: [...personas].map(([persona, operations]) => `${persona}: ${operations.join(", ")}`),
          example,
        }),
      ),
    ],
  };
}

type RestingOn = Readonly<Record<"relations" | "claims" | "time" | "byPath", Set<string>>>;

function noteRests(
  all: Map<string, RestingOn>,
  relation: string,
  { relations, claims, time, byPath = [] }: RestsOn,
): void {
  const known = all.get(relation) ?? {
    relations: new Set<string>(),
    claims: new Set<string>(),
    time: new Set<string>(),
    byPath: new Set<string>(),
  };
  all.set(relation, known);
  for (const one of relations) known.relations.add(one);
  for (const { claim } of claims) known.claims.add(claim);
  for (const one of time) known.time.add(one);
  for (const one of byPath) known.byPath.add(one);
}
