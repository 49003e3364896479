import type { Opener } from "./analyse/openers.ts";
import type { Item, Tie } from "./analyse/ties.ts";
import type { Row } from "./ask/evaluate.ts";
import type { Context } from "./context.ts";
import { standingRows } from "./show/rows.ts";
import { spaceOf } from "./tied-values.ts";
import { roleValue } from "./who.ts";

/** Each choice is tried. */
const rowsOfOne = 3;

export interface PersonsRows {
  readonly choices: readonly ReadonlyMap<Item, Row>[];
  /** Others' rows would hold what these hold (the site of a device, the project of a task), as a member's do. */
  readonly isShared: boolean;
}

const none: PersonsRows = { choices: [], isShared: false };

/** Rows of the persona's own that a way reads, as they are there (its profile, with a level): others' rows are made beside them. */
export async function personsRows(context: Context, { items, ties }: Opener): Promise<PersonsRows> {
  const found = new Map<Item, readonly Row[]>();
  for (const tie of ties) {
    const values = await valuesOfWho(context, tie);
    if (values.length === 0 || tie.ofRow === true) continue;
    if (tie.columns.length > 0) return none;
    for (const { item, column } of tie.slots) {
      if (found.has(item)) continue;
      const rows = await standingRows(spaceOf(context, item.relation));
      const asked = constantsOf(ties, item);
      const own = rows
        .map(({ row }) => row)
        .filter((row) => values.includes(row[column] ?? null))
        .filter((row) => asked.every(([name, value]) => row[name] === value));
      if (own.length === 0) return none;
      found.set(item, own.slice(0, rowsOfOne));
    }
  }
  if (found.size === items.length) return none;
  const isShared = ties.some(
    ({ slots }) => slots.some(({ item }) => found.has(item)) && slots.some(({ item }) => !found.has(item)),
  );
  const tables = new Set([...found.keys()].map(({ relation }) => relation));
  // The project of a task that is a member's says who is a member: only another row of the same table may be without an owner.
  const isBeside = items.some((item) => !found.has(item) && tables.has(item.relation));
  if (isShared && !isBeside) return none;
  const most = Math.max(1, ...[...found.values()].map(({ length }) => length));
  const choices = Array.from(
    { length: most },
    (_, index) => new Map([...found].map(([item, rows]) => [item, rows[index] ?? rows[0] ?? {}])),
  );
  return { choices, isShared };
}

async function valuesOfWho(context: Context, { persona }: Tie): Promise<readonly (string | null)[]> {
  const answers = await Promise.all(
    persona.map(async (one) =>
      (await roleValue(context, one)) === undefined ? await context.answer(one) : [],
    ),
  );
  return answers.flatMap((one) => one ?? []);
}

function constantsOf(ties: readonly Tie[], item: Item): readonly (readonly [string, string | null])[] {
  return ties.flatMap(({ slots, constant }) =>
    constant === undefined
      ? []
      : slots.filter((slot) => slot.item === item).map(({ column }) => [column, constant] as const),
  );
}
