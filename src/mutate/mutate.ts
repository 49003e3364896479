import type { Cell } from "../model/cell.ts";
import { addressOf, postureRules, readsOnly } from "../model/posture.ts";
import type { Target } from "../model/target.ts";
import { RowgateError } from "../model/errors.ts";
import type { MutantResult, MutationRecord, OperatorSet, PassedCell } from "../model/mutation.ts";
import { loadParser } from "../lib/sql-tree.ts";
import { readSql } from "../lib/sql-file.ts";
import { now } from "../lib/clock.ts";
import { signIn, type SignInRequest } from "../persona/sign-in.ts";
import { channelsOf } from "../plan/channels.ts";
import { filterOf } from "../plan/filters.ts";
import type { CellOptions } from "../plan/plan.ts";
import type { RunFilters } from "../model/run.ts";
import { Control } from "../probe/sql/baseline.ts";
import { sessionRules } from "../probe/sessions.ts";
import { openDirectChannel } from "../probe/sql/channel.ts";
import type { PreflightedRun } from "../run/2-inspect.ts";
import { ColumnTries, type KnownMaterial } from "../run/assign-under.ts";
import { gatewayOf } from "../run/request.ts";
import { askBaseline } from "./baseline.ts";
import { readBodies } from "./bodies.ts";
import { functionEvidence, type NameFacts, readNames } from "./function-evidence.ts";
import { type FunctionSource, functionMutants, memberMutants, readFunctions } from "./functions.ts";
import type { Mutant } from "./mutant.ts";
import { type Facts, readFacts } from "./facts.ts";
import { mutantsOf } from "./operators.ts";
import { defaultMutants } from "./unseen.ts";
import { MutantProofs } from "./proof.ts";
import { readTexts, type SqlText } from "./readers.ts";
import { sourcesOf } from "./source.ts";
import type { Fingerprint } from "../model/fingerprint.ts";
import { Digests, readMarks, type Reuse } from "./reuse.ts";
import { type Mutating, type Place, type Trials, tryAll } from "./trials.ts";

export interface MutationRequest extends SignInRequest {
  readonly filters: Pick<RunFilters, "only" | "personas">;
  readonly operators: OperatorSet;
  /** Change policies, in transactions that are rolled back, where others work too. */
  readonly onSharedTarget: boolean;
  /** Makes copies of the target's database, in which changes are tried at the same time. */
  readonly copies?: (() => Promise<readonly Target[]>) | undefined;
  /** Results of earlier runs; `undefined`: every change is tried. */
  readonly reuse?: Reuse | undefined;
  readonly interrupted?: AbortSignal | undefined;
}

export interface MutationEvents {
  readonly planned?: (mutants: number) => void;
  readonly mutant?: (result: MutantResult) => void;
}

/** Changes what decides who may do what, one thing at a time, and asks whether the matrix notices. Every change is rolled back. */
export async function mutate(
  request: MutationRequest,
  plan: PreflightedRun,
  events: MutationEvents = {},
): Promise<MutationRecord> {
  const { matrix, target, filters, interrupted } = request;
  mayChange(target, request.onSharedTarget);
  const began = performance.now();
  await loadParser();
  const options: CellOptions = {
    channels: channelsOf(matrix, ["direct"]),
    exposed: gatewayOf(target)?.schemas ?? [],
    wants: filterOf(filters),
  };
  const relations = relationsOf(plan, options);
  const roles = plan.catalog.roles.filter(isPersonas(plan));
  const sources = await readSources(target, plan, {
    schemas: [...new Set(relations.map(({ schema }) => schema))],
    roles: roles.map(({ name }) => name),
    reuse: request.reuse !== undefined,
  });
  const { lent, texts, functions, marks } = sources;
  const ofRelations = relations.flatMap((one) => mutantsOf(one, roles, request.operators, sources));
  const copies = ofRelations.length < worthACopy ? [] : ((await request.copies?.()) ?? []);
  const privileged = await Control.open(addressOf(target), target.limits);
  const places: Place[] = [];
  try {
    const material: KnownMaterial = new Map();
    for (const one of [target, ...copies]) places.push(await openPlace(request, plan, one, material));
    const start = performance.now();
    const baseline = await askBaseline({ plan, options, places, privileged });
    const asked = performance.now();
    const { covered, cells, transcripts } = baseline;
    const passed = covered.reduce((sum, one) => sum + one.passed.size + one.columns.size, 0);
    if (passed === 0) throw nothingPassed(request);
    const facts = { ...sources, catalog: plan.catalog, roles };
    const mutants = [
      ...ofRelations,
      ...(request.operators === "selective"
        ? []
        : [
            ...functionMutants(functions, roles),
            ...memberMutants(roles, plan.catalog),
            ...defaultMutants(sources.defaults),
          ]),
    ].map((one) => ({ ...one, equivalent: one.equivalent ?? functionEvidence(one, facts) }));
    events.planned?.(mutants.length);
    const bodies = readBodies(functions, texts);
    const mutating = { plan, options, covered, transcripts, lent, texts, bodies, interrupted };
    const tried = await tryOrReuse(mutants, mutating, places, request.reuse && { ...request.reuse, marks });
    return {
      matrix: matrix.name,
      file: matrix.file,
      operators: request.operators,
      cells,
      passed,
      tests: covered.flatMap((one) => [...one.passed.values(), ...one.columns.values()].map(passedCell)),
      relations: sourcesOf(relations, functions, mutants),
      mutants: tried.results,
      reused: tried.reused,
      milliseconds: performance.now() - began,
      phases: { baseline: asked - start, changes: tried.changes, evidence: tried.evidence },
    };
  } finally {
    for (const { channel, columns } of places) {
      await channel.close();
      await columns.close();
    }
    await privileged.close();
  }
}

/** Copying a database takes as long as some tens of changes. */
const worthACopy = 60;

async function openPlace(
  request: MutationRequest,
  plan: PreflightedRun,
  target: Target,
  material: KnownMaterial,
): Promise<Place> {
  const identities = signIn(request, plan.settings, now(), plan.cells);
  const home = plan.catalog.login;
  const sessions = sessionRules({
    identities,
    inForce: plan.settings,
    gateway: target.rest !== undefined,
    home: home.name,
  });
  const kept = target.posture === "embedded" ? true : undefined;
  const channel = await openDirectChannel({ target, sessions, home, hashed: true, kept });
  return {
    channel,
    proofs: new MutantProofs({ target, matrix: request.matrix }, sessions),
    columns: new ColumnTries(target, plan, sessions, material),
  };
}

/** Only those of which something changed since their result was kept. */
async function tryOrReuse(
  mutants: readonly Mutant[],
  mutating: Mutating,
  places: readonly Place[],
  reuse: (Reuse & Pick<Sources, "marks">) | undefined,
): Promise<Trials & { readonly reused: number }> {
  if (reuse === undefined) return { ...(await tryAll(mutants, mutating, places)), reused: 0 };
  const digests = new Digests(mutating, reuse.marks, reuse.version);
  const keys = mutants.map((mutant) => digests.of(mutant));
  const isNew = (_: unknown, index: number): boolean => !reuse.known.has(keys[index] ?? "");
  const trials = await tryAll(mutants.filter(isNew), mutating, places);
  const results = new Map(reuse.known);
  for (const [index, key] of keys.filter(isNew).entries()) {
    const result = trials.results[index];
    if (result !== undefined) results.set(key, result);
  }
  await reuse.keep(results);
  return {
    ...trials,
    results: keys.flatMap((key) => results.get(key) ?? []),
    reused: mutants.length - trials.results.length,
  };
}

interface Sources extends Facts {
  readonly lent: readonly string[];
  readonly texts: readonly SqlText[];
  readonly functions: readonly FunctionSource[];
  readonly names: NameFacts;
  readonly marks: readonly Fingerprint[];
}

/** Its connection is closed again: a database that is in use cannot be copied. */
async function readSources(
  target: Target,
  { functions }: PreflightedRun,
  { schemas, roles, reuse }: { schemas: readonly string[]; roles: readonly string[]; reuse: boolean },
): Promise<Sources> {
  const oids = functions.map(({ routine }) => routine.oid);
  const privileged = await Control.open(addressOf(target), target.limits);
  const reading = privileged.ask("while views, functions and their owners were read", async (client) => ({
    lent: (await client.query<{ name: string }>(readSql("mutate_owners.sql"))).rows.map(({ name }) => name),
    texts: await readTexts(client),
    functions: await readFunctions(client, oids),
    names: await readNames(client),
    marks: reuse ? await readMarks(client) : [],
    ...(await readFacts(client, schemas, roles)),
  }));
  return await reading.finally(() => privileged.close());
}

/** Refuses where nothing is written, and where others work unless that was asked for. @throws RowgateError `mutate/…` */
export function mayChange(
  target: Pick<Target, "name" | "posture" | "writes">,
  onSharedTarget: boolean,
): void {
  if (readsOnly(target))
    throw new RowgateError({
      code: "mutate/reads-only",
      message: `rowgate mutate changes policies, and ${target.name} takes no writes (${target.posture}).`,
      hint: "rowgate mutate --target embedded applies the same migrations to a separate database",
    });
  if (postureRules[target.posture].shared && !onSharedTarget)
    throw new RowgateError({
      code: "mutate/shared-target",
      message: `rowgate mutate changes policies in transactions that it rolls back, and others work on ${target.name}: they wait for its locks.`,
      hint: "use --target embedded, or add --on-shared-target if the disturbance is acceptable",
    });
}

function passedCell({ id, at }: Cell): PassedCell {
  return { id, line: at.line, column: at.column };
}

function nothingPassed({ matrix }: MutationRequest): RowgateError {
  return new RowgateError({
    code: "mutate/nothing-passed",
    message: `No cell of ${matrix.file} passed on the direct channel, and only a cell that passed can notice a change.`,
    hint: `prove the matrix first: rowgate run ${matrix.file}`,
  });
}

function isPersonas({ matrix }: PreflightedRun): (role: { readonly name: string }) => boolean {
  const names = new Set(matrix.personas.map(({ role }) => role));
  return ({ name }) => names.has(name);
}

/** Those that the matrix names, and those of its schemas that it does not: a change there is noticed by no cell. */
function relationsOf(
  { matrix, catalog, work }: PreflightedRun,
  { exposed }: CellOptions,
): readonly Mutant["after"][] {
  const named = new Set(work.map(({ relation }) => relation.info.oid));
  const schemas = new Set([...matrix.exposes, ...exposed, ...work.map(({ spec }) => spec.schema)]);
  return catalog.relations.filter(({ oid, schema }) => named.has(oid) || schemas.has(schema));
}
