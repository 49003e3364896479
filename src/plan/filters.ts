import picomatch from "picomatch";
import type { RunFilters } from "../model/run.ts";

/**
 * Which cells were asked for: `--only` globs match `<persona>/<schema>.<relation>/<operation>`, which takes the finer cells
 * of the operation along, or `…/<operation>/<column>`; `--persona` matches names.
 */
export function filterOf({
  only,
  personas,
}: Pick<RunFilters, "only" | "personas">): (id: string, persona: string) => boolean {
  const matches = only.length === 0 ? undefined : picomatch([...only], { dot: true });
  const named = personas.length === 0 ? undefined : picomatch([...personas], { dot: true });
  const asked = (id: string): boolean =>
    matches === undefined || matches(id) || matches(id.split("/").slice(0, 3).join("/"));
  return (id, persona) => asked(id) && (named === undefined || named(persona));
}
