import type { Page } from "./parts.ts";

const none: readonly number[] = [];

/** Cells by relation and persona. */
export interface Pairs {
  readonly personas: ReadonlySet<number>;
  readonly of: (relation: number, persona: number) => readonly number[];
  readonly all: (relation: number) => readonly number[];
}

/** Those with a cell that the filters leave, in the order of the matrix. */
export function relationsOf({ model, store }: Page): readonly number[] {
  const present = new Set(
    model.matching(store.state.filters).map((cell) => model.data.cells.relation[cell] ?? -1),
  );
  return model.data.relations.flatMap((_, relation) => (present.has(relation) ? [relation] : []));
}

export function pairsOf({ model: { data, size } }: Page): Pairs {
  const pairs: number[][] = [];
  const width = data.personas.length;
  for (let cell = 0; cell < size; cell += 1) {
    const key = (data.cells.relation[cell] ?? 0) * width + (data.cells.persona[cell] ?? 0);
    (pairs[key] ??= []).push(cell);
  }
  return {
    personas: new Set(data.cells.persona),
    of: (relation, persona) => pairs[relation * width + persona] ?? none,
    all: (relation) => pairs.slice(relation * width, (relation + 1) * width).flat(),
  };
}
