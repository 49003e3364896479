import type { ConfiguredApi } from "../model/baseline.ts";
import type { Finding } from "../model/finding.ts";
import type { Matrix } from "../model/matrix.ts";

/** It holds one function, which pg_graphql answers. */
const apart: ReadonlySet<string> = new Set(["graphql_public"]);

/** A schema that the API exposes and the matrix does not list is not proved; one that only the matrix lists is not served. */
export function exposedSchemasDiffer(
  api: ConfiguredApi | undefined,
  { exposes, exposesAt, channels }: Pick<Matrix, "exposes" | "exposesAt" | "channels">,
): readonly Finding[] {
  if (api === undefined || !channels.includes("rest")) return [];
  if (named(api.schemas) === named(exposes)) return [];
  return [
    {
      kind: "exposed-schemas-differ",
      configured: api.schemas,
      configuredAt: api.at,
      exposes,
      at: exposesAt,
    },
  ];
}

function named(schemas: readonly string[]): string {
  return JSON.stringify([...new Set(schemas)].filter((name) => !apart.has(name)).toSorted());
}
