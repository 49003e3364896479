import { listNames } from "../lib/nearest.ts";
import { formatPosition } from "../model/errors.ts";
import type { Declaration, Expectation, Json, NamedColumn, Operation } from "../model/matrix.ts";
import { operations } from "../model/matrix.ts";
import type { Issues } from "../yaml/issues.ts";
import type { Audience, Identities } from "./identities.ts";
import type { Claim, Statement } from "./scope.ts";

/** What holds for these personas once groups and `*` are spelled out. */
export interface Resolved {
  readonly personas: readonly string[];
  readonly statements: readonly { readonly operation: Operation; readonly statement: Statement }[];
}

export interface Resolution {
  readonly audiences: readonly Resolved[];
  /**
   * One for each persona × operation, spelled out anew each time: a matrix of a million cells is a few groups and relations,
   * and must not be a million objects for as long as it is used.
   */
  readonly declarations: () => readonly Declaration[];
}

interface Clash {
  readonly first: Claim;
  readonly second: Claim;
  readonly personas: Set<string>;
  readonly operations: Set<Operation>;
}

/** A persona's own entry wins over its groups', which win over `*`, operation by operation. Groups must agree. */
export function resolve(claims: readonly Claim[], identities: Identities, issues: Issues): Resolution {
  const clashes = new Map<string, Clash>();
  const { all, byPersona } = identities.audiencesOf([...new Set(claims.map(({ who }) => who))]);
  const topics = operations
    .map((operation) => ({ operation, claims: claims.filter((claim) => claim.operation === operation) }))
    .filter((topic) => topic.claims.length > 0);
  const audiences = all.map((audience) => resolveFor(audience, topics, clashes));
  for (const clash of clashes.values()) reportClash(clash, issues);
  const shared = audiences.map(({ statements }) => statements.map(declarationOf));
  return {
    audiences,
    declarations: () =>
      byPersona.flatMap(({ persona, audience }) =>
        (shared[audience] ?? []).map((one) => ({ persona, ...one })),
      ),
  };
}

function declarationOf({
  operation,
  statement: { uses: _uses, ...rest },
}: Resolved["statements"][number]): Omit<Declaration, "persona"> {
  return { operation, ...rest };
}

/** All claims about one operation of a relation. */
interface Topic {
  readonly operation: Operation;
  readonly claims: readonly Claim[];
}

function resolveFor(
  { personas, ranks }: Audience,
  topics: readonly Topic[],
  clashes: Map<string, Clash>,
): Resolved {
  const statements = topics.flatMap(({ operation, claims }) => {
    const applicable = ranks
      .map((names) => claims.filter(({ who }) => names.includes(who)))
      .find((rank) => rank.length > 0);
    if (applicable === undefined) return [];
    if (applicable.length > 1) collectClashes(applicable, personas, clashes);
    const statement = applicable.find(({ declared }) => declared)?.statement;
    return statement === undefined ? [] : [{ operation, statement }];
  });
  return { personas, statements };
}

/** Two groups that state different things in the same two places are one issue, however many cells it is about. */
function collectClashes(
  rank: readonly Claim[],
  personas: readonly string[],
  clashes: Map<string, Clash>,
): void {
  const [first, ...others] = rank.filter(({ statement }) => statement !== undefined);
  for (const second of others) {
    if (first?.statement === undefined || second.statement === undefined) continue;
    if (meaning(first.statement) === meaning(second.statement)) continue;
    // Blind forms that only follow their operation clash where it clashes.
    if (!first.declared && !second.declared) continue;
    const key = JSON.stringify([first.statement.at, second.statement.at]);
    const clash = clashes.get(key) ?? {
      first,
      second,
      personas: new Set<string>(),
      operations: new Set<Operation>(),
    };
    for (const persona of personas) clash.personas.add(persona);
    clash.operations.add(second.operation);
    clashes.set(key, clash);
  }
}

function reportClash({ first, second, personas, operations: about }: Clash, issues: Issues): void {
  const [before, after] = [first.statement, second.statement];
  if (before === undefined || after === undefined) return;
  const message =
    `\`${first.who}\` (${formatPosition(before.at)}) and \`${second.who}\` contradict each other about ` +
    `${[...about].join(", ")} of ${listNames([...personas])}: ${shortly(before)} there, ${shortly(after)} here`;
  issues.report("contradiction", after.at, message, "an entry for the persona itself wins over its groups");
}

function shortly({ expectation, calls, check, observed }: Statement): string {
  const { accept = [], reject = [] } = calls ?? {};
  const checked = check === undefined ? [] : [`check ${check.name ?? check.predicate}`];
  const seen = observed === true ? ["observed"] : [];
  return [
    expectationShortly(expectation),
    ...accept,
    ...reject.map((name) => `not ${name}`),
    ...checked,
    ...seen,
  ]
    .filter((text) => text !== "")
    .join(", ");
}

function expectationShortly(expectation: Expectation): string {
  switch (expectation.kind) {
    case "allow":
      return "allow";
    case "deny":
      return expectation.reason === undefined ? "deny" : `deny by ${expectation.reason}`;
    case "rows":
    case "within":
      return expectation.name ?? expectation.predicate;
    case "candidates":
      return [...expectation.accept, ...expectation.reject.map((name) => `not ${name}`)].join(", ");
  }
}

/** Equal for what means the same, wherever and in whatever order it is written. A field that is new in a statement counts, too. */
function meaning({
  at: _at,
  uses: _uses,
  expectation,
  never,
  columns,
  check,
  calls,
  waiver,
  assignment,
  names,
  mayBecome,
  anyArgument,
  returning,
  partial,
  ...rest
}: Statement): string {
  const forbidden = Object.fromEntries(never.map(({ name, values }) => [name, values]));
  const shown = columns
    .flatMap(({ columns: of, shows, rows }) => of.map(({ name }) => [name, shows, rows?.predicate ?? null]))
    .toSorted(([a], [b]) => ((a ?? "") < (b ?? "") ? -1 : 1));
  const until = waiver === undefined ? null : [waiver.reason, waiver.expires, waiver.error ?? null];
  const chosen = calls && [calls.accept?.toSorted() ?? null, calls.reject.toSorted(), calls.reason ?? null];
  const bounds: Json = [
    assignment ? [sortedNames(assignment.fixed), sortedNames(assignment.free)] : null,
    names ? sortedNames(names) : null,
    mayBecome
      ? [mayBecome.rows?.predicate ?? null, mayBecome.accept.toSorted(), sortedNames(mayBecome.by)]
      : null,
    anyArgument ? ["predicate" in anyArgument ? anyArgument.predicate : "allow"] : null,
    returning ? [sortedNames(returning.columns ?? [])] : null,
    partial
      ? [partial.sends ?? null, partial.onConflict ?? null].map((one) => one && sortedNames(one))
      : null,
  ];
  const others = Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, value ?? null]));
  const written = check?.predicate ?? null;
  return canonical([
    expectationMeaning(expectation),
    forbidden,
    shown,
    written,
    chosen ?? null,
    until,
    bounds,
    others,
  ]);
}

function sortedNames(of: readonly NamedColumn[]): readonly string[] {
  return of.map(({ name }) => name).toSorted();
}

function expectationMeaning(expectation: Expectation): Json {
  switch (expectation.kind) {
    case "allow":
      return "allow";
    case "deny":
      return ["deny", expectation.reason ?? null];
    case "rows":
    case "within":
      return [expectation.kind, expectation.predicate];
    case "candidates":
      return [expectation.accept.toSorted(), expectation.reject.toSorted()];
  }
}

function canonical(value: Json): string {
  return JSON.stringify(value, (_key, item: Json) =>
    typeof item === "object" && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
}
