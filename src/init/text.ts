import { type EntryText, shortened, usualLines } from "./alike.ts";
import type { RelationInfo } from "../model/catalog.ts";
import type { RelationOperation } from "../model/matrix.ts";
import { callExpectationOf, functionJson, type ObservedFunction } from "./calls.ts";
import { Groups } from "./groups.ts";
import type { InitPersona } from "./personas.ts";
import { expectationsOf, marked, type Said, saidByOperation, saidByPersona } from "./said.ts";
import { type Declared, keyOf, type Proposal, rowSetsOf, shownRelation } from "./proposal.ts";

type ByPersona = ReadonlyMap<string, ReadonlyMap<RelationOperation, Proposal>>;

export interface MatrixParts {
  readonly relations: readonly RelationInfo[];
  readonly personas: readonly InitPersona[];
  readonly declared: Declared;
  /** Rows that are there, `schema.relation`. */
  readonly rows: ReadonlyMap<string, number>;
  /** Columns that tell rows of a view apart, where the catalogue does not say. */
  readonly keys: ReadonlyMap<string, readonly string[]>;
  /** SQLSTATEs by which policies and triggers were seen to refuse, `schema.relation`. */
  readonly raises: ReadonlyMap<string, readonly string[]>;
  /** Functions whose calls were observed. */
  readonly calls: readonly ObservedFunction[];
  /** Names of functions that are waived until a person has read them. */
  readonly functions: readonly string[];
  /** The day on which waivers end. */
  readonly expires: string;
}

export interface MatrixHead {
  readonly name: string;
  readonly exposes: readonly string[];
  readonly tokens: boolean;
  /** Relative to the matrix; `undefined`: where a matrix of that name looks by itself. */
  readonly policies: string | undefined;
  readonly seed: string | undefined;
  /** For editors, where the package is installed. */
  readonly schemaFile: string | undefined;
  /** What a person should decide, first. */
  readonly questions: readonly (readonly string[])[];
}

/** As the engine reads it; JSON is YAML. */
export function matrixJson(head: Pick<MatrixHead, "exposes" | "tokens">, parts: MatrixParts): string {
  const { personas, relations, calls, functions } = parts;
  return JSON.stringify({
    matrix: "init",
    exposes: head.exposes,
    channels: head.tokens ? ["direct", "rest"] : ["direct"],
    personas: Object.fromEntries(personas.map(({ name, declaration }) => [name, declaration])),
    relations: Object.fromEntries(
      relations.map((one) => [shownRelation(one), relationJson(keyOf(one), parts)]),
    ),
    ...(calls.length > 0 && {
      functions: Object.fromEntries(calls.map((one) => [one.name, functionJson(one, parts.expires)])),
    }),
    ...(functions.length > 0 && {
      waive: Object.fromEntries(functions.map((name) => [name, { reason: "init", expires: parts.expires }])),
    }),
  });
}

function relationJson(name: string, { declared, keys, raises, expires }: MatrixParts): object {
  const by: ByPersona = declared.get(name) ?? new Map();
  const [key, codes] = [keys.get(name), raises.get(name)];
  const sets = rowSetsOf(by.values());
  const expect = [...by]
    .filter(([, operations]) => operations.size > 0)
    .map(([persona, operations]) => [persona, expectationsOf(operations, expires)] as const);
  return {
    ...(key !== undefined && { key }),
    ...(codes !== undefined && { raises: codes }),
    ...(sets.length > 0 && { rows: Object.fromEntries(sets.map((one) => [one.name, one.text])) }),
    expect: { "*": "deny", ...Object.fromEntries(expect) },
  };
}

/** The whole file, as a person reads it. */
export function matrixText(head: MatrixHead, parts: MatrixParts): string {
  const groups = new Groups(parts.personas);
  const { templates, relations } = shortened(relationTexts(parts, groups));
  const calls = functionEntries(parts, groups);
  return [
    ...(head.schemaFile === undefined ? [] : [`# yaml-language-server: $schema=${head.schemaFile}`]),
    "# Written by `rowgate init`: what it observed. An observation is no intention. Read a line, correct it, and delete its",
    "# `observed: true`: until then no `rowgate gate` takes it for a declaration.",
    ...questionLines(head.questions),
    `matrix: ${head.name}`,
    ...(head.policies === undefined ? [] : [`policies: ${scalar(head.policies)}`]),
    ...(head.seed === undefined ? [] : [`seed: ${scalar(head.seed)}`]),
    ...(head.exposes.join() === "public" ? [] : [`exposes: [${head.exposes.map(scalar).join(", ")}]`]),
    ...(head.tokens ? [] : ["channels: [direct]"]),
    "personas:",
    ...parts.personas.map(({ name, declaration, is }) => `  ${name}: ${flow(declaration)} # ${oneLine(is)}`),
    ...groups.lines(),
    ...(templates.length > 0 ? ["templates:", ...templates] : []),
    "relations:",
    ...relations,
    ...(calls.length > 0 ? ["functions:", ...calls] : []),
    ...waiverLines(parts),
    "",
  ].join("\n");
}

/** Functions that run with their owner's privileges: no observation says what they are for. */
function waiverLines({ functions, expires }: MatrixParts): readonly string[] {
  if (functions.length === 0) return [];
  const waiver = flow({ reason: "SECURITY DEFINER, not read yet (rowgate init)", expires });
  return ["waive:", ...functions.map((name) => `  ${keyScalar(name)}: ${waiver}`)];
}

export function questionLines(questions: MatrixHead["questions"]): readonly string[] {
  if (questions.length === 0) return [];
  return [
    "#",
    "# Intended?",
    ...questions.flatMap((lines, index) =>
      lines.map((line, at) => `# ${at === 0 ? `${index + 1}. ` : "   "}${oneLine(line)}`),
    ),
    "",
  ];
}

/** Each relation with an entry of its own. */
export function relationEntries(parts: MatrixParts, groups: Groups): readonly string[] {
  return relationTexts(parts, groups).flatMap(({ name, comment, body }) => [`  ${name}:${comment}`, ...body]);
}

/** Relations that nothing is expected of by anybody are said in one line. */
function relationTexts(parts: MatrixParts, groups: Groups): readonly EntryText[] {
  return parts.relations.map((one) => {
    const by = parts.declared.get(keyOf(one)) ?? new Map();
    const count = parts.rows.get(keyOf(one));
    const comment = count === undefined ? "" : ` # ${count} ${count === 1 ? "row" : "rows"}`;
    const name = keyScalar(shownRelation(one));
    const sets = rowSetsOf(by.values()).map(({ name: set, text }) => `${set}: ${scalar(text)}`);
    const said = expectedOf(by, parts, groups);
    const expected = said.length > 0 ? said : ["'*': { observed: true, deny: true }"];
    const [key, codes] = [parts.keys.get(keyOf(one)), parts.raises.get(keyOf(one))];
    const own = [
      ...(key === undefined ? [] : [`    key: ${flow(key)}`]),
      ...(codes === undefined ? [] : [`    raises: ${flow(codes)} # observed`]),
    ];
    if (said.length + own.length === 0)
      return { name, comment: ` { expect: { ${expected.join(", ")} } }${comment}`, body: [] };
    const bodies = widths.map((widest) => [
      ...own,
      ...packed("rows", sets, widest),
      ...packed("expect", expected, widest),
    ]);
    const body = bodies.find(({ length }) => length < usualLines) ?? bodies.at(-1) ?? [];
    return { name, comment, body };
  });
}

/** The shorter of two ways: persona by persona, or what several agree in and what else each may do. */
function expectedOf(by: ByPersona, parts: MatrixParts, groups: Groups): readonly string[] {
  const shared = sharedOf(by, parts.personas.length);
  const others = new Map(
    [...by]
      .map(([persona, all]): [string, ReadonlyMap<RelationOperation, Proposal>] => [
        persona,
        new Map([...all].filter(([operation]) => !shared.has(operation))),
      ])
      .filter(([, all]) => all.size > 0),
  );
  const ofAll = { who: parts.personas.map(({ name }) => name), said: expectationsOf(shared, parts.expires) };
  const ways = [
    saidByPersona(others, parts.expires),
    groups.grows ? saidByOperation(others, parts.expires) : undefined,
  ].flatMap((way) => (way === undefined ? [] : [withAll(ofAll, way)]));
  const [way = []] = ways.toSorted((a, b) => JSON.stringify(a).length - JSON.stringify(b).length);
  return way.flatMap(({ who, said }) => groups.named(who).map((name) => `${name}: ${flow(said)}`));
}

/** What is said of everyone is one entry. */
function withAll(
  ofAll: { readonly who: readonly string[]; readonly said: unknown },
  way: readonly Said[],
): readonly Said[] {
  const isOfAll = ({ who }: Said): boolean => who.length === ofAll.who.length;
  const said = Object.assign({}, ofAll.said, ...way.filter(isOfAll).map((one) => byName(one.said))) as object;
  const first = Object.keys(said).length === 0 ? [] : [{ who: ofAll.who, said: marked(said) }];
  return [...first, ...way.filter((one) => !isOfAll(one))];
}

/** One expectation of every operation, so that others may be named beside it. */
function byName(said: object): object {
  if (!["allow", "deny", "rows"].some((form) => form in said)) return said;
  return { "*": Object.fromEntries(Object.entries(said).filter(([key]) => key !== "observed")) };
}

/** What calls did, persona by persona; who is not listed was refused. */
export function functionEntries(
  { calls, personas, expires }: MatrixParts,
  groups: Groups,
): readonly string[] {
  return calls.flatMap((one) => {
    const expect = new Map<string, string[]>();
    for (const { name } of personas) {
      const proposal = one.by.get(name);
      if (proposal === undefined) continue;
      const said = flow(marked(callExpectationOf(proposal, expires)));
      expect.set(said, [...(expect.get(said) ?? []), name]);
    }
    const expected = [...expect].flatMap(([said, who]) =>
      groups.named(who).map((name) => `${name}: ${said}`),
    );
    const hasArguments = Object.keys(one.call).length > 0;
    return [
      `  ${keyScalar(one.name)}:`,
      ...(hasArguments ? [`    calls: { observed: ${flow(one.call)} }`] : []),
      ...(one.raises.length === 0 ? [] : [`    raises: ${flow(one.raises)} # observed`]),
      ...(expected.length > 0
        ? packed("expect", expected)
        : ["    expect: { '*': { observed: true, deny: true } }"]),
    ];
  });
}

/** What is expected of every persona alike is said once: TRUNCATE, which Supabase grants to all. */
function sharedOf(by: ByPersona, personas: number): ReadonlyMap<RelationOperation, Proposal> {
  const all = [...by.values()].map((one) => one.get("truncate"));
  const [first] = all;
  const isShared =
    all.length === personas && all.every((one) => one?.rows === "all" && one.waived === undefined);
  return new Map(first !== undefined && isShared ? [["truncate", first]] : []);
}

/** Columns of a line: as few as an entry of few lines takes. */
const widths = [120, 150, 180, 200] as const;

/** A flow mapping in few lines: each entry in the first that has room. */
function packed(key: string, entries: readonly string[], widest: number = widths[0]): readonly string[] {
  const start = `    ${key}: { `;
  const lines: string[] = [];
  for (const entry of entries) {
    const free = lines.findIndex(({ length }) => length + entry.length + 3 <= widest);
    if (free === -1) lines.push(`${lines.length === 0 ? start : " ".repeat(start.length)}${entry},`);
    else lines[free] += ` ${entry},`;
  }
  return lines.map((line, index) => (index === lines.length - 1 ? `${line.slice(0, -1)} }` : line));
}

function flow(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(", ")}]`;
  if (typeof value === "object" && value !== null)
    return `{ ${Object.entries(value)
      .map(([key, one]) => `${keyScalar(key)}: ${flow(one)}`)
      .join(", ")} }`;
  return typeof value === "string" ? scalar(value) : JSON.stringify(value);
}

function keyScalar(text: string): string {
  return /^[a-z_][\w.-]*$/i.test(text) && !/^(?:true|false|null|yes|no|on|off)$/i.test(text)
    ? text
    : `'${text.replaceAll("'", "''")}'`;
}

/** Plain where YAML reads it back as it is, in a flow mapping too. */
export function scalar(text: string): string {
  const plain =
    /^[a-z_./][\w./-]*(?:(?: (?:=|<>|is|not|null|and|or) ?)(?::?[\w.]+))*$/i.test(text) &&
    !/^(?:true|false|null|~|yes|no|on|off)$/i.test(text) &&
    !/: | #/.test(text);
  return plain ? text : JSON.stringify(text);
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ");
}
