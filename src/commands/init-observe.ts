import { now } from "../lib/clock.ts";
import { dayOf, elapsed } from "../lib/moment.ts";
import type { Cast } from "../init/personas.ts";
import { everything, type Proposal } from "../init/proposal.ts";
import type { RelationOperation } from "../model/matrix.ts";
import { type MatrixHead, matrixJson, type MatrixParts } from "../init/text.ts";
import { parseMatrix } from "../matrix/parse.ts";
import { type ChainFinding, failsRun, type Finding, findingSeverity, isChain } from "../model/finding.ts";
import { errorCode } from "../model/waived.ts";
import { accessMap, type ScannedCell } from "../scan/access-map.ts";
import type { PreparedSystem } from "../stage/system.ts";
import type { RunOptions } from "./options.ts";
import { Questions, type SystemFacts } from "./init-ask.ts";
import { CallObservation, whyWaived } from "./init-calls.ts";
import {
  afterThis,
  erred,
  examinedBy,
  failures,
  bypasses,
  type How,
  isOfChanged,
  isOpen,
  lacksRows,
  type ObserveTask,
  type OpenCell,
  proposalsFor,
  textsOf,
  triedOf,
  type Trying,
  waivedOf,
  waivedUntil,
  whoIs,
  writtenBy,
} from "./init-cells.ts";
import { settleRaised } from "./init-raises.ts";
import { accessQuestions, byStanding, distinct, errorQuestions } from "./init-questions.ts";
import { probeAll } from "./scan.ts";

export interface Observed {
  readonly parts: MatrixParts;
  readonly questions: MatrixHead["questions"];
  readonly ended: Ended;
}

/**
 * How the runs as a person will make them ended: the last passed; it failed, and no line of a matrix would change that; it was corrected,
 * and no other was made.
 */
export type Ended = "passed" | "failed" | "corrected";

/** Runs as a person will make them: the first shows what to correct, the second that it is, the third what that has changed. */
const mostRounds = 3;

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
    const { cells: seen, findings } = await observation.probe([], "denied");
    const denied = await observation.withRaises(seen);
    const proposals = await proposalsFor(asks, facts, cast, denied);
    await observation.declare(proposals);
    const calls = facts.isWhole ? await observation.calls(findings) : [];
    const { asked: gained, ended } = await observation.confirm(proposals);
    const map = accessMap(denied, byStanding(cast));
    const rows = new Map(map.relations.map((one) => [one.relation, one.rows]));
    return {
      parts: { ...observation.parts(), rows },
      questions: distinct([...errorQuestions(denied, cast), ...accessQuestions(map), ...gained, ...calls]),
      ended,
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
  readonly #declared = new Map<string, Map<string, Map<RelationOperation, Proposal>>>();
  readonly #keys: ReadonlyMap<string, readonly string[]>;
  readonly #trying = new Map<string, Trying>();
  /** SQLSTATEs by which policies and triggers refuse, by relation. */
  #raises: ReadonlyMap<string, readonly string[]> = new Map();
  readonly #calls: CallObservation;
  readonly #expires = waivedUntil();

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
      failures((await this.probe(ids, "tried")).cells),
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
      raises: this.#raises,
      ...this.#calls.parts,
      expires: this.#expires,
    };
  }

  async probe(
    only: readonly string[],
    how: How,
    proof: RunOptions["proof"] = "all-rows",
  ): ReturnType<typeof probeAll> {
    const { options, environment, scratch, shared } = this.#task;
    const { tokens } = this.#cast;
    const text = matrixJson({ exposes: this.#facts.exposes, tokens }, this.parts());
    const matrix = parseMatrix(text, "init", dayOf(now()));
    const channel = how === "as a run" || how === "whole" ? matrix.channels : (["direct"] as const);
    const examines = examinedBy(how, this.#cast);
    return probeAll(
      this.#system,
      { matrix, tokens, only, logs: scratch, whole: how === "whole", ...shared, examines },
      { ...options, channel, proof },
      environment,
    );
  }

  /** A policy, or a trigger, that raises refuses: what could not be decided for it is asked again with its code declared. */
  async withRaises(seen: readonly ScannedCell[]): Promise<readonly ScannedCell[]> {
    const { cells, raises } = await settleRaised(seen, async (codes, ids) => {
      this.#raises = codes;
      return (await this.probe(ids, "denied")).cells;
    });
    this.#raises = raises;
    return cells;
  }

  /** Each cell's first proposal that the rows at hand do not speak against: whether it holds for all rows, the runs that confirm ask. */
  async declare(proposals: ReadonlyMap<string, OpenCell>): Promise<void> {
    for (const one of proposals.values())
      if (one.proposals.length === 0) this.#put(one.cell, waivedOf(one, []));
    const some = [...proposals].filter(([, one]) => one.proposals.length > 0);
    await this.#try(new Map(some.map(([id, one]) => [id, { ...one, next: 0, tried: [] }])), "rows-at-hand");
  }

  /** One proposal of each cell after the other, until one passes; a cell of which none does gets a waiver. */
  async #try(cells: ReadonlyMap<string, Trying>, proof: RunOptions["proof"]): Promise<void> {
    let open = cells;
    while (open.size > 0) {
      for (const [id, one] of open) {
        this.#trying.set(id, one);
        this.#put(one.cell, { ...one.proposals[one.next], ...this.#foundOf(one.cell) });
      }
      const failed = failures((await this.probe([...open.keys()], "tried", proof)).cells);
      const still = new Map<string, Trying>();
      for (const [id, one] of open) {
        const record = failed.get(id);
        if (record === undefined || (proof === "rows-at-hand" && lacksRows(record))) continue;
        const after = afterThis(one, record);
        if (after !== undefined && this.hasTime()) still.set(id, after);
        else this.#put(one.cell, waivedOf(one, [...one.tried, triedOf(one, record)]));
      }
      open = still;
    }
  }

  /** What chains of writes have shown of a cell holds whatever its rows are. */
  #foundOf({ relation, persona, operation }: OpenCell["cell"]): Pick<Proposal, "gains" | "names"> {
    const { gains, names } = this.#declared.get(relation)?.get(persona)?.get(operation) ?? {};
    return { ...(gains && { gains }), ...(names && { names }) };
  }

  calls(findings: readonly Finding[]): Promise<MatrixHead["questions"]> {
    return this.#calls.declare(findings);
  }

  /**
   * Runs as a person will make them, on both channels, until one changes nothing: what fails is waived, and what chains of writes gain is
   * a question. What is declared of one cell decides what the persona's others of the relation are tried with: after a correction they
   * are run again.
   */
  async confirm(
    proposals: ReadonlyMap<string, OpenCell>,
  ): Promise<{ readonly asked: MatrixHead["questions"]; readonly ended: Ended }> {
    const asked: (readonly string[])[] = [];
    let ended: Ended = "corrected";
    let only: readonly string[] = [];
    let search = this.#facts.isWhole;
    // The first is made whatever the time: a person's own would take as long, and meet what nothing was written about.
    for (let round = 0; round < mostRounds && ended === "corrected"; round += 1) {
      if (round > 0 && !this.hasTime()) break;
      const before = textsOf(this.parts());
      const { cells, findings } = await this.probe(
        only,
        search ? "whole" : this.#facts.isWhole ? "as a run" : "directly",
      );
      asked.push(...(await this.#correct(cells, findings, proposals)));
      const changed = new Set(
        [...textsOf(this.parts())].filter(([name, text]) => before.get(name) !== text).map(([name]) => name),
      );
      search &&= findings.some(isChain) && changed.size > 0;
      only = [
        ...cells.map(({ record }) => record).filter((one) => isOfChanged(one, changed)),
        ...this.#calls.cells().filter(({ name }) => changed.has(name) && !before.has(name)),
      ].map(({ id }) => id);
      const isRed = findings.some(failsRun) || cells.some(({ record }) => isOpen(record));
      ended = only.length > 0 || search ? "corrected" : isRed ? "failed" : "passed";
    }
    return { asked, ended };
  }

  async #correct(
    cells: readonly ScannedCell[],
    findings: readonly Finding[],
    proposals: ReadonlyMap<string, OpenCell>,
  ): Promise<MatrixHead["questions"]> {
    const wider: (readonly string[])[] = [];
    const others = new Map<string, Trying>();
    for (const { record } of cells)
      if (record.verdict === "pass" && record.column === undefined) this.#passed(record);
    for (const { record } of cells.filter(({ record: one }) => isOpen(one))) {
      const { operation, persona, schema, relation } = record;
      if (operation === "execute") wider.push(...this.#calls.waive(record));
      if (operation === "execute" || record.column !== undefined) continue;
      const cell = { relation: `${schema}.${relation}`, persona, operation };
      const was = this.#declared.get(cell.relation)?.get(persona)?.get(operation);
      const trying = this.#trying.get(record.id);
      if (trying !== undefined && was?.waived === undefined) {
        const after = this.hasTime() ? afterThis(trying, record) : undefined;
        if (after === undefined)
          this.#put(cell, waivedOf(trying, [...trying.tried, triedOf(trying, record)]));
        else others.set(record.id, after);
        continue;
      }
      const known = proposals.get(record.id)?.proposals.find(({ implied }) => implied !== true);
      const isError = record.verdict === "error";
      const isAbove = isError && bypasses(this.#cast, persona);
      this.#put(
        cell,
        isError && !isAbove
          ? { ...was, ...erred(record) }
          : {
              ...(isAbove ? everything : (was ?? known)),
              waived: whyWaived(record),
              error: errorCode(record),
            },
      );
    }
    await this.#try(others, "all-rows");
    const ofFunctions = findings.filter((one) => one.kind !== "undeclared-definer");
    return [
      ...wider,
      ...findings.filter(isChain).flatMap((chain) => this.#questionOf(chain)),
      ...(this.#facts.isWhole ? await this.calls(ofFunctions) : []),
    ];
  }

  /** What passes in the whole run needs no waiver, whatever it was on the way there. */
  #passed({ schema, relation, persona, operation }: ScannedCell["record"]): void {
    const cell = { relation: `${schema}.${relation}`, persona };
    const was =
      operation !== "execute" ? this.#declared.get(cell.relation)?.get(persona)?.get(operation) : undefined;
    if (was?.waived === undefined || operation === "execute") return;
    const { waived: _, ...plain } = was;
    this.#put({ ...cell, operation }, plain);
  }

  /** What a chain gains may be intended: it is declared as observed, too. */
  #questionOf({ personas, steps, gains, kind }: ChainFinding): MatrixHead["questions"] {
    if (findingSeverity[kind] !== "leak") return [];
    if (kind === "plants" || kind === "gives-away")
      for (const step of steps) this.#nameColumns(step, personas);
    for (const { what, by = personas } of gains) {
      const [, operation, relation = ""] = /^(\w+) ([^,\s]+)/.exec(what) ?? [];
      if (operation !== "select" && operation !== "update" && operation !== "delete") continue;
      const who = by.flatMap((name) => whoIs(this.#cast, name));
      for (const persona of this.#alike(who, relation, operation)) {
        const was = this.#declared.get(relation)?.get(persona)?.get(operation);
        if (was?.rows !== "all") this.#put({ relation, persona, operation }, { ...was, gains: true });
      }
    }
    const what = gains.map((one) => one.what).join(", ");
    return [[`${personas.join(", ")}: ${steps.join("; then ")} opens ${what} - intended?`]];
  }

  /** Of personas of whom the same is declared, one took the steps. */
  #alike(personas: readonly string[], relation: string, operation: RelationOperation): readonly string[] {
    const of = (name: string): string =>
      JSON.stringify(this.#declared.get(relation)?.get(name)?.get(operation) ?? null);
    const said = new Set(personas.map(of));
    return this.#cast.personas
      .filter(({ name, standing }) => standing !== "above" && said.has(of(name)))
      .map(({ name }) => name);
  }

  /** A write that another sees, or takes the row from its owner, goes by columns that hold who that is: they are declared, too. */
  #nameColumns(step: string, personas: readonly string[]): void {
    const written = writtenBy(step, this.#facts.relations);
    if (written === undefined) return;
    const { relation, operation, columns } = written;
    for (const persona of this.#alike(personas, relation, operation)) {
      const was = this.#declared.get(relation)?.get(persona)?.get(operation);
      if (was === undefined) continue;
      const names = [...new Set([...(was.names ?? []), ...columns])].toSorted();
      this.#put({ relation, persona, operation }, { ...was, names });
    }
  }

  #put({ relation, persona, operation }: OpenCell["cell"], proposal: Proposal): void {
    const by = this.#declared.get(relation) ?? new Map<string, Map<RelationOperation, Proposal>>();
    this.#declared.set(relation, by);
    const operations = by.get(persona) ?? new Map<RelationOperation, Proposal>();
    by.set(persona, operations);
    if (proposal.implied === true && proposal.waived === undefined) operations.delete(operation);
    else operations.set(operation, proposal);
  }
}
