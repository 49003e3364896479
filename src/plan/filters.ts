import picomatch from "picomatch";
import type { RunFilters } from "../model/run.ts";

/** `of`: other names that take the cell along: of the operation or call that a column's cell belongs to, of all calls. */
export type Wants = (id: string, persona: string, ...of: readonly string[]) => boolean;

/**
 * Which cells were asked for: `--only` globs match `<persona>/<schema>.<relation>/<operation>`, which takes the finer cells
 * of the operation along, `<persona>/<schema>.<function>/execute(<call>)` (or `…/execute`, which takes all calls along), or
 * any of these with `/<column>` behind it; `--persona` matches names.
 */
export function filterOf({ only, personas }: Pick<RunFilters, "only" | "personas">): Wants {
  const matches = only.length === 0 ? undefined : picomatch(only.map(literalParentheses), { dot: true });
  const named = personas.length === 0 ? undefined : picomatch([...personas], { dot: true });
  return (id, persona, ...of) =>
    (named === undefined || named(persona)) &&
    (matches === undefined || [id, ...of].some((form) => matches(form)));
}

/** Parentheses of an id are its own: `execute(own)`, `find(uuid)`. Only after one of `? * + @ !` do they group, as in `@(a|b)`. */
function literalParentheses(glob: string): string {
  return glob.replaceAll(/(?<![?*+@!\\])\(([^()]*)\)/g, String.raw`\($1\)`);
}
