import type { Declaration } from "../model/matrix.ts";
import type { Resolved } from "./precedence.ts";

type Said = Omit<Declaration, "persona">;

/** What is said of a persona, operation by operation; personas of whom the same is said share it. */
interface Voiced {
  readonly persona: string;
  readonly all: readonly Said[];
}

/**
 * One declaration for each persona × operation, spelled out anew each time it is asked for: a matrix of a million cells is
 * a few groups and relations, and must not be a million objects for as long as it is read.
 */
export function declarationsOf(resolved: readonly Resolved[]): () => readonly Declaration[] {
  const voiced = share(resolved);
  return () => voiced.flatMap(({ persona, all }) => all.map((said) => ({ persona, ...said })));
}

function share(resolved: readonly Resolved[]): readonly Voiced[] {
  const byPersona = new Map<string, Resolved[]>();
  for (const one of resolved) {
    const own = byPersona.get(one.persona);
    if (own === undefined) byPersona.set(one.persona, [one]);
    else own.push(one);
  }
  const distinct: { readonly own: readonly Resolved[]; readonly all: readonly Said[] }[] = [];
  return [...byPersona].map(([persona, own]) => {
    let known = distinct.find((other) => isSame(other.own, own));
    if (known === undefined) {
      const all = own.map(({ operation, said: { uses: _uses, ...said } }) => ({ operation, ...said }));
      known = { own, all };
      distinct.push(known);
    }
    return { persona, all: known.all };
  });
}

function isSame(one: readonly Resolved[], other: readonly Resolved[]): boolean {
  return (
    one.length === other.length &&
    one.every(({ operation, said }, index) => {
      const twin = other[index];
      return twin?.operation === operation && twin.said === said;
    })
  );
}
