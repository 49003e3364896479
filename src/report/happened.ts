import { channels } from "../model/cell.ts";
import type { Answer, CandidateAttempt, Observation, RowsObservation } from "../model/observation.ts";
import type { CellRecord, ChannelRecord } from "../model/run.ts";
import { clean, number, oneLine, plural } from "./text.ts";
import { effectWords, verdictWords } from "./words.ts";

type Describe = {
  readonly [K in Observation["kind"]]: (of: Extract<Observation, { kind: K }>, column?: string) => string;
};

const methods: Readonly<Record<RowsObservation["method"], string>> = {
  whole: "in one statement",
  "row by row": "row by row",
  sample: "on a sample",
  "scratch rows": "on scratch rows",
};

const describe: Describe = {
  rows: (of, column) =>
    sentence([
      column === undefined
        ? `affected ${number(of.affected)} of ${plural(of.baseline.total, "row")}, ${number(of.baseline.declared)} declared`
        : `${clean(column)} shown in ${number(of.affected)} of ${plural(of.baseline.total, "row")} that hold a value, ${number(of.baseline.declared)} declared`,
      of.unexpected > 0 && `${number(of.unexpected)} too many${keys(of.unexpectedKeys, of.unexpected)}`,
      of.missing > 0 && `${number(of.missing)} missing${keys(of.missingKeys, of.missing)}`,
      of.undetermined > 0 && `${number(of.undetermined)} undetermined`,
      of.mayBeHidden && "a BEFORE trigger or a rule may have hidden rows",
      of.method !== "whole" && `measured ${methods[of.method]}`,
      of.answer.code !== null && answer(of.answer),
      ...of.forbiddenUpdates.map((move) => `forbidden update ${attempt(move)}`),
      ...of.states.map(({ state, affected, answer: given }) =>
        given.code === null
          ? `on a session whose settings were ${state}: ${plural(affected, "row")}`
          : `on a session whose settings were ${state}: ${answer(given)}`,
      ),
    ]),
  insert: (of) => (of.attempts.length === 0 ? "no row was tried" : sentence(of.attempts.map(attempt))),
  call: (of) =>
    sentence([
      answer(of.answer),
      ...of.states.map((one) => `on a session whose settings were ${one.state}: ${answer(one.answer)}`),
      of.positiveControl !== undefined &&
        `beside it, ${clean(of.positiveControl.persona)}'s call${of.positiveControl.call === undefined ? "" : ` ${clean(of.positiveControl.call)}`}: ${answer(of.positiveControl.answer)}`,
    ]),
  assignment: (of, column = "") =>
    of.stored.length > 0
      ? `${clean(column)} took ${of.stored.map((value) => `'${clean(value)}'`).join(", ")} (${plural(of.tried, "statement")} tried)`
      : `${plural(of.tried, "statement")} tried, none stored another ${clean(column)}${of.refusals.length > 0 ? `: ${of.refusals.map(clean).join(", ")}` : ""}`,
  statement: (of) => answer(of.answer),
  failed: (of) => `no answer (${of.failure.kind}): ${oneLine(of.failure.message)}`,
  skipped: (of) => `not sent: ${oneLine(of.reason)}`,
};

/** What a channel brought back, in one line of prose. */
export function happened(record: ChannelRecord, column: string | undefined): string {
  const { observation } = record;
  const facts = (describe[observation.kind] as (of: Observation, column?: string) => string)(
    observation,
    column,
  );
  if (observation.kind === "failed" || observation.kind === "skipped") return facts;
  // The effect `filtered` says it already.
  const named = record.deniedBy === undefined || record.deniedBy === "filter";
  const by = named ? "" : ` by ${record.deniedBy}`;
  return `${effectWords[record.effect]}${by}, ${facts}`;
}

export interface ChannelFacts {
  /** `direct`, `rest`, or `direct and rest` when both say the same. */
  readonly who: string;
  readonly verdict: ChannelRecord["verdict"];
  readonly what: string;
  readonly because: string;
}

/** One entry a channel, or one for both where nothing that a person reads differs. */
export function channelFacts(cell: CellRecord): readonly ChannelFacts[] {
  const found = channels.flatMap((channel): readonly ChannelFacts[] => {
    const record = cell.channels[channel];
    if (record === undefined) return [];
    return [
      {
        who: channel,
        verdict: record.verdict,
        what: happened(record, cell.column),
        because: oneLine(record.because),
      },
    ];
  });
  const [one, two] = found;
  const same =
    one !== undefined &&
    two !== undefined &&
    one.what === two.what &&
    one.verdict === two.verdict &&
    one.because === two.because;
  return same ? [{ ...one, who: "direct and rest" }] : found;
}

/** `direct: LEAK`: only where the channels' verdicts are not all the cell's. */
export function whoWithVerdict(of: ChannelFacts, cell: CellRecord): string {
  return of.verdict === cell.verdict ? of.who : `${of.who} (${verdictWords[of.verdict].one})`;
}

function answer(of: Answer): string {
  if (of.code === null) return of.rows === undefined ? "accepted" : `accepted, ${plural(of.rows, "row")}`;
  return [
    `${clean(of.code)}${of.http === undefined ? "" : ` (HTTP ${of.http.status})`}`,
    of.message === undefined ? "" : `: ${oneLine(of.message)}`,
    of.constraint === undefined ? "" : `, constraint ${clean(of.constraint.name)}`,
    of.foreignFrame === true ? ", raised inside a function or trigger" : "",
  ].join("");
}

function attempt({ candidate, answer: given, rewritten }: CandidateAttempt): string {
  const name = `${clean(candidate.name)}${candidate.origin === "built" ? " (built)" : ""}`;
  if (given.code !== null) return `${name} answered ${answer(given)}`;
  if (rewritten.length === 0) return `${name} accepted`;
  return `${name} accepted, but stored with another ${rewritten.map(clean).join(", ")}`;
}

/** At most three, as they came: JSON text. */
function keys(examples: readonly string[], count: number): string {
  if (examples.length === 0) return "";
  return ` (${count === 1 ? "key" : "keys"}: ${keyList(examples, count)})`;
}

/** In a table: one, where three are long. */
function fewKeys(examples: readonly string[], count: number): string {
  const three = keyList(examples, count);
  return three.length <= 40 ? three : keyList(examples.slice(0, 1), count);
}

/** `{"id":1}, {"id":3}, …`; keys of one column as `id 1, 3, …`. */
function keyList(examples: readonly string[], count: number): string {
  const shown = examples.slice(0, 3).map(compact);
  const single = shown.map((key) => /^\{"([\w ]+)":("(?:[^"\\]|\\.)*"|[^",:{}[\]]+)\}$/.exec(key));
  const [name] = single.map((match) => match?.[1]);
  const short = name !== undefined && single.every((match) => match?.[1] === name);
  const text = short ? `${name} ${single.map((match) => match?.[2]).join(", ")}` : shown.join(", ");
  return `${text}${shown.length > 0 && count > shown.length ? ", …" : ""}`;
}

/** Postgres writes `{"id" : 1}` where JavaScript writes `{"id":1}`: one key, to be shown as one. */
function compact(key: string): string {
  const isJson = /^[{[]/.test(key);
  return clean(isJson ? key.replaceAll(/("(?:[^"\\]|\\.)*")|[ \n\t]+/g, "$1") : key);
}

function sentence(parts: readonly (string | false)[]): string {
  return parts.filter((part) => part !== false).join("; ");
}

/** One line of a failing group's table. */
export interface RowFacts {
  /** Empty: what each channel says that was asked. */
  readonly channel: string;
  /** `3 of 3`: rows that the persona reached, of all. */
  readonly did: string;
  /** How many too many, or missing. */
  readonly beyond: string;
  readonly keys: string;
  /** Where rows do not say it all. */
  readonly because: string;
}

/** One for both channels where they are the same. */
export function rowFacts(cell: CellRecord): readonly RowFacts[] {
  const found = channels.flatMap((channel) => {
    const record = cell.channels[channel];
    return record === undefined || record.verdict === "skipped" ? [] : [{ ...factsOf(record), channel }];
  });
  const [one, two] = found;
  if (one === undefined) return [];
  const same =
    two === undefined || (["did", "beyond", "because"] as const).every((field) => one[field] === two[field]);
  return same ? [{ ...one, channel: "" }] : found;
}

function factsOf({ observation: of, verdict, because }: ChannelRecord): Omit<RowFacts, "channel"> {
  const reason = verdict === "pass" ? "as declared" : oneLine(because);
  if (of.kind !== "rows") return { did: "", beyond: "", keys: "", because: reason };
  const count = of.unexpected > 0 ? of.unexpected : of.missing;
  const examples = of.unexpected > 0 ? of.unexpectedKeys : of.missingKeys;
  return {
    did: `${number(of.affected)} of ${number(of.baseline.total)}`,
    beyond: count === 0 ? "" : number(count),
    keys: fewKeys(examples, count),
    // Numbers say it.
    because:
      (verdict === "leak" && of.unexpected > 0 && of.affected <= of.baseline.total) ||
      (verdict === "lockout" && of.missing > 0)
        ? ""
        : reason,
  };
}
