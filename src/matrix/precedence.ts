import type { SourcePosition } from "../model/errors.ts";
import { formatPosition } from "../model/errors.ts";
import type { Expectation, Json, Operation } from "../model/matrix.ts";
import { operations } from "../model/matrix.ts";
import type { Groups } from "./groups.ts";
import type { Issues } from "../yaml/issues.ts";
import { listNames } from "../lib/nearest.ts";
import type { Claim, ExpectEntry, Said } from "./scope.ts";

/** What holds for one persona × operation once groups and `*` are spelled out. */
export interface Resolved {
  readonly persona: string;
  readonly operation: Operation;
  readonly said: Said;
}

interface Voice {
  readonly who: string;
  readonly claim: Claim;
}

interface Clash {
  readonly first: Voice;
  readonly second: Voice;
  readonly at: SourcePosition;
  readonly before: SourcePosition;
  readonly personas: Set<string>;
  readonly operations: Set<Operation>;
}

/** A persona's own entry wins over its groups', which win over `*`, operation by operation. Groups must agree. */
export function resolveExpectations(
  entries: readonly ExpectEntry[],
  personas: Iterable<string>,
  groups: Groups,
  issues: Issues,
): readonly Resolved[] {
  const clashes = new Map<string, Clash>();
  const resolved: Resolved[] = [];
  // Personas of the same groups hear the same: hundreds of them are settled by the first.
  const settled = new Map<string, readonly Omit<Resolved, "persona">[]>();
  for (const persona of personas) {
    const ranks = [
      entries.filter(({ who }) => who === persona),
      entries.filter(({ who }) => groups.get(who)?.personas.has(persona) === true),
      entries.filter(({ who }) => who === "*"),
    ];
    const heard = JSON.stringify(ranks.map((rank) => rank.map((entry) => entries.indexOf(entry))));
    const own = settled.get(heard) ?? settle(ranks, persona, clashes);
    // A clash names every persona that it concerns: once there is one, each is asked.
    if (clashes.size === 0) settled.set(heard, own);
    resolved.push(...own.map((one) => ({ persona, ...one })));
  }
  for (const clash of clashes.values()) reportClash(clash, issues);
  return resolved;
}

function settle(
  ranks: readonly (readonly ExpectEntry[])[],
  persona: string,
  clashes: Map<string, Clash>,
): readonly Omit<Resolved, "persona">[] {
  return operations.flatMap((operation) => {
    const voices = ranks.map((rank) => voicesOf(rank, operation)).find((rank) => rank.length > 0) ?? [];
    collectClashes(voices, persona, operation, clashes);
    const said = voices.find(({ claim }) => claim.declared)?.claim.said;
    return said === undefined ? [] : [{ operation, said }];
  });
}

function voicesOf(rank: readonly ExpectEntry[], operation: Operation): readonly Voice[] {
  return rank.flatMap(({ who, claims }) => {
    const claim = claims.get(operation);
    return claim === undefined ? [] : [{ who, claim }];
  });
}

/** Two groups that say different things in the same two places are one issue, however many cells it concerns. */
function collectClashes(
  voices: readonly Voice[],
  persona: string,
  operation: Operation,
  clashes: Map<string, Clash>,
): void {
  const [first, ...others] = voices.filter(({ claim }) => claim.said !== undefined);
  const before = first?.claim.said;
  if (first === undefined || before === undefined) return;
  for (const second of others) {
    const after = second.claim.said;
    if (after === undefined || meaning(before) === meaning(after)) continue;
    // Blind forms that only follow their operation clash where it clashes.
    if (!first.claim.declared && !second.claim.declared) continue;
    const key = JSON.stringify([before.at, after.at]);
    const clash = clashes.get(key) ?? {
      first,
      second,
      at: after.at,
      before: before.at,
      personas: new Set<string>(),
      operations: new Set<Operation>(),
    };
    clash.personas.add(persona);
    clash.operations.add(operation);
    clashes.set(key, clash);
  }
}

function reportClash(
  { first, second, at, before, personas, operations: about }: Clash,
  issues: Issues,
): void {
  const [one, other] = [first, second].map(({ claim }) => claim.said && saidShortly(claim.said));
  const message =
    `\`${first.who}\` (${formatPosition(before)}) and \`${second.who}\` contradict each other about ` +
    `${[...about].join(", ")} of ${listNames([...personas])}: ${one} there, ${other} here`;
  issues.report("matrix/contradiction", at, message, "an entry of the persona's own wins over its groups");
}

function saidShortly({ expectation, calls }: Said): string {
  const { accept = [], reject = [] } = calls ?? {};
  return [shortly(expectation), ...accept, ...reject.map((name) => `not ${name}`)].join(", ");
}

function shortly(expectation: Expectation): string {
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

/** Equal for what means the same, wherever and in whatever order it is written. */
function meaning({ expectation, set, never, columns, calls, waiver }: Said): string {
  const moves = Object.fromEntries(never.map(({ name, values }) => [name, values]));
  const said: Json =
    expectation.kind === "rows" || expectation.kind === "within"
      ? { predicate: expectation.predicate }
      : expectation.kind === "candidates"
        ? { accept: expectation.accept.toSorted(), reject: expectation.reject.toSorted() }
        : { reason: (expectation.kind === "deny" ? expectation.reason : undefined) ?? null };
  const shown = columns
    .flatMap(({ columns: of, shows, rows }) => of.map(({ name }) => [name, shows, rows?.predicate ?? null]))
    .toSorted(([a], [b]) => ((a ?? "") < (b ?? "") ? -1 : 1));
  const until = waiver === undefined ? null : [waiver.reason, waiver.expires];
  const chosen =
    calls === undefined
      ? null
      : [calls.accept?.toSorted() ?? null, calls.reject.toSorted(), calls.reason ?? null];
  return canonical([expectation.kind, said, set ?? null, moves, shown, chosen, until]);
}

function canonical(value: Json): string {
  return JSON.stringify(value, (_key, item: Json) =>
    typeof item === "object" && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
}
