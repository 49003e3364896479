import type { Relation, Routine } from "./catalog.ts";
import { refuse } from "./errors.ts";
import type { Sql } from "./fragment.ts";
import type { Shape } from "./media.ts";
import type { Request } from "./request.ts";

/** One row in this order, all as text: what each main statement answers. */
export interface Outcome {
  /** Rows of the whole table, where they were counted. */
  readonly total: number | undefined;
  /** Rows of this answer, or rows written. */
  readonly rows: number;
  readonly body: string;
  /** Settings `response.headers` and `response.status`, which a function may set. */
  readonly responseHeaders: string | null;
  readonly responseStatus: string | null;
  /** Key columns of the one row inserted: `[["id", "eq.5"]]`. */
  readonly location: readonly (readonly [string, string])[];
  /** Rows inserted less rows updated, for an upsert. */
  readonly inserted: number | undefined;
}

export function readOutcome(row: readonly (string | null)[]): Outcome {
  const [total, rows, body, responseHeaders, responseStatus, location, inserted] = row;
  return {
    total: count(total),
    rows: count(rows) ?? 0,
    body: body ?? "",
    responseHeaders: responseHeaders ?? null,
    responseStatus: responseStatus ?? null,
    location: JSON.parse(location ?? "[]") as readonly [string, string][],
    inserted: count(inserted),
  };
}

function count(text: string | null | undefined): number | undefined {
  return text === null || text === undefined ? undefined : Number(text);
}

/** What is to run, and how its outcome is to be read. */
export interface Plan {
  readonly main: Sql;
  readonly readOnly: boolean;
  /** Settings that the called function wants for the whole transaction. */
  readonly settings: Readonly<Record<string, string>>;
  readonly shape: Shape;
  readonly target: Relation | Routine;
  readonly request: Request;
}

/** Refuses what cannot be read off the request alone, in the order in which PostgREST would. */
export function refuseUnreadable({ query, action }: Request, relation: Relation | undefined): void {
  const [embedded] = query.embedded;
  if (embedded !== undefined) throw refuse.notEmbedded(embedded);
  if (query.select.some(({ aggregated }) => aggregated)) throw refuse.aggregates();
  if (relation?.columns.some(({ represented }) => represented))
    throw refuse.notSpoken(`data representations, which ${action.kind} of this relation would apply`);
}

export function refuseUnknownPreferences({ prefer }: Request): void {
  if (prefer.count === "planned" || prefer.count === "estimated")
    throw refuse.notSpoken(`count=${prefer.count}`);
  if (prefer.handling === "strict" && prefer.unknown.length > 0) throw refuse.preferences(prefer.unknown);
}
