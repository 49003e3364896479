import { now } from "../lib/clock.ts";
import { dayOf, elapsed } from "../lib/moment.ts";
import type { Cast } from "../init/personas.ts";
import {
  everything,
  keyOf,
  type ObservedOperation,
  observedOperations,
  type Proposal,
  type Propose,
  proposer,
} from "../init/proposal.ts";
import { type MatrixHead, matrixJson, type MatrixParts } from "../init/text.ts";
import { parseMatrix } from "../matrix/parse.ts";
import { type ChainFinding, type Finding, findingSeverity, isChain } from "../model/finding.ts";
import { accessMap, type ScannedCell } from "../scan/access-map.ts";
import type { PreparedSystem } from "../stage/system.ts";
import type { Environment } from "./environment.ts";
import type { RunOptions } from "./options.ts";
import { Questions, type SystemFacts } from "./init-ask.ts";
import { CallObservation, whyWaived } from "./init-calls.ts";
import { accessQuestions, byStanding, errorQuestions } from "./init-questions.ts";
import { probeAll } from "./scan.ts";

export interface ObserveTask {
  readonly options: RunOptions;
  readonly environment: Environment;
  /** A folder for what does not stay. */
  readonly scratch: string;
  /**
   * Milliseconds. After this, what is open is waived, and no whole run is made: a first matrix that is late helps less than one with
   * open cells.
   */
  readonly within: number;
}

export interface Observed {
  readonly parts: MatrixParts;
  readonly questions: MatrixHead["questions"];
  /** A run as a person will make it was made, too. */
  readonly isConfirmed: boolean;
}

/** Days that a waiver of a cell holds for which no declaration was found. */
const waivedDays = 90;

/**
 * Everything is declared denied and run; then what was not denied is declared as the policies say, and run again; and so on with
 * the next proposal, so that each line that is written has passed in the run's own engine. Last comes a run as it will be.
 */
export async function observe(
  task: ObserveTask,
  system: PreparedSystem,
  facts: SystemFacts,
  cast: Cast,
): Promise<Observed> {
  const asks = await Questions.open(system);
  try {
    const keys = await asks.keysOf(facts.relations);
    const observation = new Observation(task, system, facts, cast, asks, keys);
    const { cells: denied, findings } = await observation.probe([]);
    const proposals = await proposalsFor(asks, facts, cast, denied);
    await observation.declare(proposals);
    const calls = facts.isWhole ? await observation.calls(findings) : [];
    const isConfirmed = observation.hasTime();
    const gained = isConfirmed ? await observation.confirm(proposals) : [];
    const map = accessMap(denied, byStanding(cast));
    const rows = new Map(map.relations.map((one) => [one.relation, one.rows]));
    return {
      parts: { ...observation.parts(), rows },
      questions: [...errorQuestions(denied, cast), ...accessQuestions(map), ...gained, ...calls],
      isConfirmed,
    };
  } finally {
    await asks.close();
  }
}

class Observation {
  readonly #began = now();
  readonly #task: ObserveTask;
  readonly #system: PreparedSystem;
  readonly #facts: SystemFacts;
  readonly #cast: Cast;
  readonly #declared = new Map<string, Map<string, Map<ObservedOperation, Proposal>>>();
  readonly #keys: ReadonlyMap<string, readonly string[]>;
  readonly #calls: CallObservation;
  readonly #expires = new Date(Date.now() + waivedDays * 86_400_000).toISOString().slice(0, 10);

  constructor(
    task: ObserveTask,
    system: PreparedSystem,
    facts: SystemFacts,
    cast: Cast,
    asks: Questions,
    keys: ReadonlyMap<string, readonly string[]>,
  ) {
    this.#keys = keys;
    this.#calls = new CallObservation(facts, cast.personas, asks, async (ids) =>
      failures((await this.probe(ids)).cells),
    );
    this.#task = task;
    this.#system = system;
    this.#facts = facts;
    this.#cast = cast;
  }

  hasTime(): boolean {
    return elapsed(this.#began, now()) < this.#task.within;
  }

  parts(): MatrixParts {
    const { personas } = this.#cast;
    return {
      relations: this.#facts.relations,
      personas,
      declared: this.#declared,
      rows: new Map(),
      keys: this.#keys,
      ...this.#calls.parts,
      expires: this.#expires,
    };
  }

  async probe(only: readonly string[], whole = false): ReturnType<typeof probeAll> {
    const { options, environment, scratch } = this.#task;
    const { tokens } = this.#cast;
    const text = matrixJson({ exposes: this.#facts.exposes, tokens }, this.parts());
    const matrix = parseMatrix(text, "init", dayOf(now()));
    const channel: RunOptions["channel"] = whole ? matrix.channels : ["direct"];
    return probeAll(
      this.#system,
      { matrix, tokens, only, logs: scratch, whole },
      { ...options, channel },
      environment,
    );
  }

  /** Each cell's first proposal that passes; a cell of which none does gets a waiver. */
  async declare(proposals: ReadonlyMap<string, OpenCell>): Promise<void> {
    for (const one of proposals.values())
      if (one.proposals.length === 0) this.#put(one.cell, waivedOf(one, []));
    const some = [...proposals].filter(([, one]) => one.proposals.length > 0);
    let open = new Map(some.map(([id, one]) => [id, { ...one, next: 0, tried: [] as Tried[] }]));
    while (open.size > 0) {
      for (const one of open.values()) this.#put(one.cell, one.proposals[one.next] ?? everything);
      const failed = failures((await this.probe([...open.keys()])).cells);
      const still: typeof open = new Map();
      for (const [id, one] of open) {
        const record = failed.get(id);
        if (record === undefined) continue;
        const tried = [...one.tried, { proposal: one.proposals[one.next] ?? everything, record }];
        if (one.next + 1 < one.proposals.length && this.hasTime())
          still.set(id, { ...one, next: one.next + 1, tried });
        else this.#put(one.cell, waivedOf(one, tried));
      }
      open = still;
    }
  }

  calls(findings: readonly Finding[]): Promise<MatrixHead["questions"]> {
    return this.#calls.declare(findings);
  }

  /** A run as a person will make it, on both channels: what fails is waived; what chains of writes gain is a question. */
  async confirm(proposals: ReadonlyMap<string, OpenCell>): Promise<MatrixHead["questions"]> {
    const { cells, findings } = await this.probe([], this.#facts.isWhole);
    const wider: (readonly string[])[] = [];
    for (const { record } of cells)
      if (record.verdict === "pass" && record.column === undefined) this.#passed(record);
    for (const { record } of cells.filter(({ record: one }) => isOpen(one))) {
      const { operation, persona, schema, relation } = record;
      if (operation === "execute") wider.push(...this.#calls.waive(record));
      if (!isObserved(operation) || record.column !== undefined) continue;
      const cell = { relation: `${schema}.${relation}`, persona, operation };
      const was = this.#declared.get(cell.relation)?.get(persona)?.get(operation);
      const known = proposals.get(record.id)?.proposals.find(({ implied }) => implied !== true);
      const isAbove = record.verdict === "error" && this.#isAbove(persona);
      // A waiver covers no error: the run shows it.
      if (record.verdict !== "error" || isAbove)
        this.#put(cell, { ...(isAbove ? everything : (was ?? known)), waived: whyWaived(record) });
    }
    const others = findings.filter((one) => one.kind !== "undeclared-definer");
    return [
      ...wider,
      ...findings.filter(isChain).flatMap((chain) => this.#questionOf(chain)),
      ...(this.#facts.isWhole ? await this.calls(others) : []),
    ];
  }

  /** What passes in the whole run needs no waiver, whatever it was on the way there. */
  #passed({ schema, relation, persona, operation }: ScannedCell["record"]): void {
    const cell = { relation: `${schema}.${relation}`, persona };
    const was = isObserved(operation)
      ? this.#declared.get(cell.relation)?.get(persona)?.get(operation)
      : undefined;
    if (was?.waived === undefined || !isObserved(operation)) return;
    const { waived: _, ...plain } = was;
    this.#put({ ...cell, operation }, plain);
  }

  #isAbove(persona: string): boolean {
    return this.#cast.personas.some(({ name, standing }) => name === persona && standing === "above");
  }

  /** What a chain gains may be intended: it is declared as observed, too. */
  #questionOf({ personas, steps, gains, kind }: ChainFinding): MatrixHead["questions"] {
    if (findingSeverity[kind] !== "leak") return [];
    for (const { what } of gains) {
      const [, operation, relation = ""] = /^(\w+) ([^,\s]+)/.exec(what) ?? [];
      if (operation !== "select" && operation !== "update" && operation !== "delete") continue;
      // Of personas of whom the same is declared, one took the steps.
      const of = (name: string): Proposal | undefined =>
        this.#declared.get(relation)?.get(name)?.get(operation);
      const said = new Set(personas.map((name) => JSON.stringify(of(name))));
      for (const { name: persona, standing } of this.#cast.personas)
        if (standing !== "above" && said.has(JSON.stringify(of(persona))) && of(persona)?.rows !== "all")
          this.#put({ relation, persona, operation }, { ...of(persona), gains: true });
    }
    const what = gains.map((one) => one.what).join(", ");
    return [[`${personas.join(", ")}: ${steps.join("; then ")} opens ${what} - intended?`]];
  }

  #put({ relation, persona, operation }: OpenCell["cell"], proposal: Proposal): void {
    const by = this.#declared.get(relation) ?? new Map<string, Map<ObservedOperation, Proposal>>();
    this.#declared.set(relation, by);
    const operations = by.get(persona) ?? new Map<ObservedOperation, Proposal>();
    by.set(persona, operations);
    if (proposal.implied === true && proposal.waived === undefined) operations.delete(operation);
    else operations.set(operation, proposal);
  }
}

function isOpen({ waived, verdict }: ScannedCell["record"]): boolean {
  return !waived && verdict !== "pass" && verdict !== "skipped";
}

interface Tried {
  readonly proposal: Proposal;
  readonly record: ScannedCell["record"];
}

function failures(cells: readonly ScannedCell[]): ReadonlyMap<string, ScannedCell["record"]> {
  return new Map(
    cells.filter(({ record }) => record.verdict !== "pass").map(({ record }) => [record.id, record]),
  );
}

/** Denied, where only that could not be decided; else the first that a waiver covers. */
function waivedOf({ denied, proposals, isAbove }: OpenCell, tried: readonly Tried[]): Proposal {
  // Who bypasses RLS cannot be denied anything, and an error is never waived.
  if (isAbove) return { ...everything, waived: whyWaived(denied) };
  if (denied.verdict === "inconclusive" || denied.verdict === "vacuous") return { waived: whyWaived(denied) };
  const explicit = tried.filter(({ proposal }) => proposal.implied !== true);
  const [first] = [...explicit.filter(({ record }) => record.verdict !== "error"), ...explicit];
  // An error reaches nothing, and no waiver covers it: the run shows it.
  if (first?.record.verdict === "error") return {};
  if (first !== undefined) return { ...first.proposal, waived: whyWaived(first.record) };
  // Nothing was tried in the time that there was.
  const untried = proposals.find(({ implied }) => implied !== true);
  return { ...(untried ?? (denied.verdict === "error" ? everything : {})), waived: whyWaived(denied) };
}

interface OpenCell {
  readonly cell: {
    readonly relation: string;
    readonly persona: string;
    readonly operation: ObservedOperation;
  };
  readonly proposals: readonly Proposal[];
  /** What came of declaring it denied. */
  readonly denied: ScannedCell["record"];
  /** Its persona bypasses RLS. */
  readonly isAbove: boolean;
}

/** What each cell that was not denied may be declared as. */
async function proposalsFor(
  asks: Questions,
  { catalog, schema }: SystemFacts,
  { personas }: Cast,
  denied: readonly ScannedCell[],
): Promise<ReadonlyMap<string, OpenCell>> {
  const roles = new Map(catalog.roles.map((one) => [one.name, one]));
  const byName = new Map(catalog.relations.map((one) => [keyOf(one), one]));
  const proposers = new Map<string, Propose>();
  const found = new Map<string, OpenCell>();
  for (const { record } of denied) {
    const { verdict, operation, column, persona } = record;
    const relation = `${record.schema}.${record.relation}`;
    const info = byName.get(relation);
    const who = personas.find(({ name }) => name === persona);
    // What the target's posture forbids was not observed.
    if (
      verdict === "pass" ||
      verdict === "skipped" ||
      column !== undefined ||
      info === undefined ||
      who === undefined
    )
      continue;
    if (!isObserved(operation)) continue;
    const propose =
      proposers.get(relation) ?? proposer(info, schema.relation(info.schema, info.name), roles, schema);
    proposers.set(relation, propose);
    const proposals: Proposal[] = [];
    for (const one of propose(who, operation))
      if (mayHold(one, record) && (await asks.canRead(one, info, who.values))) proposals.push(one);
    const cell = { relation, persona, operation };
    found.set(record.id, { cell, proposals, denied: record, isAbove: who.standing === "above" });
  }
  return found;
}

/** What was observed rules some declarations out before they are run. */
function mayHold({ rows, implied }: Proposal, { channels, verdict }: ScannedCell["record"]): boolean {
  const seen = channels.direct?.observation;
  if (implied === true || seen?.kind !== "rows") return true;
  if (seen.method === "sample") return true;
  if (seen.affected === 0 && verdict === "inconclusive") return false;
  return rows !== "all" || seen.affected >= seen.baseline.total;
}

function isObserved(operation: string): operation is ObservedOperation {
  return (observedOperations as readonly string[]).includes(operation);
}
