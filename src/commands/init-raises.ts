import { answersIn } from "../model/answered.ts";
import { raisedOnPurpose } from "../model/answers.ts";
import type { ScannedCell } from "../scan/access-map.ts";

type Cells = readonly ScannedCell[];

type Raises = ReadonlyMap<string, readonly string[]>;

/**
 * What could not be decided because something raised is asked again with its code declared; a code stays where that decides more.
 * @param probe cells by their ids, with codes declared of relations
 */
export async function settleRaised(
  cells: Cells,
  probe: (raises: Raises, ids: readonly string[]) => Promise<Cells>,
): Promise<{ readonly cells: Cells; readonly raises: Raises }> {
  const raised = raisedIn(cells);
  if (raised.size === 0) return { cells, raises: raised };
  const ids = cells.filter(({ record }) => raised.has(relationOf(record))).map(({ record }) => record.id);
  const again = await probe(raised, ids);
  const decided = decidedMore(cells, again);
  const byId = new Map(again.map((one) => [one.record.id, one]));
  return {
    cells: cells.map((one) => (decided.has(relationOf(one.record)) ? (byId.get(one.record.id) ?? one) : one)),
    raises: new Map([...raised].filter(([name]) => decided.has(name))),
  };
}

/** SQLSTATEs that nothing but RAISE gives, by the relation whose cells could not be decided for them. */
function raisedIn(cells: Cells): Raises {
  const found = new Map<string, Set<string>>();
  for (const { record } of cells) {
    if (record.verdict === "pass" || record.operation === "execute" || record.column !== undefined) continue;
    const seen = record.channels.direct?.observation;
    for (const { code } of seen === undefined ? [] : answersIn(seen))
      if (code !== null && raisedOnPurpose.test(code)) {
        const name = relationOf(record);
        found.set(name, (found.get(name) ?? new Set()).add(code));
      }
  }
  return new Map([...found].map(([name, codes]) => [name, [...codes].toSorted()]));
}

/** Relations of which more cells are decided than before: their refusals were meant. */
function decidedMore(before: Cells, again: Cells): ReadonlySet<string> {
  const open = new Set(before.filter(isUndecided).map(({ record }) => record.id));
  return new Set(
    again
      .filter((one) => open.has(one.record.id) && !isUndecided(one))
      .map(({ record }) => relationOf(record)),
  );
}

function isUndecided({ record: { verdict } }: ScannedCell): boolean {
  return verdict === "inconclusive" || verdict === "error";
}

function relationOf({ schema, relation }: ScannedCell["record"]): string {
  return `${schema}.${relation}`;
}
