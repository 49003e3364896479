import type { RelationInfo } from "../model/catalog.ts";
import type { RelationOperation } from "../model/matrix.ts";
import { errorCode } from "../model/waived.ts";
import type { Cast, InitPersona } from "../init/personas.ts";
import { everything, keyOf, type Proposal, type Propose, proposer } from "../init/proposal.ts";
import type { MatrixParts } from "../init/text.ts";
import type { RunRequest } from "../run/request.ts";
import { asksWhose, type ScannedCell } from "../scan/access-map.ts";
import type { Environment } from "./environment.ts";
import type { Questions, SystemFacts } from "./init-ask.ts";
import type { RunOptions } from "./options.ts";
import { whyWaived } from "./init-calls.ts";
import type { SharedByRuns } from "./scan.ts";

export interface ObserveTask {
  readonly options: RunOptions;
  readonly environment: Environment;
  /** A folder for what does not stay. */
  readonly scratch: string;
  readonly shared: SharedByRuns;
  /**
   * Milliseconds. After this, what is open is waived, and one whole run is made at the most: a first matrix that is late helps less than
   * one with open cells.
   */
  readonly within: number;
}

/** `tried`: it matters only what passes; `as a run`: on both channels; `whole`: with what a run searches for, too. */
export type How = "denied" | "tried" | "directly" | "as a run" | "whole";

/** What a probe has shown to be open is declared otherwise next, whatever the proof says of it: it is asked for the questions alone. */
export function examinedBy(how: How, { personas }: Cast): RunRequest["examines"] {
  if (how === "tried") return () => false;
  const standings = new Map(personas.map(({ name, standing }) => [name, standing]));
  return how === "denied"
    ? ({ persona }, seen) => asksWhose(standings.get(persona.name) ?? "user", seen)
    : undefined;
}

/** A cell that is not denied, and what it may be declared as. */
export interface OpenCell {
  readonly cell: {
    readonly relation: string;
    readonly persona: string;
    readonly operation: RelationOperation;
  };
  readonly proposals: readonly Proposal[];
  /** What came of declaring it denied. */
  readonly denied: ScannedCell["record"];
  /** Its persona bypasses RLS. */
  readonly isAbove: boolean;
}

/** What each cell that was not denied may be declared as. */
export async function proposalsFor(
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
    if (operation === "execute") continue;
    const propose =
      proposers.get(relation) ?? proposer(info, schema.relation(info.schema, info.name), roles, schema);
    proposers.set(relation, propose);
    const proposals: Proposal[] = [];
    for (const one of propose(who, operation))
      if (mayHold(one, record) && (await asks.canRead(one, info, who.values)))
        if (one.partial !== true || (await isAsMany(asks, one, record, info, who))) proposals.push(one);
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

/** A part of what the policies say is worth a try where just so many rows were read. */
async function isAsMany(
  asks: Questions,
  { rows }: Proposal,
  { channels }: ScannedCell["record"],
  info: RelationInfo,
  { values }: InitPersona,
): Promise<boolean> {
  const seen = channels.direct?.observation;
  if (seen?.kind !== "rows" || seen.method === "sample" || rows === undefined || rows === "all") return false;
  return seen.affected === (await asks.count(rows, info, values));
}

export interface Tried {
  readonly proposal: Proposal;
  readonly record: ScannedCell["record"];
}

/** A cell, and which of its proposals it is declared by. */
export interface Trying extends OpenCell {
  readonly next: number;
  readonly tried: readonly Tried[];
}

export function triedOf({ proposals, next }: Trying, record: ScannedCell["record"]): Tried {
  return { proposal: proposals[next] ?? everything, record };
}

/** `undefined`: it was the last proposal. */
export function afterThis(one: Trying, record: ScannedCell["record"]): Trying | undefined {
  if (one.next + 1 >= one.proposals.length) return undefined;
  return { ...one, next: one.next + 1, tried: [...one.tried, triedOf(one, record)] };
}

/** The rows at hand show too little: the proof may show it. */
export function lacksRows({ verdict }: ScannedCell["record"]): boolean {
  return verdict === "vacuous" || verdict === "inconclusive";
}

/** Denied, where only that could not be decided; else the first that a waiver covers. */
export function waivedOf({ denied, proposals, isAbove }: OpenCell, tried: readonly Tried[]): Proposal {
  // Who bypasses RLS cannot be denied anything.
  if (isAbove) return { ...everything, waived: whyWaived(denied), error: errorCode(denied) };
  if (denied.verdict === "inconclusive" || denied.verdict === "vacuous") return { waived: whyWaived(denied) };
  const explicit = tried.filter(({ proposal }) => proposal.implied !== true);
  const [first] = [...explicit.filter(({ record }) => record.verdict !== "error"), ...explicit];
  if (first?.record.verdict === "error") return erred(first.record);
  if (first !== undefined) return { ...first.proposal, waived: whyWaived(first.record) };
  // Nothing was tried in the time that there was.
  if (denied.verdict === "error") return erred(denied);
  return { ...proposals.find(({ implied }) => implied !== true), waived: whyWaived(denied) };
}

/** Days that a waiver of a cell holds for which no declaration was found. */
const waivedDays = 90;

export function waivedUntil(): string {
  return new Date(Date.now() + waivedDays * 86_400_000).toISOString().slice(0, 10);
}

/** An error reaches nothing. A waiver covers the one that it names; of another, the run shows it. */
export function erred(record: ScannedCell["record"]): Proposal {
  const error = errorCode(record);
  return error === undefined ? {} : { waived: whyWaived(record), error };
}

export function isOpen({ waived, verdict }: ScannedCell["record"]): boolean {
  return !waived && verdict !== "pass" && verdict !== "skipped";
}

export function failures(cells: readonly ScannedCell[]): ReadonlyMap<string, ScannedCell["record"]> {
  return new Map(
    cells.filter(({ record }) => record.verdict !== "pass").map(({ record }) => [record.id, record]),
  );
}

/** A step of a chain that writes columns, in words. */
const writeInWords = /^(insert into|update) (\S+) (?:the row `[^`]*` )?(?:with|set) (.*)$/s;

/** Which columns it sets. */
export function writtenBy(
  step: string,
  relations: readonly RelationInfo[],
):
  | {
      readonly relation: string;
      readonly operation: "insert" | "update";
      readonly columns: readonly string[];
    }
  | undefined {
  const [, verb, relation = "", given = ""] = writeInWords.exec(step) ?? [];
  const info = relations.find((one) => keyOf(one) === relation);
  const set = info?.columns.filter(({ name }) => `, ${given}`.includes(`, ${name} = `)) ?? [];
  if (set.length === 0) return undefined;
  const operation = verb === "insert into" ? "insert" : "update";
  return { relation, operation, columns: set.map(({ name }) => name) };
}

/** What is said of each function, and of each persona by relation: what differs between two runs was corrected. */
export function textsOf({ declared, calls, functions }: MatrixParts): ReadonlyMap<string, string> {
  return new Map([
    ...[...declared].flatMap(([name, by]) =>
      [...by].map(([persona, one]): [string, string] => [`${persona}/${name}`, JSON.stringify([...one])]),
    ),
    ...calls.map((one): [string, string] => [one.name, JSON.stringify([...one.by])]),
    ...functions.map((name): [string, string] => [name, "waived"]),
  ]);
}

/** Whether what is said of its persona and relation, or of its function, is among what was corrected. */
export function isOfChanged(
  { schema, relation, persona, operation }: ScannedCell["record"],
  changed: ReadonlySet<string>,
): boolean {
  const name = `${schema}.${relation}`;
  return changed.has(operation === "execute" ? name : `${persona}/${name}`);
}

/** RLS does not apply to it. */
export function bypasses({ personas }: Cast, persona: string): boolean {
  return personas.some(({ name, standing }) => name === persona && standing === "above");
}

/** The search's own user stands for everyone who signs in. */
export function whoIs({ personas }: Cast, name: string): readonly string[] {
  if (personas.some((one) => one.name === name)) return [name];
  return personas
    .filter(({ standing, values }) => standing !== "above" && values.has("sub"))
    .map((one) => one.name);
}
