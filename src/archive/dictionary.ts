/**
 * Cells repeat each other: statements, answers, declarations, whole observations. What repeats is written once, as a line of
 * `dictionary.ndjson` (counted from 0), and a field whose name ends with `#` holds the number of such a line in place of its value:
 * `"probe#": 12`. An entry refers to entries before it only, so nothing refers to itself.
 */
export const dictionaryFile = "dictionary.ndjson";
const mark = "#";

/** Fields whose values repeat. A reader needs no such list: it goes by the mark. */
const shared: ReadonlySet<string> = new Set([
  "expectation",
  "at",
  "waiver",
  "channels",
  "direct",
  "rest",
  "probe",
  "because",
  "observation",
  "answer",
  "http",
  "attempts",
  "candidate",
  "forbiddenUpdates",
  "states",
  "cause",
  "notOn",
  "inForce",
]);

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
  /** A text, or an object as it is packed → its entry. */
  const indices = new Map<string, number>();
  const entries = new Window<string>((key) => indices.delete(key));

  function refer(value: object | string): number {
    // A text begins with a quotation mark here, what is packed with a bracket: they cannot be taken for each other.
    const key = typeof value === "string" ? `"${value}` : pack(value);
    const known = indices.get(key);
    if (known !== undefined) return known;
    const text = scrub(typeof value === "string" ? JSON.stringify(value) : key);
    const index = entries.end;
    write(text);
    indices.set(key, index);
    entries.push(key, text.length);
    return index;
  }

  /** As JSON.stringify, with references. */
  function pack(value: unknown): string {
    if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
    if (Array.isArray(value)) return `[${value.map(pack).join(",")}]`;
    let text = "";
    for (const name in value) {
      const item = (value as Readonly<Record<string, unknown>>)[name];
      if (item === undefined) continue;
      text += text === "" ? "{" : ",";
      text +=
        shared.has(name) && isWorthAnEntry(item)
          ? `"${name}${mark}":${refer(item)}`
          : `${JSON.stringify(name)}:${pack(item)}`;
    }
    return text === "" ? "{}" : `${text}}`;
  }
  return (record) => scrub(pack(record));
}

function isWorthAnEntry(value: unknown): value is object | string {
  if (typeof value === "string") return value.length > 7;
  return typeof value === "object" && value !== null && Object.keys(value).length > 0;
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
