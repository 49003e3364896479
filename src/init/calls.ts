import { quoteIdent } from "../lib/sql-text.ts";
import { isExposed, mayCall } from "../model/routine.ts";
import type { ArgumentInfo, RoutineInfo } from "../model/catalog.ts";
import type { Schema } from "../prove/analyse/schema.ts";

/** What a call of a persona may be declared as; a persona without one is refused. */
export interface CallProposal {
  readonly kind: "allow" | "deny";
  /** Other arguments may return or change anything, too. */
  readonly any?: true;
  readonly waived?: string;
}

/** A function as it was observed: one call, and what became of it for each persona. */
export interface ObservedFunction {
  /** As a matrix names it: `public.find(uuid,text)`. */
  readonly name: string;
  readonly routine: RoutineInfo;
  readonly call: Readonly<Record<string, string>>;
  readonly by: ReadonlyMap<string, CallProposal>;
  /** SQLSTATEs with which its body was seen to refuse. */
  readonly raises: readonly string[];
}

export function callExpectationOf({ kind, any, waived }: CallProposal, expires: string): unknown {
  if (any === undefined && waived === undefined) return kind;
  return {
    [kind]: true,
    ...(any === true && { any_argument: "allow" }),
    ...(waived !== undefined && { waive: { reason: waived, expires } }),
  };
}

export function functionJson({ call, by, raises }: ObservedFunction, expires: string): object {
  const expect = [...by].map(([persona, one]) => [persona, callExpectationOf(one, expires)] as const);
  return {
    ...(Object.keys(call).length > 0 && { calls: { observed: call } }),
    ...(raises.length > 0 && { raises }),
    expect: { "*": "deny", ...Object.fromEntries(expect) },
  };
}

/** It can be called by a client, and a call of it can be written into a matrix. */
export function isDeclarable(
  one: RoutineInfo,
  roles: readonly string[],
  exposes: readonly string[],
): boolean {
  return (
    one.kind === "function" &&
    !one.computes &&
    isExposed(one, exposes) &&
    one.arguments.every(({ name, required, variadic }) => !required || (name !== "" && !variadic)) &&
    roles.some((role) => mayCall(one, role))
  );
}

/**
 * Where a value for an argument is found: in a column of that name and type (`p_team_id` is `team_id`), else in a key of the relation
 * that it names; a query of one text.
 */
export function argumentSql({ name, type }: ArgumentInfo, schema: Schema): string | undefined {
  const bare = name.replace(/^(?:p|in|arg|v)?_+/, "").replace(/_(?:input|param|arg)$/, "");
  const stem = bare.replace(/_?id$/, "");
  const found = [...schema.relations]
    .filter(({ kind }) => kind === "table" || kind === "partitioned")
    .flatMap((relation) =>
      relation.columns
        .filter(({ type: of }) => of === type)
        .map((column) => ({ relation, column, fits: fitOf(relation.name, column.name, bare, stem) })),
    )
    .filter(({ fits }) => fits > 0)
    .toSorted((a, b) => b.fits - a.fits);
  const [first] = found;
  if (first === undefined) return undefined;
  const column = quoteIdent(first.column.name);
  return `select ${column}::text as value from ${quoteIdent(first.relation.schema)}.${quoteIdent(first.relation.name)} where ${column} is not null order by 1 limit 1`;
}

/** `team_id` is a key of `teams`, rather than a column of that name elsewhere; `org_id` is one of `organizations`. */
function fitOf(relation: string, column: string, bare: string, stem: string): number {
  if (column === "id" && stem.length > 2 && relation.startsWith(stem)) return 2;
  return column === bare ? 1 : 0;
}

/** A value of the type that no row is likely to hold. */
export function plainArgument({ type }: ArgumentInfo): string | undefined {
  return plain.find(([types]) => types.test(type))?.[1];
}

const plain: readonly (readonly [RegExp, string])[] = [
  [/\[\]$/, "{}"],
  [/^uuid$/, "00000000-0000-4000-8000-000000000001"],
  [/^(?:smallint|integer|bigint|numeric|real|double precision)/, "1"],
  [/^(?:text|character|name|citext)/, "a"],
  [/^boolean$/, "true"],
  [/^jsonb?$/, "{}"],
  [/^(?:timestamp|date)/, "2026-01-01"],
  [/^interval$/, "1 day"],
];
