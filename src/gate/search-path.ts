import type { EscalationFunction } from "../escalate/catalog.ts";

/** Bodies that ask for the path itself, change it, or create something in its first schema. */
const dependsOnPath = /\bcreate\b|current_schema|search_path|set_config/i;

interface Running {
  readonly running: readonly { readonly fn: EscalationFunction }[];
  /** Some of it goes on after an error, as that of a name which is not found. */
  readonly catches: boolean;
}

/**
 * Whether a function looks names up in nothing more than before, if its body is the same: in Postgres's own schema alone, and in
 * temporary objects no earlier. Who called it with any path could call it with this one.
 */
export function isNoWiderPath(
  { searchPath: before }: EscalationFunction,
  { searchPath: after }: EscalationFunction,
  { running, catches }: Running,
): boolean {
  if (before === after) return true;
  if (running.some(({ fn }) => dependsOnPath.test(fn.sqlBody ?? fn.source))) return false;
  const [was, is] = [before, after].map(temporaryIn);
  if (before === null) return is !== undefined && !catches;
  return was !== undefined && is !== undefined && (is === "last" || was === "first");
}

/** Where temporary objects come in a path of Postgres's own schema: first if the path does not say so. `undefined`: another path. */
function temporaryIn(path: string | null): "first" | "last" | undefined {
  if (path === null) return undefined;
  const schemas = path.split(",").map((one) => one.trim().replaceAll('"', ""));
  if (!schemas.every((one) => one === "" || one === "pg_catalog" || one === "pg_temp")) return undefined;
  const [temporary, own] = [schemas.indexOf("pg_temp"), schemas.indexOf("pg_catalog")];
  return temporary !== -1 && own < temporary ? "last" : "first";
}
