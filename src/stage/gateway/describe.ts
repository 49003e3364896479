import type { Catalog, Relation } from "./catalog.ts";
import { refuse } from "./errors.ts";
import type { Request } from "./request.ts";
import { vary } from "./response.ts";
import type { Answer } from "./answer.ts";
import { findRoutine } from "./routine.ts";

/**
 * OPTIONS: which methods a resource knows, whoever asks.
 * @throws {Refused} PGRST202, PGRST203, PGRST205
 */
export function describe({ action, schema, query }: Request, catalog: Catalog): Answer {
  const of = action.kind === "describe" ? action.of : "root";
  const methods = {
    root: () => ["OPTIONS", "GET", "HEAD"],
    relation: () => methodsOf(findRelation(catalog, schema, action.name)),
    routine: () => {
      const names = query.parameters.map(([name]) => name);
      const { isVolatile } = findRoutine(catalog, { schema, name: action.name, names, byPost: false });
      return isVolatile ? ["OPTIONS", "POST"] : ["OPTIONS", "GET", "HEAD", "POST"];
    },
  }[of]();
  const headers = { ...vary, "Access-Control-Allow-Origin": "*", Allow: methods.join(",") };
  return { status: 200, headers, body: "" };
}

export function findRelation(catalog: Catalog, schema: string, name: string): Relation {
  const relation = catalog.relation(schema, name);
  if (relation === undefined) throw refuse.table(schema, name);
  return relation;
}

function methodsOf({ insertable, updatable, deletable, keyColumns }: Relation): string[] {
  const known: readonly (readonly [string, boolean])[] = [
    ["POST", insertable],
    ["PUT", insertable && updatable && keyColumns.length > 0],
    ["PATCH", updatable],
    ["DELETE", deletable],
  ];
  return ["OPTIONS", "GET", "HEAD", ...known.flatMap(([method, can]) => (can ? [method] : []))];
}
