/** At most `limit` of the tasks that it is given are under way; the others wait in the order in which they came. */
export function limiter(limit: number): <T>(task: () => Promise<T>) => Promise<T> {
  let free = limit;
  const waiting: (() => void)[] = [];
  return async (task) => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await task();
    } finally {
      const next = waiting.shift();
      if (next === undefined) free += 1;
      else next();
    }
  };
}

/** Maps with at most `limit` calls under way; results keep the order. */
export async function mapLimited<Item, Result>(
  items: readonly Item[],
  limit: number,
  map: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = Array.from({ length: items.length });
  const queue = items.entries();
  const worker = async (): Promise<void> => {
    for (const [index, item] of queue) results[index] = await map(item);
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
  return results;
}
/** What is to be done, in places that are alike: each takes the next piece when it is free. */
export async function inPlaces<P, Piece>(
  places: readonly P[],
  pieces: Iterable<Piece>,
  work: (piece: Piece, place: P) => Promise<void>,
): Promise<void> {
  const queue = pieces[Symbol.iterator]();
  const take = async (place: P): Promise<void> => {
    for (let next = queue.next(); next.done !== true; next = queue.next()) await work(next.value, place);
  };
  await Promise.all(places.map(take));
}
