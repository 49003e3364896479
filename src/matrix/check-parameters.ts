import type { Json, Persona } from "../model/matrix.ts";
import { personaParameter } from "../model/parameters.ts";
import type { Issues } from "../yaml/issues.ts";
import { didYouMean, listNames, nearest } from "../lib/nearest.ts";
import type { Personas } from "./personas.ts";
import type { Resolved } from "./precedence.ts";
import type { RelationScope } from "./scope.ts";
import type { ParameterUse } from "./values.ts";

type Vars = Readonly<Record<string, Json>>;

/**
 * Every parameter must have a value for every persona that it is said of. A candidate that stands under neither `accept`
 * nor `reject` of a persona is not said of it (a service role without `:sub` may well `allow`); what is said of nobody must
 * have a value for somebody.
 */
export function checkParameters(
  scope: RelationScope,
  resolved: readonly Resolved[],
  personas: Personas,
  vars: Vars,
  issues: Issues,
): void {
  const users = new Map<ParameterUse, Set<string>>();
  for (const draft of [...scope.rowSets.values(), ...scope.candidates.values()]) {
    // `:column` is bound where columns are listed; whoever else uses it is told below.
    for (const use of draft?.uses ?? []) if (use.name !== "column") users.set(use, new Set());
  }
  for (const { persona, said } of resolved) {
    for (const use of said.uses) users.set(use, (users.get(use) ?? new Set()).add(persona));
  }
  const sound = [...personas.values()].filter((persona) => persona !== undefined);
  // A broken persona may be the one that has the value.
  const allSound = sound.length === personas.size;
  for (const [use, names] of users) {
    const lacking = sound.filter((persona) => personaParameter(persona, vars, use.name) === undefined);
    const unlucky = lacking.filter(({ name }) => names.has(name));
    if (unlucky.length > 0)
      report(use, unlucky, `has no value for ${listNames(unlucky.map((one) => one.name))}`, vars, issues);
    else if (names.size === 0 && allSound && lacking.length === sound.length) {
      report(use, sound, "has no value for any persona", vars, issues);
    }
  }
}

function report(
  use: ParameterUse,
  personas: readonly Persona[],
  problem: string,
  vars: Vars,
  issues: Issues,
): void {
  const known = personas.flatMap(({ claims, settings }) => [
    ...paths("claims", claims ?? {}),
    ...Object.keys(settings).map((name) => `settings.${name}`),
  ]);
  const meant = nearest(use.name, [
    "sub",
    "role",
    ...known,
    ...Object.keys(vars).map((name) => `vars.${name}`),
  ]);
  // What is near but has no value either is no help.
  const helps =
    meant !== undefined && personas.every((one) => personaParameter(one, vars, meant) !== undefined);
  const hint =
    "a parameter is `:sub`, `:role`, `:claims.<path>`, `:settings.<name>` or `:vars.<name>`; one without a value is never NULL";
  const suggestion = didYouMean(helps ? `:${meant}` : undefined);
  issues.report("matrix/unknown-parameter", use.at, `\`:${use.name}\` ${problem}${suggestion}`, hint);
}

function paths(prefix: string, value: Json): readonly string[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [prefix];
  const below = Object.entries(value).flatMap(([key, item]) => paths(`${prefix}.${key}`, item));
  return prefix === "claims" ? below : [prefix, ...below];
}
