import type { Mentions } from "../prove/analyse/mentions.ts";
import type { EscalationFunction } from "./catalog.ts";

// Where a value comes from, and what it is compared with: through arguments and results of functions, too.

/** By name of a column, a key of JSON or an argument: what is compared with it, and literals that are. */
export interface Links {
  readonly next: (name: string) => readonly string[];
  readonly literals: (name: string) => readonly string[];
}

type ByName = ReadonlyMap<string, readonly EscalationFunction[]>;
type BodyOf = (oid: string) => Mentions;

/** One remove: what it is compared with, what a function returns that it is compared with, and arguments that it is given for. */
export function linksOf(texts: readonly Mentions[], functions: ByName, bodyOf: BodyOf): Links {
  const links = new Map<string, Set<string>>();
  const literals = new Map<string, Set<string>>();
  for (const { compared, constants } of texts) {
    for (const [name, others] of compared) add(links, name, others);
    for (const [name, all] of constants) add(literals, name, all);
  }
  for (const [called, all] of functions) {
    const name = `${called}()`;
    const compared = [...(links.get(name) ?? [])].filter((one) => !isFunction(one));
    const results = ownOf(all).flatMap(({ oid }) => [...bodyOf(oid).results]);
    for (const one of compared) add(links, one, results);
    for (const one of results) add(links, one, [...compared, name]);
  }
  for (const { name, given, literals: written } of texts.flatMap(({ calls }) => calls))
    for (const fn of ownOf(functions.get(name)))
      for (const [place, names] of given.entries()) {
        const argument = argumentOf(fn, place);
        for (const one of names) add(links, one, [argument]);
        add(links, argument, names);
        add(literals, argument, written[place] ?? []);
      }
  return {
    next: (name) => [...(links.get(name) ?? [])],
    literals: (name) => [...(literals.get(name) ?? [])],
  };
}

/** What a text compares a column with, at once or within the functions that it gives it to, or takes it from. */
export function comparedBy(
  { compared, calls }: Mentions,
  column: string,
  functions: ByName,
  bodyOf: BodyOf,
): readonly string[] {
  const direct = [...(compared.get(column) ?? [])];
  const given = calls.flatMap(({ name, given: all }) =>
    ownOf(functions.get(name)).flatMap((fn) =>
      all.flatMap((names, place) =>
        names.has(column) ? [...(bodyOf(fn.oid).compared.get(argumentOf(fn, place)) ?? [])] : [],
      ),
    ),
  );
  const returned = direct
    .filter(isFunction)
    .flatMap((one) =>
      ownOf(functions.get(one.slice(0, -"()".length))).flatMap(({ oid }) => [...bodyOf(oid).results]),
    );
  return [...direct, ...given, ...returned];
}

function ownOf(all: readonly EscalationFunction[] = []): readonly EscalationFunction[] {
  return all.filter(({ extension }) => !extension);
}

/** As the mentions of its body call it. */
function argumentOf({ argumentNames, oid }: EscalationFunction, place: number): string {
  return argumentNames[place] || `${oid}$${place + 1}`;
}

/** As `Mentions.compared` has it. */
export function isFunction(name: string): boolean {
  return name.endsWith("()");
}

function add(groups: Map<string, Set<string>>, name: string, all: Iterable<string>): void {
  const group = groups.get(name) ?? new Set();
  groups.set(name, group);
  for (const one of all) group.add(one);
}
