import type { Catalog, RelationInfo } from "../model/catalog.ts";
import { now } from "../lib/clock.ts";
import { dayOf } from "../lib/moment.ts";
import type { AskedOf } from "../init/asked.ts";
import type { Cast } from "../init/personas.ts";
import {
  type Declared,
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
import { standings } from "../model/access-map.ts";
import { bindParameters } from "../model/parameters.ts";
import { Control } from "../probe/sql/baseline.ts";
import type { Schema } from "../prove/analyse/schema.ts";
import { questionText } from "../report/scan-text.ts";
import { causeText } from "../report/words.ts";
import { accessMap, type ScannedCell } from "../scan/access-map.ts";
import type { ScanRole } from "../scan/matrix.ts";
import type { PreparedSystem } from "../stage/system.ts";
import type { Environment } from "./environment.ts";
import type { RunOptions } from "./options.ts";
import { probeAll } from "./scan.ts";

/** What one database says of itself. */
export interface SystemFacts {
  readonly catalog: Catalog;
  readonly schema: Schema;
  readonly schemas: readonly string[];
  readonly roles: readonly ScanRole[];
  readonly asked: AskedOf;
}

export interface ObserveTask {
  readonly options: RunOptions;
  readonly environment: Environment;
  /** A folder for what does not stay. */
  readonly scratch: string;
}

export interface Observed {
  readonly parts: MatrixParts;
  readonly questions: MatrixHead["questions"];
}

/** Days that a waiver of a cell holds for which no declaration was found. */
const waivedDays = 90;

/**
 * Everything is declared denied and run; then what was not denied is declared as the policies say, and run again; and so on with
 * the next proposal, so that each line that is written has passed in the run's own engine.
 */
export async function observe(
  task: ObserveTask,
  system: PreparedSystem,
  facts: SystemFacts,
  cast: Cast,
): Promise<Observed> {
  const { catalog, schemas } = facts;
  const { personas } = cast;
  const { relations } = catalog;
  const expires = new Date(Date.now() + waivedDays * 86_400_000).toISOString().slice(0, 10);
  const head = { exposes: schemas, tokens: cast.tokens };
  const partsOf = (declared: Declared): MatrixParts => ({
    relations,
    personas,
    declared,
    rows: new Map(),
    expires,
  });
  const probe = async (declared: Declared, only: readonly string[]): Promise<readonly ScannedCell[]> => {
    const matrix = parseMatrix(matrixJson(head, partsOf(declared)), "init", dayOf(now()));
    return probeAll(
      system,
      { matrix, tokens: cast.tokens, only, logs: task.scratch },
      task.options,
      task.environment,
    );
  };
  const denied = await probe(new Map(), []);
  const proposals = await proposalsFor(system, facts, cast, denied);
  const declared = new Map<string, Map<string, Map<ObservedOperation, Proposal>>>();
  let open = new Map([...proposals].map(([id, one]) => [id, { ...one, next: 0 }]));
  while (open.size > 0) {
    for (const one of open.values()) put(declared, one.cell, one.proposals[one.next] ?? everything);
    const cells = await probe(declared, [...open.keys()]);
    const failed = new Map(
      cells.filter(({ record }) => record.verdict !== "pass").map(({ record }) => [record.id, record]),
    );
    const still = new Map<string, typeof open extends Map<string, infer T> ? T : never>();
    for (const [id, one] of open) {
      const record = failed.get(id);
      if (record === undefined) continue;
      if (one.next + 1 < one.proposals.length) still.set(id, { ...one, next: one.next + 1 });
      else
        put(declared, one.cell, {
          ...(one.proposals[0] ?? everything),
          waived: whyWaived(record),
        });
    }
    open = still;
  }
  // The widest standing that has an access is the one that is asked about.
  const byStanding = personas
    .map(({ name, standing, is }) => ({ name, standing, is }))
    .toSorted((a, b) => standings.indexOf(a.standing) - standings.indexOf(b.standing));
  const map = accessMap(denied, byStanding);
  const questions = map.questions.map((question) => {
    const [place, ...more] = question.places;
    const cause = place?.cause === undefined || more.length > 0 ? [] : [causeText(place.cause)];
    return [`${questionText(question)} - intended?`, ...cause];
  });
  const rows = new Map(map.relations.map((one) => [one.relation, one.rows]));
  return { parts: { ...partsOf(declared), rows }, questions };
}

/** Why no declaration of a cell passed: what a person has to find out. */
function whyWaived({ verdict, channels }: ScannedCell["record"]): string {
  const because = channels.direct?.because.replaceAll(/\s+/g, " ") ?? "";
  return `rowgate init found no declaration that passes: ${verdict}${because === "" ? "" : `, ${because.slice(0, 90)}`}`;
}

interface OpenCell {
  readonly cell: {
    readonly relation: string;
    readonly persona: string;
    readonly operation: ObservedOperation;
  };
  readonly proposals: readonly Proposal[];
}

function put(
  declared: Map<string, Map<string, Map<ObservedOperation, Proposal>>>,
  { relation, persona, operation }: OpenCell["cell"],
  proposal: Proposal,
): void {
  const by = declared.get(relation) ?? new Map<string, Map<ObservedOperation, Proposal>>();
  declared.set(relation, by);
  const operations = by.get(persona) ?? new Map<ObservedOperation, Proposal>();
  by.set(persona, operations);
  if (proposal.implied === true && proposal.waived === undefined) operations.delete(operation);
  else operations.set(operation, proposal);
}

/** What each cell that was not denied may be declared as. */
async function proposalsFor(
  system: PreparedSystem,
  { catalog, schema }: SystemFacts,
  { personas }: Cast,
  denied: readonly ScannedCell[],
): Promise<ReadonlyMap<string, OpenCell>> {
  const roles = new Map(catalog.roles.map((one) => [one.name, one]));
  const byName = new Map(catalog.relations.map((one) => [keyOf(one), one]));
  const proposers = new Map<string, Propose>();
  const valid = await Validity.open(system);
  const found = new Map<string, OpenCell>();
  try {
    for (const { record } of denied) {
      const { verdict, operation, column, persona } = record;
      const relation = `${record.schema}.${record.relation}`;
      const info = byName.get(relation);
      const who = personas.find(({ name }) => name === persona);
      if (verdict === "pass" || column !== undefined || info === undefined || who === undefined) continue;
      if (!isObserved(operation)) continue;
      const propose =
        proposers.get(relation) ?? proposer(info, schema.relation(info.schema, info.name), roles, schema);
      proposers.set(relation, propose);
      const proposals: Proposal[] = [];
      for (const one of propose(who, operation))
        if (await valid.holds(one, info, who.values)) proposals.push(one);
      found.set(record.id, { cell: { relation, persona, operation }, proposals });
    }
    return found;
  } finally {
    await valid.close();
  }
}

function isObserved(operation: string): operation is ObservedOperation {
  return (observedOperations as readonly string[]).includes(operation);
}

/** Whether Postgres can read a row set, with a persona's values. */
class Validity {
  readonly #control: Control;
  readonly #known = new Map<string, boolean>();

  private constructor(control: Control) {
    this.#control = control;
  }

  static async open({ database, limits }: PreparedSystem): Promise<Validity> {
    return new Validity(await Control.open(database, limits));
  }

  async holds(
    { rows, check }: Proposal,
    of: RelationInfo,
    values: ReadonlyMap<string, string>,
  ): Promise<boolean> {
    for (const set of [rows, check]) {
      if (set === undefined || set === "all") continue;
      const sql = `select from "${of.schema}"."${of.name}" where (${bindParameters(set.text, (name) => values.get(name))}\n) limit 0`;
      const known = this.#known.get(sql) ?? (await this.#ask(sql));
      this.#known.set(sql, known);
      if (!known) return false;
    }
    return true;
  }

  async #ask(sql: string): Promise<boolean> {
    return this.#control.ask("while row sets were tried", async (client) =>
      client.query(sql).then(
        () => true,
        () => false,
      ),
    );
  }

  async close(): Promise<void> {
    await this.#control.close();
  }
}
