import { channels } from "../../model/cell.ts";
import { operations } from "../../model/matrix.ts";
import type { CellRecord, ChannelRecord, RunRecord } from "../../model/run.ts";
import { evidences, verdicts } from "../../model/verdict.ts";
import { keepingCommand } from "../failure-text.ts";
import { extents } from "../grid.ts";
import { happened } from "../happened.ts";
import { clean, number, oneLine, plural } from "../text.ts";
import { causeText, declared, isFailing, position, predicateOf } from "../words.ts";
import type { AnswerView, CellColumns, FailureView, Place, Text } from "./data.ts";
import { isWaived } from "../../model/waived.ts";

type Growing<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer E)[] ? E[] : T[K] };

/** Cells as columns of places in dictionaries: a cell of 50,000 costs a few bytes. */
export interface CellEncoder {
  /** Its place. */
  readonly add: (cell: CellRecord) => Place;
  readonly answer: (record: ChannelRecord, column: string | undefined) => Place;
  /** What an answer says was observed. */
  readonly what: (answer: Place) => Text | undefined;
  readonly personaOf: (name: string) => Place;
  readonly relationOf: (name: string) => Place;
  readonly encoded: () => {
    readonly texts: readonly string[];
    readonly personas: readonly string[];
    readonly relations: readonly string[];
    readonly answers: readonly AnswerView[];
    readonly cells: CellColumns;
    readonly ids: Readonly<Record<number, string>>;
    readonly failures: readonly FailureView[];
  };
}

export const extentOrder = ["none", "some", "all"] as const;

export function createCellEncoder(run: RunRecord): CellEncoder {
  const texts = createDictionary();
  const answers = createPool<AnswerView>();
  const failures = createPool<FailureView>();
  const personas = createNames(run.personas.map(({ name }) => name));
  const relations = createNames(run.relations);
  const ids: Record<number, string> = {};
  const columns = emptyColumns();

  const answer = (record: ChannelRecord, column: string | undefined): Place =>
    answers.of({
      verdict: verdicts.indexOf(record.verdict),
      evidence: record.evidence === undefined ? -1 : evidences.indexOf(record.evidence),
      what: texts.of(happened(record, column)),
      because: texts.of(oneLine(record.because)),
      baseline: texts.of(baselineText(record)),
    });

  return {
    answer,
    what: (place) => answers.values[place]?.what,
    personaOf: personas.of,
    relationOf: relations.of,
    add: (cell) => {
      const place = columns.persona.length;
      columns.persona.push(personas.of(cell.persona));
      columns.relation.push(relations.of(`${cell.schema}.${cell.relation}`));
      columns.operation.push(operations.indexOf(cell.operation));
      columns.call.push(texts.of(clean(cell.call ?? "")));
      columns.column.push(texts.of(clean(cell.column ?? "")));
      columns.verdict.push(verdicts.indexOf(cell.verdict));
      columns.extent.push(extentOrder.indexOf(extents[cell.expectation.kind]));
      columns.declared.push(texts.of(declared(cell)));
      columns.predicate.push(texts.of(predicateOf(cell.expectation)));
      columns.at.push(texts.of(position(cell.at)));
      columns.flags.push((cell.implied ? 1 : 0) | (isWaived(cell) ? 2 : 0));
      columns.waiver.push(texts.of(waiverText(cell)));
      channels.forEach((channel, index) => {
        const record = cell.channels[channel];
        columns.answers[index]?.push(record === undefined ? -1 : answer(record, cell.column));
        columns.probes[index]?.push(texts.of(lines(record?.probe ?? cell.notOn[channel] ?? "")));
      });
      columns.failure.push(isFailing(cell.verdict) ? failures.of(failureOf(cell, run, texts.of)) : -1);
      const id = clean(cell.id);
      if (id !== spelled(cell)) ids[place] = id;
      return place;
    },
    encoded: () => ({
      texts: texts.texts,
      personas: personas.names,
      relations: relations.names,
      answers: answers.values,
      cells: columns,
      ids,
      failures: failures.values,
    }),
  };
}

function emptyColumns(): Growing<CellColumns> & {
  readonly answers: Place[][];
  readonly probes: Text[][];
} {
  return {
    persona: [],
    relation: [],
    operation: [],
    call: [],
    column: [],
    verdict: [],
    extent: [],
    declared: [],
    predicate: [],
    at: [],
    flags: [],
    waiver: [],
    answers: channels.map(() => []),
    probes: channels.map(() => []),
    failure: [],
  };
}

/** The id that the page makes of a cell's fields. */
function spelled({ persona, schema, relation, operation, call, column }: CellRecord): string {
  const what = `${operation}${call === undefined ? "" : `(${call})`}`;
  return clean(`${persona}/${schema}.${relation}/${what}${column === undefined ? "" : `/${column}`}`);
}

/** What the privileged connection saw, as the page shows it with what the persona did. */
function baselineText({ observation: of }: ChannelRecord): string {
  if (of.kind !== "rows") return "";
  const { total, declared: among } = of.baseline;
  return `${plural(total, "row")}, of which the matrix declares ${number(among)}; affected ${number(of.affected)}, unexpected ${number(of.unexpected)}, missing ${number(of.missing)}${of.undetermined > 0 ? `, undetermined ${number(of.undetermined)}` : ""}`;
}

function waiverText({ waiver }: CellRecord): string {
  if (waiver === undefined) return "";
  return `until ${clean(waiver.expires)}: ${oneLine(waiver.reason)} (${position(waiver.at)})`;
}

function failureOf(cell: CellRecord, run: RunRecord, text: (of: string | undefined) => Text): FailureView {
  const { reproduce, cause } = cell;
  return {
    cause: text(cause === undefined ? "" : causeText(cause)),
    inForce: cell.inForce.map((one) => text(oneLine(one))),
    psql: text(lines(reproduce?.psql ?? "")),
    curl: text(lines(reproduce?.curl ?? "")),
    undo: text(lines(reproduce?.undo ?? "")),
    command: text(reproduce === undefined ? "" : clean(keepingCommand(run, cell))),
  };
}

/** Line breaks of SQL stay; every other control character is shown. */
export function lines(text: string): string {
  return text
    .split("\n")
    .map((line) => clean(line.replaceAll("\t", "  ")))
    .join("\n")
    .trim();
}

/** Each text once, by its place. Place 0 is the empty text. */
interface Dictionary {
  readonly texts: readonly string[];
  readonly of: (text: string | undefined) => Text;
}

function createDictionary(): Dictionary {
  const texts: string[] = [""];
  const places = new Map<string, Text>([["", 0]]);
  return {
    texts,
    of: (text = "") => {
      const known = places.get(text);
      if (known !== undefined) return known;
      places.set(text, texts.length);
      return texts.push(text) - 1;
    },
  };
}

/** Objects that are equal in JSON are one. */
interface Pool<T> {
  readonly values: readonly T[];
  readonly of: (value: T) => Place;
}

function createPool<T>(): Pool<T> {
  const values: T[] = [];
  const places = new Map<string, Place>();
  return {
    values,
    of: (value) => {
      const key = JSON.stringify(value);
      const known = places.get(key);
      if (known !== undefined) return known;
      places.set(key, values.length);
      return values.push(value) - 1;
    },
  };
}

/** Names in the order in which a run has them; what it does not name is added. */
function createNames(known: readonly string[]): {
  readonly names: readonly string[];
  readonly of: (name: string) => Place;
} {
  const names = [...known];
  const places = new Map(names.map((name, index) => [name, index]));
  return {
    names,
    of: (name) => {
      const place = places.get(name);
      if (place !== undefined) return place;
      places.set(name, names.length);
      return names.push(name) - 1;
    },
  };
}
