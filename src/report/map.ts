import { grouped } from "../lib/grouped.ts";
import type { Operation } from "../model/matrix.ts";
import type { RunRecord } from "../model/run.ts";
import type { GridRow, GridStore, Mark } from "./grid.ts";
import type { Paint } from "./paint.ts";
import { tableLines } from "./table.ts";
import { clean, columns, cut, hanging, plural } from "./text.ts";

export interface MapOptions {
  readonly width: number;
  readonly paint: Paint;
  /** The run is large: only what failed is shown. */
  readonly failuresOnly: boolean;
}

/** Letters of the map. A blind form is shown with its filtered form: the matrix declares both together. */
export const places: readonly { readonly letter: string; readonly operations: readonly Operation[] }[] = [
  { letter: "s", operations: ["select"] },
  { letter: "i", operations: ["insert"] },
  { letter: "u", operations: ["update", "blind_update"] },
  { letter: "d", operations: ["delete", "blind_delete"] },
  { letter: "p", operations: ["upsert"] },
  { letter: "t", operations: ["truncate"] },
];

/** What one place shows, from what must be seen first to what may be hidden by another. */
type State = "failed" | "waived" | "skipped" | "all" | "some" | "none";
const states: readonly State[] = ["failed", "waived", "skipped", "all", "some", "none"];
const signs: Readonly<Record<State, (letter: string) => string>> = {
  failed: () => "!",
  waived: () => "~",
  skipped: () => "-",
  all: (letter) => letter.toUpperCase(),
  some: (letter) => letter,
  none: () => "·",
};

interface Line {
  readonly name: string;
  /** Persona → what it may do. */
  readonly words: ReadonlyMap<string, string>;
}

/** More personas with different rights than this are no map any more. */
const mostColumns = 40;

/** One table: relations × personas, a letter an operation. Personas whose columns are the same share one. */
export function mapLines(
  store: GridStore,
  { relations: order, personas }: Pick<RunRecord, "relations" | "personas">,
  options: MapOptions,
): readonly string[] {
  const present = new Set(store.relations());
  const all = [...order.filter((name) => present.delete(name)), ...present];
  const usual = mostCommon(all.map(schemaOf));
  const lines = all.flatMap((name) => {
    const bare = schemaOf(name) === usual;
    return lineOf(name, clean(bare ? name.slice(usual.length + 1) : name), store);
  });
  const shown = options.failuresOnly ? lines.filter(hasFailure) : lines;
  if (shown.length === 0)
    return lines.length === 0 ? [] : [`${plural(lines.length, "relation")} without a failure: see --verbose`];
  const { heads, alike } = columnsOf(
    shown,
    personas.map(({ name }) => name),
    options.failuresOnly,
  );
  const left = lines.length - shown.length;
  return [
    ...tables(shown, heads.slice(0, mostColumns), options),
    ...[
      ...(heads.length > mostColumns
        ? [`${plural(heads.length - mostColumns, "more persona", "more personas")}: see --verbose`]
        : []),
      ...(left > 0 ? [`${plural(left, "relation")} without a failure left out`] : []),
      ...(alike.length > 0 ? [`same access: ${alike.join("; ")}`] : []),
      `relations of schema ${clean(usual)}${all.every((name) => schemaOf(name) === usual) ? "" : " where no other is named"}; ${legend(shown)}`,
    ].flatMap((text) => hanging(text, options.width - 2, 2).map((one) => `  ${one}`)),
  ];
}

function schemaOf(name: string): string {
  return name.slice(0, name.indexOf("."));
}

function mostCommon(names: readonly string[]): string {
  const count = (name: string): number => names.filter((one) => one === name).length;
  return [...new Set(names)].toSorted((a, b) => count(b) - count(a))[0] ?? "";
}

function lineOf(relation: string, name: string, store: GridStore): readonly Line[] {
  const operations = store.rows(relation, "operations");
  const calls = store.rows(relation, "calls");
  const failing = failingColumns(store.rows(relation, "columns"));
  const heads = store.heads(relation, "calls");
  const shown = places.filter(
    ({ operations: own }, index) =>
      index < 4 ||
      operations.some(({ marks }) =>
        own.some((one) => ![undefined, "none"].includes(stateOf(marks.get(one)))),
      ),
  );
  return [
    ...(operations.length === 0
      ? []
      : [
          {
            name,
            words: new Map(operations.map((row) => [row.name, wordOf(row, shown, failing.has(row.name))])),
          },
        ]),
    ...(calls.length === 0
      ? []
      : [
          {
            name: operations.length === 0 ? `${name}()` : `${name} calls`,
            words: new Map(calls.map((row) => [row.name, callsOf(row, heads, failing.has(row.name))])),
          },
        ]),
  ];
}

function wordOf({ marks }: GridRow, shown: typeof places, columnFailed: boolean): string {
  return shown
    .map(({ letter, operations }) => {
      const found = operations.map((one) => stateOf(marks.get(one))).filter((state) => state !== undefined);
      if (columnFailed && letter === "s") found.push("failed");
      const [worst] = found.toSorted((a, b) => states.indexOf(a) - states.indexOf(b));
      return worst === undefined ? " " : signs[worst](letter);
    })
    .join("")
    .trimEnd();
}

/** A letter a call, up to eight of them. */
function callsOf({ marks }: GridRow, heads: readonly string[], columnFailed: boolean): string {
  const found = heads.map((head) => stateOf(marks.get(head)));
  const shown = found.slice(0, 8).map((state) => (state === undefined ? " " : signs[state]("x")));
  const more = found.slice(8).includes("failed") ? "!" : found.length > 8 ? "…" : "";
  return `${shown.join("")}${more}${columnFailed ? "!" : ""}`.trimEnd();
}

function stateOf(mark: Mark | undefined): State | undefined {
  if (mark === undefined) return undefined;
  if (mark.failing) return mark.waived ? "waived" : "failed";
  return mark.verdict === "skipped" && !mark.half ? "skipped" : mark.extent;
}

function failingColumns(rows: readonly GridRow[]): ReadonlySet<string> {
  const failing = rows.filter(({ marks }) =>
    [...marks.values()].some((mark) => mark.failing && !mark.waived),
  );
  return new Set(failing.map(({ name }) => name));
}

function hasFailure({ words }: Line): boolean {
  return [...words.values()].some((word) => word.includes("!"));
}

/** One persona for all whose columns are the same, and who they are. */
function columnsOf(
  lines: readonly Line[],
  order: readonly string[],
  failuresOnly: boolean,
): { readonly heads: readonly string[]; readonly alike: readonly string[] } {
  const present = new Set(lines.flatMap(({ words }) => [...words.keys()]));
  const personas = [...new Set([...order.filter((name) => present.has(name)), ...present])];
  const columnOf = (persona: string): string => lines.map(({ words }) => words.get(persona) ?? "").join("\n");
  const shown = personas.filter((persona) => !failuresOnly || columnOf(persona).includes("!"));
  const groups = [...grouped(shown, columnOf).values()];
  return {
    heads: groups.map(([first = ""]) => first),
    alike: groups.filter(({ length }) => length > 1).map((names) => names.slice(0, 12).map(clean).join(", ")),
  };
}

/** As many personas side by side as fit. */
function tables(
  lines: readonly Line[],
  personas: readonly string[],
  { width, paint }: MapOptions,
): readonly string[] {
  const wide = (persona: string): number =>
    Math.max(columns(shortName(persona)), ...lines.map(({ words }) => columns(words.get(persona) ?? "")));
  const needed = personas.reduce((sum, persona) => sum + 1 + wide(persona), 2);
  const names = nameWidth(lines, width - needed, Math.floor(width / 2));
  const parts: string[][] = [[]];
  let left = width - 2 - names;
  for (const persona of personas) {
    const own = 1 + wide(persona);
    if (own > left && parts.at(-1)?.length !== 0) {
      parts.push([]);
      left = width - 2 - names;
    }
    parts.at(-1)?.push(persona);
    left -= own;
  }
  return parts.flatMap((part) =>
    tableLines(
      ["", ...part.map(shortName)],
      lines.map(({ name, words }) => [
        cut(name, names),
        ...part.map((persona) => painted(words.get(persona) ?? "", paint)),
      ]),
      paint,
      1,
    ),
  );
}

/** Names are cut where that avoids a second table and they remain distinguishable. */
function nameWidth(lines: readonly Line[], left: number, most: number): number {
  const longest = Math.min(Math.max(...lines.map(({ name }) => columns(name))), most);
  const apart = new Set(lines.map(({ name }) => cut(name, left))).size === lines.length;
  return left >= 20 && left < longest && apart ? left : longest;
}

function shortName(persona: string): string {
  return cut(clean(persona), 14);
}

function painted(word: string, paint: Paint): string {
  if (word === "") return "";
  if (word.includes("!")) return paint("bad", word);
  return word.includes("~") ? paint("warn", word) : /^[· ]*$/.test(word) ? paint("dim", word) : word;
}

/** Only the signs that occur. */
function legend(lines: readonly Line[]): string {
  const text = lines.flatMap(({ words }) => [...words.values()]).join("");
  const has = (pattern: RegExp): boolean => pattern.test(text);
  const letters = [
    ["s", "select"],
    ["i", "insert"],
    ["u", "update"],
    ["d", "delete"],
    ["p", "upsert"],
    ["t", "truncate"],
    ["x", "a call"],
  ] as const;
  return [
    letters
      .filter(([letter]) => has(new RegExp(letter, "i")))
      .map(([letter, name]) => `${letter} ${name}`)
      .join(", "),
    has(/[A-Z]/) && "capital: all rows",
    has(/[a-z]/) && "small: a row set",
    has(/·/) && "·: none",
    has(/!/) && "!: failed",
    has(/~/) && "~: failed, waived",
    has(/-/) && "-: skipped",
  ]
    .filter((part) => part !== false && part !== "")
    .join("; ");
}
