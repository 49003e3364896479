import {
  type Access,
  type AccessMap,
  type AccessQuestion,
  type MappedOperation,
  mappedOperations,
  type MappedPersona,
  type MappedRelation,
} from "../model/access-map.ts";
import { type Paint, painter } from "./paint.ts";
import { tableLines } from "./table.ts";
import { clean, columns, cut, hanging, number, oneLine, plural, seconds } from "./text.ts";
import { causeText } from "./words.ts";

export interface ScanTextOptions {
  readonly width: number;
  readonly colour: boolean;
  readonly quiet: boolean;
}

/** What a scan was about, and what it could not do. */
export interface ScanFacts {
  readonly target: string;
  readonly milliseconds: number;
  /** Users who differ from those that were tried. */
  readonly usersLeft: number;
  /** Statements of the system's SQL that were not run, and objects of the platform that are imitated. */
  readonly skipped: number;
  readonly standIns: readonly string[];
}

/** The access map as lines: questions first, then relations × personas, the widest access first. */
export function scanText(map: AccessMap, facts: ScanFacts, options: ScanTextOptions): string {
  const paint = painter(options.colour);
  const { width } = options;
  const lines = [
    ...questionLines(map.questions, paint, width),
    ...(options.quiet ? [] : [...mapSection(map, paint, width), ...personaLines(map, facts, width), ""]),
    ...hanging(summaryOf(map, facts), width),
  ];
  return `${lines.join("\n")}\n`;
}

function questionLines(questions: readonly AccessQuestion[], paint: Paint, width: number): readonly string[] {
  if (questions.length === 0) return [];
  return [
    paint("strong", "Intended?"),
    ...questions.flatMap((question, index) => {
      const [first = "", ...rest] = hanging(`${index + 1}. ${questionText(question)}`, width - 2, 3);
      const [place, ...more] = question.places;
      const cause = place?.cause === undefined || more.length > 0 ? [] : [causeText(place.cause)];
      return [
        `  ${paint(question.persona.standing === "no-token" ? "bad" : "warn", first)}`,
        ...rest.map((line) => `  ${line}`),
        ...cause.flatMap((text) => hanging(text, width - 5, 2).map((line) => `     ${paint("dim", line)}`)),
      ];
    }),
    "",
  ];
}

const verbs: Readonly<Record<MappedOperation, readonly [does: string, would: string]>> = {
  select: ["reads", "would read"],
  insert: ["inserts into", "would insert into"],
  update: ["changes", "would change"],
  delete: ["deletes", "would delete"],
};

/** “anyone, without a token, reads all 3 rows of public.profiles” */
export function questionText({ persona, operation, places }: AccessQuestion): string {
  const [does, would] = verbs[operation];
  const [place, ...more] = places;
  const what =
    more.length > 0
      ? `${does} all rows of ${places.map(({ relation }) => relation).join(", ")}`
      : place?.access.kind === "possible"
        ? `${would} rows of ${place.relation} that are not there now`
        : `${does} ${whatOf(operation, place?.access)}${place?.relation ?? ""}`;
  return oneLine(`${whoIs(persona)} ${what}`);
}

function whoIs({ standing, is, name }: MappedPersona): string {
  if (standing === "no-token") return "anyone, without a token,";
  if (standing === "user") return `${name} (${is})`;
  return is.startsWith("role") ? `${is},` : "anyone who signs in";
}

function whatOf(operation: MappedOperation, access: Access | undefined): string {
  if (operation === "insert" || access?.kind !== "rows") return "";
  const { rows, of } = access;
  if (rows < of) return `${number(rows)} of ${plural(of, "row")} of `;
  return of === 1 ? "the only row of " : `all ${number(of)} rows of `;
}

/** One sign an operation; the number of rows where there are some. */
export function signOf(access: Access | undefined): string {
  if (access === undefined) return " ";
  switch (access.kind) {
    case "rows":
      return `${access.sample ? "~" : ""}${number(access.rows)}`;
    case "accepted":
      return access.own ? "o" : "y";
    case "possible":
      return access.own ? "o" : "+";
    case "none":
      return "·";
    case "unknown":
      return "?";
    case "skipped":
      return "-";
  }
}

function mapSection({ relations, personas }: AccessMap, paint: Paint, width: number): readonly string[] {
  const open = relations.filter(({ personas: by }) =>
    personas.some(
      ({ name, standing }) =>
        standing !== "above" && mappedOperations.some((one) => by.get(name)?.[one]?.access.kind !== "none"),
    ),
  );
  const closed = relations.length - open.length;
  const fields = personas.map(({ name }) => fieldOf(name, open));
  const longest = Math.max(8, ...open.map(({ relation }) => columns(clean(relation))));
  const names = Math.min(longest, Math.floor(width / 3));
  const tables = sideBySide(fields, width - names - 10).flatMap((part) => [
    ...tableLines(
      ["", "rows", ...part.map(({ name }) => clean(name))],
      [
        ["", "", ...part.map((field) => spaced(field, ["s", "i", "u", "d"]))],
        ...open.map((one) => [
          cut(clean(one.relation), names),
          number(one.rows),
          ...part.map((field) => spaced(field, signsOf(one, field.name))),
        ]),
      ],
      paint,
    ),
    "",
  ]);
  const shut = closed === 0 ? "" : `; ${plural(closed, "relation")} closed to all but the system's own roles`;
  return [
    ...(open.length === 0 ? [] : tables),
    ...hanging(`${signLegend({ relations: open, personas })}${shut}`, width - 2, 0).map(
      (line) => `  ${line}`,
    ),
  ];
}

/** A persona's part of a line, and how wide each operation's sign is in it. */
interface Field {
  readonly name: string;
  readonly widths: readonly number[];
  readonly wide: number;
}

function fieldOf(name: string, relations: readonly MappedRelation[]): Field {
  const signs = relations.map((one) => signsOf(one, name));
  const widths = mappedOperations.map((_, index) =>
    Math.max(1, ...signs.map((each) => columns(each[index] ?? ""))),
  );
  return {
    name,
    widths,
    wide: Math.max(
      columns(name),
      widths.reduce((sum, one) => sum + one + 1, -1),
    ),
  };
}

function signsOf({ personas }: MappedRelation, persona: string): readonly string[] {
  return mappedOperations.map((operation) => signOf(personas.get(persona)?.[operation]?.access));
}

function spaced({ widths }: Field, signs: readonly string[]): string {
  return signs.map((one, index) => one.padStart(widths[index] ?? 1)).join(" ");
}

/** As many fields in a row as fit. */
function sideBySide(fields: readonly Field[], room: number): readonly (readonly Field[])[] {
  const parts: Field[][] = [];
  let left = 0;
  for (const field of fields) {
    const part = field.wide + 2 > left ? undefined : parts.at(-1);
    if (part === undefined) {
      parts.push([field]);
      left = room;
    } else part.push(field);
    left -= field.wide + 2;
  }
  return parts;
}

function kindOf(access: Access | undefined): Access["kind"] | "sample" | "own" | undefined {
  if (access?.kind === "rows" && access.sample) return "sample";
  return access !== undefined && "own" in access && access.own ? "own" : access?.kind;
}

/** What the signs mean that are there. */
export function signLegend({ relations, personas }: Pick<AccessMap, "relations" | "personas">): string {
  const kinds = new Set(
    relations.flatMap(({ personas: by }) =>
      personas.flatMap(({ name }) => mappedOperations.map((one) => kindOf(by.get(name)?.[one]?.access))),
    ),
  );
  return [
    "s select, i insert, u update, d delete; a number: so many rows",
    kinds.has("sample") && "~: of a sample",
    kinds.has("accepted") && "y: a row was accepted",
    kinds.has("possible") && "+: no row that is there, but rows that could be",
    kinds.has("own") && "o: only rows that name the persona itself could be",
    kinds.has("none") && "·: none",
    kinds.has("unknown") && "?: unknown",
    kinds.has("skipped") && "-: not tried",
  ]
    .filter((text) => text !== false)
    .join("; ");
}

function personaLines({ personas }: AccessMap, { usersLeft }: ScanFacts, width: number): readonly string[] {
  return [
    ...personas.map(({ name, is }) => `${clean(name)}: ${oneLine(is)}`),
    ...(usersLeft === 0
      ? []
      : [
          `${plural(usersLeft, "more kind")} of users in the data ${usersLeft === 1 ? "was" : "were"} not tried`,
        ]),
  ].flatMap((text) => hanging(text, width - 2, 2).map((line) => `  ${line}`));
}

export function summaryOf({ relations, personas, questions }: AccessMap, facts: ScanFacts): string {
  const unknown = relations.reduce(
    (sum, { personas: by }) =>
      sum +
      personas.reduce(
        (own, { name }) =>
          own + mappedOperations.filter((one) => by.get(name)?.[one]?.access.kind === "unknown").length,
        0,
      ),
    0,
  );
  const { target, milliseconds, skipped, standIns } = facts;
  return [
    `${target}: ${plural(relations.length, "relation")} × ${plural(personas.length, "persona")} in ${seconds(milliseconds)}`,
    questions.length === 0 ? "nothing to ask" : plural(questions.length, "question"),
    ...(unknown === 0 ? [] : [`${plural(unknown, "place")} are unknown`]),
    ...(skipped === 0
      ? []
      : [`${plural(skipped, "statement")} of the SQL ${skipped === 1 ? "was" : "were"} skipped`]),
    ...(standIns.length === 0 ? [] : [`${plural(standIns.length, "object")} of the platform imitated`]),
    "an observation is no intention, and no proof: declare what is meant in a matrix, and run it",
  ].join("; ");
}
