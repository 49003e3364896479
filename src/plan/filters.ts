import picomatch from "picomatch";
import type { RunFilters } from "../model/run.ts";

type Filters = Pick<RunFilters, "only" | "personas">;

/** `of`: other names that take the cell along: of the operation or call that a column's cell belongs to, of all calls. */
export type Wants = (id: string, persona: string, ...of: readonly string[]) => boolean;

/**
 * Which cells were asked for: `--only` globs match `<persona>/<schema>.<relation>/<operation>`, which takes the finer cells
 * of the operation along, `<persona>/<schema>.<function>/execute(<call>)` (or `…/execute`, which takes all calls along), or
 * any of these with `/<column>` behind it; `--persona` matches names.
 */
export function filterOf({ only, personas }: Filters): Wants {
  const matches = only.length === 0 ? undefined : matcherOf(only);
  const named = personas.length === 0 ? undefined : picomatch([...personas], { dot: true });
  return (id, persona, ...of) =>
    (named === undefined || named(persona)) &&
    (matches === undefined || [id, ...of].some((form) => matches(form)));
}

function isName(glob: string): boolean {
  return /^[\w./-]+$/.test(glob);
}

/** A thousand names of cells are looked up; only what holds a sign of a glob is matched. */
function matcherOf(only: readonly string[]): (form: string) => boolean {
  const names = new Set(only.filter(isName));
  const globs = only.filter((one) => !isName(one));
  const matches = globs.length === 0 ? undefined : picomatch(globs.map(literalParentheses), { dot: true });
  return (form) => names.has(form) || matches?.(form) === true;
}

/** Filters that have matched no cell so far: a typo among filters that match would silently leave its cells out. */
export interface WatchedFilter {
  readonly wants: Wants;
  readonly idle: () => Filters;
}

export function watchedFilterOf(filters: Filters): WatchedFilter {
  const all = filterOf(filters);
  const only = watch(filters.only, (glob) => filterOf({ only: [glob], personas: [] }));
  const personas = watch(filters.personas, (glob) => filterOf({ only: [], personas: [glob] }));
  return {
    wants: (...cell) => {
      if (!all(...cell)) return false;
      only.see(cell);
      personas.see(cell);
      return true;
    },
    idle: () => ({ only: only.idle(), personas: personas.idle() }),
  };
}

function watch(
  globs: readonly string[],
  filter: (glob: string) => Wants,
): { readonly see: (cell: Parameters<Wants>) => void; readonly idle: () => readonly string[] } {
  const waiting = new Map(globs.map((glob) => [glob, filter(glob)]));
  return {
    see: (cell) => {
      for (const [glob, wants] of waiting) if (wants(...cell)) waiting.delete(glob);
    },
    idle: () => [...waiting.keys()],
  };
}

/** Parentheses of an id are its own: `execute(own)`, `find(uuid)`. Only after one of `? * + @ !` do they group, as in `@(a|b)`. */
function literalParentheses(glob: string): string {
  return glob.replaceAll(/(?<![?*+@!\\])\(([^()]*)\)/g, String.raw`\($1\)`);
}
