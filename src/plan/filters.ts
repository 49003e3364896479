import picomatch from "picomatch";
import type { RunFilters } from "../model/run.ts";

/** `of`: the operation's cell that a finer one (a column's) belongs to. */
export type Wants = (id: string, persona: string, of?: string) => boolean;

/**
 * Which cells were asked for: `--only` globs match `<persona>/<schema>.<relation>/<operation>`, which takes the finer cells
 * of the operation along, or `…/<operation>/<column>`; `--persona` matches names.
 */
export function filterOf({ only, personas }: Pick<RunFilters, "only" | "personas">): Wants {
  const matches = only.length === 0 ? undefined : picomatch([...only], { dot: true });
  const named = personas.length === 0 ? undefined : picomatch([...personas], { dot: true });
  return (id, persona, of) =>
    (named === undefined || named(persona)) &&
    (matches === undefined || matches(id) || (of !== undefined && matches(of)));
}
