import type { Place, Text } from "./data.ts";

/** Each text once, by its place. Place 0 is the empty text. */
export interface Dictionary {
  readonly texts: readonly string[];
  readonly of: (text: string | undefined) => Text;
}

export function createDictionary(): Dictionary {
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
export interface Pool<T> {
  readonly values: readonly T[];
  readonly of: (value: T) => Place;
}

export function createPool<T>(): Pool<T> {
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
export function createNames(known: readonly string[]): {
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
