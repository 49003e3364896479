import type { Declaration } from "../model/matrix.ts";
import type { Resolved } from "./precedence.ts";

type Said = Omit<Declaration, "persona">;

/** Whose voice each persona hears. Relations of the same groups have the same roster. */
type Roster = readonly { readonly persona: string; readonly voice: number }[];

/** What is said of one relation: once for all personas of whom the same is said. */
interface Voiced {
  readonly roster: Roster;
  readonly voices: readonly (readonly Said[])[];
}

/** What is resolved of a relation → its declarations. */
export type Declaring = (resolved: readonly Resolved[]) => () => readonly Declaration[];

/**
 * One declaration for each persona × operation, spelled out anew each time it is asked for: a matrix of a million cells is
 * a few groups and relations, and must not be a million objects for as long as it is read.
 */
export function declaring(): Declaring {
  const rosters = new Map<string, Roster>();
  return (resolved) => {
    const { roster, voices } = share(resolved);
    const key = JSON.stringify(roster.map(({ persona, voice }) => [persona, voice]));
    const known = rosters.get(key) ?? roster;
    rosters.set(key, known);
    return () =>
      known.flatMap(({ persona, voice }) => (voices[voice] ?? []).map((said) => ({ persona, ...said })));
  };
}

function share(resolved: readonly Resolved[]): Voiced {
  const byPersona = new Map<string, Resolved[]>();
  for (const one of resolved) {
    const own = byPersona.get(one.persona);
    if (own === undefined) byPersona.set(one.persona, [one]);
    else own.push(one);
  }
  const distinct: (readonly Resolved[])[] = [];
  const roster = [...byPersona].map(([persona, own]) => {
    const voice = distinct.findIndex((other) => isSame(other, own));
    return { persona, voice: voice === -1 ? distinct.push(own) - 1 : voice };
  });
  return { roster, voices: distinct.map((own) => own.map(saidOf)) };
}

function saidOf({ operation, said: { uses: _uses, ...said } }: Resolved): Said {
  return { operation, ...said };
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
