import picomatch from "picomatch";
import type { RunFilters } from "../model/run.ts";

/** Which cells were asked for: `--only` globs match `<persona>/<schema>.<relation>/<operation>`, `--persona` matches names. */
export function filterOf({
  only,
  personas,
}: Pick<RunFilters, "only" | "personas">): (id: string, persona: string) => boolean {
  const matches = only.length === 0 ? undefined : picomatch([...only], { dot: true });
  const named = personas.length === 0 ? undefined : picomatch([...personas], { dot: true });
  return (id, persona) => (matches === undefined || matches(id)) && (named === undefined || named(persona));
}
