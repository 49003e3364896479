const atMost = 8;

/**
 * What was made for the keys asked about last. For things that all cells of a relation share: workers handle a few relations at
 * a time, and all of them together are as large as the plan.
 */
export function recent<K, V>(make: (key: K) => V): (key: K) => V {
  const made = new Map<K, V>();
  return (key) => {
    const known = made.get(key);
    if (known !== undefined) return known;
    const [oldest] = made.size < atMost ? [] : made.keys();
    if (oldest !== undefined) made.delete(oldest);
    const value = make(key);
    made.set(key, value);
    return value;
  };
}

/** What was made for each object, for as long as the object is there. */
export function perObject<K extends object, V>(make: (key: K) => V): (key: K) => V {
  const made = new WeakMap<K, { readonly value: V }>();
  return (key) => {
    const known = made.get(key) ?? { value: make(key) };
    made.set(key, known);
    return known.value;
  };
}
