/** What `Prefer` headers may ask for. Source: https://docs.postgrest.org/en/v16/references/api/preferences.html */
export interface Preferences {
  readonly resolution: "merge-duplicates" | "ignore-duplicates" | undefined;
  readonly return: "representation" | "minimal" | "headers-only" | undefined;
  readonly count: "exact" | "planned" | "estimated" | undefined;
  readonly tx: "commit" | "rollback" | undefined;
  readonly missing: "default" | "null" | undefined;
  readonly handling: "strict" | "lenient" | undefined;
  readonly timezone: string | undefined;
  readonly maxAffected: bigint | undefined;
  /** What was asked for and nobody knows, in the order sent. */
  readonly unknown: readonly string[];
}

const choices = {
  resolution: ["merge-duplicates", "ignore-duplicates"],
  return: ["representation", "minimal", "headers-only"],
  count: ["exact", "planned", "estimated"],
  tx: ["commit", "rollback"],
  missing: ["default", "null"],
  handling: ["strict", "lenient"],
} as const;

type Choices = typeof choices;

/** The first valid word of each kind counts. `txOverride` is false where the server decides how transactions end. */
export function parsePrefer(header: string | undefined, txOverride: boolean): Preferences {
  const words = header === undefined || header === "" ? [] : header.split(",").map((word) => word.trim());
  const affected = after("max-affected=", words);
  return {
    resolution: chosen("resolution", words),
    return: chosen("return", words),
    count: chosen("count", words),
    tx: txOverride ? chosen("tx", words) : undefined,
    missing: chosen("missing", words),
    handling: chosen("handling", words),
    timezone: after("timezone=", words),
    maxAffected: affected !== undefined && /^-?\d+$/.test(affected) ? BigInt(affected) : undefined,
    unknown: words.filter((word) => !isKnown(word)),
  };
}

function chosen<K extends keyof Choices>(kind: K, words: readonly string[]): Choices[K][number] | undefined {
  const options: readonly Choices[K][number][] = choices[kind];
  for (const word of words) {
    const option = options.find((value) => word === `${kind}=${value}`);
    if (option !== undefined) return option;
  }
  return undefined;
}

function after(prefix: string, words: readonly string[]): string | undefined {
  return words.find((word) => word.startsWith(prefix))?.slice(prefix.length);
}

function isKnown(word: string): boolean {
  if (word.startsWith("timezone=") || word.startsWith("max-affected=")) return true;
  return Object.entries(choices).some(([kind, values]) =>
    values.some((value) => word === `${kind}=${value}`),
  );
}

/** `Preference-Applied`, or nothing when no preference was honoured; its order is PostgREST's. */
export function preferenceApplied(honoured: Partial<Preferences>): string | undefined {
  const words = (["resolution", "missing", "return", "count", "tx", "handling", "timezone"] as const).flatMap(
    (kind) => (honoured[kind] === undefined ? [] : [`${kind}=${honoured[kind]}`]),
  );
  if (honoured.handling === "strict" && honoured.maxAffected !== undefined)
    words.push(`max-affected=${honoured.maxAffected}`);
  return words.length === 0 ? undefined : words.join(", ");
}
