/**
 * Cells repeat each other: statements, answers, declarations, whole observations. What repeats is written once, as a line of
 * `dictionary.ndjson` (counted from 0), and a field whose name ends with `#` holds the number of such a line in place of its value:
 * `"probe#": 12`. An entry refers to entries before it only, so nothing refers to itself.
 */
export const dictionaryFile = "dictionary.ndjson";
const mark = "#";

/**
 * Fields whose values repeat. A reader needs no such list: it goes by the mark. What one channel saw (`direct`, `rest`) is not
 * among them: of 50 hardly one repeats where the whole of `channels` does not.
 */
const shared: ReadonlySet<string> = new Set([
  "expectation",
  "at",
  "waiver",
  "channels",
  "probe",
  "because",
  "observation",
  "answer",
  "http",
  "candidate",
  "forbiddenUpdates",
  "states",
  "cause",
  "notOn",
  "inForce",
]);

const sharedNames: readonly string[] = [...shared];

/** Only the latest entries may be referred to, so that neither side holds more than this, however long the run is. */
const most = 16 * 1024 * 1024;
const entryCost = 64;

/** The latest entries, as many as {@link most} allows. Both sides push the same lines, so both forget the same entries. */
class Window<T> {
  #first = 0;
  #cost = 0;
  #items: { readonly value: T; readonly cost: number }[] = [];
  /** Items at the beginning that are forgotten already. */
  #gone = 0;
  readonly #forget: (value: T, index: number) => void;

  constructor(forget: (value: T, index: number) => void = () => {}) {
    this.#forget = forget;
  }

  /** How many were pushed, forgotten ones among them. */
  get end(): number {
    return this.#first + this.#items.length - this.#gone;
  }

  holds(index: number): boolean {
    return index >= this.#first;
  }

  get(index: number): T | undefined {
    return index < this.#first ? undefined : this.#items[index - this.#first + this.#gone]?.value;
  }

  push(value: T, length: number): void {
    const cost = length + entryCost;
    this.#items.push({ value, cost });
    this.#cost += cost;
    while (this.#cost > most) this.#shift();
    if (this.#gone > 10_000) {
      this.#items = this.#items.slice(this.#gone);
      this.#gone = 0;
    }
  }

  #shift(): void {
    const item = this.#items[this.#gone];
    if (item === undefined) return;
    this.#gone += 1;
    this.#cost -= item.cost;
    this.#forget(item.value, this.#first);
    this.#first += 1;
  }
}

/** A record → its line; entries that it needs and that are not there yet go to `write` before. */
export function createPacker(
  scrub: (json: string) => string,
  write: (entry: string) => void,
): (record: object) => string {
  /** A text → its entry, and an object as it is packed → its entry: two maps, so that neither is taken for the other. */
  const texts = new Map<string, number>();
  const objects = new Map<string, number>();
  const entries = new Window<readonly [Map<string, number>, string]>(([known, key]) => known.delete(key));
  /** Of each shared field the values that came last: cells of one relation follow each other, and to compare costs less than to pack. */
  const recent: Recent[] = Array.from(shared, () => ({
    values: Array.from({ length: mostRecent }),
    places: Array.from({ length: mostRecent }, () => -1),
    next: 0,
  }));
  function refer(value: object | string, field: number): number {
    const known = recent[field];
    if (known === undefined) return lookUp(value);
    for (let back = 1; back <= mostRecent; back += 1) {
      const at = (known.next + mostRecent - back) % mostRecent;
      const place = known.places[at] ?? -1;
      if (place !== -1 && isSame(known.values[at], value) && entries.holds(place)) return place;
    }
    const place = lookUp(value);
    known.values[known.next] = value;
    known.places[known.next] = place;
    known.next = (known.next + 1) % mostRecent;
    return place;
  }

  function lookUp(value: object | string): number {
    const isText = typeof value === "string";
    const known = isText ? texts : objects;
    const key = isText ? value : pack(value);
    const before = known.get(key);
    if (before !== undefined) return before;
    const text = scrub(isText ? quoted(value) : key);
    const index = entries.end;
    write(text);
    known.set(key, index);
    entries.push([known, key], text.length);
    return index;
  }

  /** As JSON.stringify, with references. */
  function pack(value: unknown): string {
    if (typeof value !== "object" || value === null) return scalar(value);
    return Array.isArray(value) ? packList(value) : packFields(value as Readonly<Record<string, unknown>>);
  }

  function packList(values: readonly unknown[]): string {
    if (values.length === 0) return "[]";
    let text = "[";
    for (let index = 0; index < values.length; index += 1)
      text += index === 0 ? pack(values[index]) : `,${pack(values[index])}`;
    return `${text}]`;
  }

  function packFields(fields: Readonly<Record<string, unknown>>): string {
    let text = "";
    for (const name in fields) {
      const item = fields[name];
      if (item === undefined) continue;
      const { plain, reference, field } = spellingOf(name);
      text += text === "" ? "{" : ",";
      if (reference === undefined || !isWorthAnEntry(item)) text += plain + pack(item);
      else text += reference + refer(item, field);
    }
    return text === "" ? "{}" : `${text}}`;
  }
  return (record) => scrub(pack(record));
}

/** Values are held as they are: a record does not change once it was given to the archive. */
interface Recent {
  readonly values: unknown[];
  readonly places: number[];
  /** The oldest, where the next one goes. */
  next: number;
}
const mostRecent = 8;

/** Whether JSON.stringify makes the same of both; `false` where that is not certain. */
function isSame(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) return false;
  if (Array.isArray(one)) {
    if (!Array.isArray(other) || one.length !== other.length) return false;
    for (let at = 0; at < one.length; at += 1) if (!isSame(one[at], other[at])) return false;
    return true;
  }
  if (Array.isArray(other)) return false;
  const [left, right] = [
    one as Readonly<Record<string, unknown>>,
    other as Readonly<Record<string, unknown>>,
  ];
  return sameFields(left, right);
}

/** Names of the fields that are being compared, outer objects first: one list for all, since an array for each would cost more than the rest. */
const names: string[] = [];
let top = 0;

/** The same fields in the same order. */
function sameFields(
  left: Readonly<Record<string, unknown>>,
  right: Readonly<Record<string, unknown>>,
): boolean {
  const base = top;
  for (const name in left) names[top++] = name;
  const end = top;
  let at = base;
  for (const name in right) {
    if (at >= end || names[at] !== name || !isSame(left[name], right[name])) break;
    at += 1;
  }
  // Equal only where all of left's were met, and right has no more.
  let more = base;
  for (const _ in right) more += 1;
  top = base;
  return at === end && more === end;
}

interface Spelling {
  readonly plain: string;
  /** Only of fields whose values repeat. */
  readonly reference: string | undefined;
  /** Its place among the shared fields. */
  readonly field: number;
}
/** Names of our own are few; those of claims and settings may be many. */
const mostSpellings = 1000;
const spellings = new Map<string, Spelling>();

/** A field's name as JSON has it, made once: a cell has a hundred fields. */
function spellingOf(name: string): Spelling {
  const known = spellings.get(name);
  if (known !== undefined) return known;
  const reference = shared.has(name) ? `"${name}${mark}":` : undefined;
  const made = { plain: `${JSON.stringify(name)}:`, reference, field: sharedNames.indexOf(name) };
  if (spellings.size < mostSpellings) spellings.set(name, made);
  return made;
}

function scalar(value: unknown): string {
  if (typeof value === "string") return quoted(value);
  if (typeof value === "boolean") return value ? "true" : "false";
  if (typeof value === "number") return Number.isFinite(value) ? String(value) : "null";
  return JSON.stringify(value) ?? "null";
}

/** As JSON.stringify, which costs more than the look at a short text that needs no escapes. */
function quoted(text: string): string {
  return text.length < 100 && /^[ !#-[\]-\uD7FF]*$/.test(text) ? `"${text}"` : JSON.stringify(text);
}

function isWorthAnEntry(value: unknown): value is object | string {
  if (typeof value === "string") return value.length > 7;
  if (typeof value !== "object" || value === null) return false;
  for (const _ in value) return true;
  return false;
}

/** What a line says that no writer of ours writes. */
export class NotPacked extends Error {}

/** However often entries refer to each other, no value becomes longer than this. */
const longest = 64 * 1024 * 1024;

/** The other way: lines of the dictionary in, records out. Values that cells share are shared by their records too. */
export class Unpacker {
  readonly #entries = new Window<{ readonly value: unknown; readonly length: number }>();

  /** How many entries it was given. */
  get end(): number {
    return this.#entries.end;
  }

  /** @throws NotPacked */
  add(text: string, parsed: unknown): void {
    const { value, length } = this.#open(parsed, text.length);
    this.#entries.push({ value, length }, text.length);
  }

  /** @throws NotPacked */
  record(text: string, parsed: unknown): unknown {
    return this.#open(parsed, text.length).value;
  }

  #open(parsed: unknown, length: number): { readonly value: unknown; readonly length: number } {
    let whole = length;
    const open = (value: unknown): unknown => {
      if (typeof value !== "object" || value === null) return value;
      if (Array.isArray(value)) return value.map(open);
      const opened: Record<string, unknown> = {};
      for (const [name, item] of Object.entries(value)) {
        // Assigned, it would be no field but what the object inherits from.
        if (name === "__proto__") throw new NotPacked("no field of ours is called __proto__");
        if (!name.endsWith(mark)) opened[name] = open(item);
        else {
          const entry = typeof item === "number" ? this.#entries.get(item) : undefined;
          if (entry === undefined) throw new NotPacked(`${name} is not the number of an entry before`);
          whole += entry.length;
          opened[name.slice(0, -mark.length)] = entry.value;
        }
      }
      return opened;
    };
    const value = open(parsed);
    if (whole > longest) throw new NotPacked(`what it refers to is longer than ${longest} characters`);
    return { value, length: whole };
  }
}

/** The highest entry that a line refers to, or -1: so far the dictionary must have been read before. */
export function highestReference(parsed: unknown): number {
  if (typeof parsed !== "object" || parsed === null) return -1;
  let highest = -1;
  for (const [name, item] of Object.entries(parsed) as [string, unknown][]) {
    highest = Math.max(
      highest,
      name.endsWith(mark) && typeof item === "number" ? item : highestReference(item),
    );
  }
  return highest;
}
