import type { ArgumentInfo } from "../model/catalog.ts";
import { callIsOpen, type Json, type Matrix } from "../model/matrix.ts";
import { formatQualified, quoteQualified } from "../lib/sql-text.ts";
import { bindCall } from "../plan/bind-call.ts";
import { argumentName } from "../plan/routine.ts";
import { familyOf, literalFor } from "../plan/subject.ts";
import { namedByBody } from "./named-by-body.ts";
import type { Callable, CallBody, Caller, Candidate, Table, TableInfo, Variant } from "./world.ts";

/** Per argument, besides what the body names; per persona and function. */
const valuesAtMost = 14;
const variantsAtMost = 128;

interface Material {
  readonly caller: Caller;
  readonly others: readonly Caller[];
  readonly tables: readonly Table[];
  /** Values for a text that the function may run as SQL. */
  readonly sql: readonly Candidate[];
}

/**
 * The calls of one function by one persona: the declared ones, and each with one argument (then two) of others: other personas'
 * identities, keys of rows, lists and JSON of them, NULL. Without a declared call, the first value of each argument is where it starts.
 */
export function variantsOf(
  { routine, spec, body }: Callable,
  material: Material,
  matrix: Matrix,
): readonly Variant[] {
  const { persona } = material.caller;
  const names = routine.arguments.map(argumentName);
  const candidates = routine.arguments.map((argument, index) =>
    candidatesFor(argument, names[index] ?? "", body, material),
  );
  const said = spec?.declarations.find((one) => one.persona === persona.name);
  const open = said !== undefined && said.expectation.kind !== "deny";
  const calls = (spec?.calls ?? []).map((call) => ({
    values: bindCall(call, persona, matrix).values,
    declared: open && callIsOpen(said.calls, call.name),
  }));
  const made = { values: madeUp(names, candidates, routine.arguments, material.caller), declared: false };
  const starts = calls.length > 0 ? calls : [made];
  const plain: Candidate = { text: null, whose: "" };
  const variants: Variant[] = starts.map((start) => ({ ...start, argument: undefined, candidate: plain }));
  const vary = (start: (typeof starts)[number], index: number, list: readonly Candidate[]): Variant[] => {
    const argument = names[index] ?? "";
    return list.map((candidate) => ({
      values: { ...start.values, [argument]: candidate.text },
      argument,
      candidate,
      declared: false,
    }));
  };
  variants.push(...wordsInOrder(starts, routine.arguments, names, body));
  // By turns, so that what is cut is what each argument would have been given last.
  const single = starts.flatMap((start) =>
    candidates.map((list, index) =>
      vary(start, index, [...insideOf(start.values[names[index] ?? ""], material), ...list]),
    ),
  );
  for (let turn = 0; single.some((list) => turn < list.length); turn += 1)
    for (const list of single) variants.push(...list.slice(turn, turn + 1));
  for (const one of variants.filter(({ argument }) => argument !== undefined).slice(0, 24))
    for (const [index, list] of candidates.entries())
      if (names[index] !== one.argument)
        variants.push(...vary({ ...one, declared: false }, index, list.slice(0, 6)));
  const distinct = new Map<string, Variant>();
  for (const one of variants) {
    const key = JSON.stringify(names.map((name) => one.values[name]));
    if (!distinct.has(key)) distinct.set(key, one);
  }
  return [...distinct.values()].slice(0, variantsAtMost);
}

/** Several texts at once, as the body compares them: its words in their order. */
function wordsInOrder(
  [start]: readonly Pick<Variant, "values">[],
  all: readonly ArgumentInfo[],
  names: readonly string[],
  { texts }: CallBody,
): readonly Variant[] {
  const places = names.filter((_, index) => familyOf(all[index]?.type ?? "") === "text");
  if (start === undefined || places.length < 2 || texts.length < places.length) return [];
  const values = Object.fromEntries(places.map((name, index) => [name, texts[index] ?? ""]));
  return [
    {
      values: { ...start.values, ...values },
      argument: places.join(", "),
      candidate: { text: texts.slice(0, places.length).join(", "), whose: "words of the body" },
      declared: false,
    },
  ];
}

/** The first value of each required argument; the caller's own identity where it fits. */
function madeUp(
  names: readonly string[],
  candidates: readonly (readonly Candidate[])[],
  all: readonly ArgumentInfo[],
  { identities }: Caller,
): Readonly<Record<string, string | null>> {
  return Object.fromEntries(
    all.flatMap((argument, index) => {
      if (!argument.required) return [];
      const own = identities.flatMap((one) =>
        argument.type === "uuid" ? (literalFor(one, argument) ?? []) : [],
      );
      const [first] = candidates[index] ?? [];
      return [[names[index] ?? "", own[0] ?? first?.text ?? null] as const];
    }),
  );
}

const plainTypes = /^(?:uuid|number|real|double precision|text|boolean|jsonb?)$/;

function candidatesFor(
  argument: ArgumentInfo,
  name: string,
  body: CallBody,
  material: Material,
): readonly Candidate[] {
  const { type } = argument;
  const element = type.replace(/\[\]$/, "");
  if (/^jsonb?$/.test(element)) return once(jsonCandidates(body.jsonKeys, material));
  const called = [...identitiesFor(material), ...valuesByName(name, element, material.tables)];
  const fitting = called.length >= 6 ? called : [...called, ...keysOfType(element, material.tables)];
  const own = material.caller.identities.find((one) => literalFor(one, { type: element }) === one);
  const texts = fitting.flatMap((one): readonly Candidate[] => {
    const literal = one.text === null || !fitsType(element, one) ? undefined : literalFor(one.text, { type });
    if (literal === undefined) return [];
    if (element === type || own === undefined || own === one.text) return [{ ...one, text: literal }];
    return [
      { ...one, text: literal },
      { ...one, text: `{${JSON.stringify(own)},${JSON.stringify(one.text)}}` },
    ];
  });
  const nothing: Candidate = { text: null, whose: "NULL" };
  const isText = familyOf(type) === "text";
  const keys = isText ? keysOfType("integer", material.tables) : [];
  const named = [
    ...(body.labels[type] ?? []).map((text) => ({ text, whose: "a label of the enum" })),
    ...rowsOfType(type, material.tables),
    ...(type === "regclass" || (isText && body.runsSql) ? namesOf(type, material.tables) : []),
    ...namedByBody(familyOf(type), body, [...fitting, ...keys]),
  ];
  const patterns = isText
    ? [...material.sql, ...["", "%", "x".repeat(100)].map((text) => ({ text, whose: "a pattern" }))]
    : [];
  const truths = type === "boolean" ? ["true", "false"].map((text) => ({ text, whose: "a boolean" })) : [];
  const many = element === type ? [] : listOf(texts);
  return once([
    ...truths,
    ...texts.slice(0, 2),
    ...named,
    ...once(texts).slice(0, valuesAtMost - 3),
    ...many,
    ...patterns,
    nothing,
  ]);
}

/** Of a type that is not one of the plain ones only values of that very type are known to be some. */
function fitsType(type: string, { type: own }: Candidate & { readonly type?: string }): boolean {
  return plainTypes.test(familyOf(type)) || own === type;
}

type Typed = Candidate & { readonly type?: string };

function identitiesFor({ others }: Material): readonly Typed[] {
  return others.flatMap(({ identities, persona }) =>
    identities.map((text) => ({ text, whose: persona.name })),
  );
}

/** `p_user_id` → `userid` */
function normal(name: string): string {
  return name
    .toLowerCase()
    .replace(/^(?:p|in|arg|v)?_+/, "")
    .replaceAll("_", "");
}

/** Of columns that are called like the argument, and keys of tables that it is called after. */
function valuesByName(argument: string, type: string, tables: readonly Table[]): readonly Typed[] {
  const wanted = normal(argument);
  return tables.flatMap((table) => {
    const { info } = table;
    const whole = normal(info.name).replace(/s$/, "");
    const key = info.primaryKey.length === 1 ? info.primaryKey[0] : undefined;
    return info.columns
      .filter((column) => compatible(column.type, type))
      .filter(
        ({ name }) => normal(name) === wanted || (name === key && [whole, `${whole}id`].includes(wanted)),
      )
      .flatMap(({ name, type: own }) =>
        distinctOf(table, name, 5).map((text) => typedValue(text, info, own)),
      );
  });
}

/** Keys of every table, and values of columns of a type that few have. */
function keysOfType(type: string, tables: readonly Table[]): readonly Typed[] {
  return tables.flatMap((table) =>
    table.info.columns
      .filter((column) =>
        plainTypes.test(familyOf(type)) ? table.info.primaryKey.includes(column.name) : true,
      )
      .filter((column) => compatible(column.type, type))
      .flatMap(({ name, type: own }) =>
        distinctOf(table, name, 3).map((text) => typedValue(text, table.info, own)),
      ),
  );
}

function typedValue(text: string, info: TableInfo, type: string): Typed {
  return { text, whose: `a row of ${formatQualified(info)}`, type };
}

function compatible(column: string, argument: string): boolean {
  return familyOf(column) === familyOf(argument);
}

/** From both ends. */
function distinctOf({ rows }: Table, column: string, most: number): readonly string[] {
  const all = [...new Set(rows.flatMap(({ values }) => values.get(column) ?? []))].filter(
    (text) => text.length < 500,
  );
  return all.length <= most ? all : [...all.slice(0, most - 1), ...all.slice(-1)];
}

/** A declared value that holds an identity inside (a list, JSON, a path), with another's in its place. */
function insideOf(value: string | null | undefined, { caller, others }: Material): readonly Candidate[] {
  if (value === null || value === undefined) return [];
  return others.flatMap(({ identities, persona }) =>
    identities.flatMap((other, index) => {
      const own = caller.identities[index];
      if (own === undefined || own.length < 4 || !value.includes(own) || value === own) return [];
      return [
        { text: value.replaceAll(own, other), whose: persona.name },
        ...(value.startsWith("{") && !value.startsWith('{"')
          ? [{ text: value.replace(own, `${own},${other}`), whose: persona.name }]
          : []),
      ];
    }),
  );
}

/** Rows of the table whose row type it is, as `record_in` reads them. */
function rowsOfType(type: string, tables: readonly Table[]): readonly Candidate[] {
  const table = tables.find(({ info }) => [info.name, formatQualified(info)].includes(type));
  if (table === undefined) return [];
  return table.rows.slice(0, 5).map(({ values }) => ({
    text: `(${table.info.columns.map(({ name }) => quotedField(values.get(name))).join(",")})`,
    whose: `a row of ${formatQualified(table.info)}`,
  }));
}

function quotedField(text: string | undefined): string {
  return text === undefined ? "" : `"${text.replaceAll(/["\\]/g, "\\$&")}"`;
}

/** Tables that a body may put into its SQL. */
function namesOf(type: string, tables: readonly Table[]): readonly Candidate[] {
  return tables.slice(0, 12).map(({ info }) => ({
    text: type === "regclass" ? quoteQualified(info) : info.name,
    whose: `the table ${formatQualified(info)}`,
  }));
}

/** One list of the values of all these lists: some bodies ask for more than one or two. */
function listOf(lists: readonly Candidate[]): readonly Candidate[] {
  const each = lists.flatMap(({ text }) => (text === null ? [] : [text.slice(1, -1)])).slice(0, 6);
  const inner = [...each, ...each, ...each].slice(0, 6);
  return inner.length < 2 ? [] : [{ text: `{${inner.join(",")}}`, whose: "several rows" }];
}

function shown(value: Json, { whose }: Candidate): Candidate {
  return { text: JSON.stringify(value), whose };
}

/** Objects of the keys that the body reads, one within another, in lists too, with values of columns of that name and others' identities. */
function jsonCandidates(keys: readonly string[], material: Material): readonly Candidate[] {
  const fitting = (key: string): readonly Typed[] =>
    [
      ...["text", "uuid", "integer"].flatMap((type) => valuesByName(key, type, material.tables)),
      ...identitiesFor(material),
    ].slice(0, 8);
  const single = keys.flatMap((key) => fitting(key).map((one) => shown({ [key]: one.text }, one)));
  const few = keys.slice(0, 4);
  const fields = few.flatMap((key) =>
    fitting(key)
      .slice(0, 4)
      .map((value) => ({ key, value, field: { [key]: value.text } })),
  );
  const within = few.flatMap((outer) =>
    fields.filter(({ key }) => key !== outer).map(({ value, field }) => shown({ [outer]: field }, value)),
  );
  const members = fields.map(({ value, field }) => shown([field], value));
  const lists = identitiesFor(material).map(({ text, whose }) => ({ text: JSON.stringify([text]), whose }));
  return [
    ...single.slice(0, valuesAtMost),
    ...members.slice(0, valuesAtMost),
    ...within.slice(0, valuesAtMost),
    ...lists.slice(0, 4),
  ];
}

function once(candidates: readonly Candidate[]): readonly Candidate[] {
  return [...new Map(candidates.map((one) => [one.text, one])).values()];
}

/** Values of a call's arguments: an answer that repeats them says nothing. */
export function givenBy({ values }: Variant): ReadonlySet<string> {
  const given = new Set<string>();
  const add = (value: Json | undefined): void => {
    if (value === null || value === undefined) return;
    if (typeof value === "object") for (const one of Object.values(value)) add(one as Json);
    else given.add(String(value));
  };
  for (const text of Object.values(values)) {
    if (text === null) continue;
    given.add(text);
    for (const part of text.split(/[{}[\](),"]+/)) if (part !== "") given.add(part);
    // Most texts are none, and an error for each is slow.
    if (!/^\s*[[{"]|^[-+.\deE]+$/.test(text)) continue;
    try {
      add(JSON.parse(text) as Json);
    } catch {
      // It is no JSON.
    }
  }
  return given;
}
