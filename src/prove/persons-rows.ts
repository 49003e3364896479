import type { Opener } from "./analyse/openers.ts";
import type { Item } from "./analyse/ties.ts";
import type { Row } from "./ask/evaluate.ts";
import type { Context } from "./context.ts";
import { standingRows } from "./show/rows.ts";
import { spaceOf } from "./tied-values.ts";
import { roleValue } from "./who.ts";

/**
 * Rows of the persona's own that a way reads, as they are there (its profile, with a level): others' rows are made beside them.
 * `undefined`: it has none, or others' rows would have to hold what these hold, as a member's do.
 */
export async function personsRows(
  context: Context,
  { items, ties, unmet }: Opener,
): Promise<ReadonlyMap<Item, Row> | undefined> {
  // By equality alone only rows that name the persona open it.
  if (unmet.length === 0) return undefined;
  const found = new Map<Item, Row>();
  for (const { slots, columns, persona } of ties) {
    const answers = await Promise.all(
      persona.map(async (one) =>
        (await roleValue(context, one)) === undefined ? await context.answer(one) : [],
      ),
    );
    const values = answers.flatMap((one) => one ?? []);
    if (values.length === 0) continue;
    if (columns.length > 0) return undefined;
    for (const { item, column } of slots) {
      if (found.has(item)) continue;
      const rows = await standingRows(spaceOf(context, item.relation));
      const own = rows.find(({ row }) => values.includes(row[column] ?? null));
      if (own === undefined) return undefined;
      found.set(item, own.row);
    }
  }
  const isShared = ties.some(
    ({ slots }) => slots.some(({ item }) => found.has(item)) && slots.some(({ item }) => !found.has(item)),
  );
  return isShared || found.size === items.length ? undefined : found;
}
