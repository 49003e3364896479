import { grouped } from "../lib/grouped.ts";

interface Statement {
  readonly value: string;
}

interface Sent<T> {
  readonly tried: readonly T[];
  readonly stored: readonly T[];
}

/**
 * Tries values until so many of them were stored: first one statement of each of as many values, then one of each other value, then the
 * other statements. What it finds are the same values as all statements together would, the first ones that are stored: a statement is
 * left out only where its value was stored already, or enough values before it. In the order of the statements.
 */
export async function untilStored<S extends Statement, T extends { readonly sql: S }>(
  statements: readonly S[],
  enough: number,
  send: (some: readonly S[]) => Promise<Sent<T>>,
): Promise<readonly T[]> {
  const ofValue = [...grouped(statements, ({ value }) => value)];
  const firsts = ofValue.flatMap(([, [one]]) => one ?? []);
  const others = ofValue.flatMap(([, [, ...more]]) => more);
  const order = ofValue.map(([value]) => value);
  const stored = new Set<string>();
  const tried = new Map<S, T>();
  for (const round of [firsts.slice(0, enough), firsts.slice(enough), others]) {
    const last = order.filter((value) => stored.has(value))[enough - 1];
    const before = new Set(last === undefined ? order : order.slice(0, order.indexOf(last)));
    const sent = await send(round.filter(({ value }) => before.has(value) && !stored.has(value)));
    for (const one of sent.tried) tried.set(one.sql, one);
    for (const one of sent.stored) stored.add(one.sql.value);
  }
  return statements.flatMap((one) => tried.get(one) ?? []);
}
