import { didYouMean, listNames, nearest } from "../lib/nearest.ts";
import type { Candidate, Json, Matrix, Persona } from "../model/matrix.ts";
import { callIsOpen } from "../model/matrix.ts";
import { personaParameter } from "../model/parameters.ts";
import type { Issues } from "../yaml/issues.ts";
import type { Resolved } from "./precedence.ts";
import type { Declared, ParameterUse, Scope, Statement } from "./scope.ts";

type Vars = Matrix["vars"];

/** Checks that every parameter has a value for every persona that needs one. */
export class ParameterCheck {
  readonly #sound: readonly Persona[];
  /** A broken persona may be the one that has the value. */
  readonly #allSound: boolean;
  readonly #vars: Vars;
  readonly #issues: Issues;
  readonly #lacking = new Map<string, readonly Persona[]>();

  constructor(personas: ReadonlyMap<string, Persona | undefined>, vars: Vars, issues: Issues) {
    this.#sound = [...personas.values()].filter((persona) => persona !== undefined);
    this.#allSound = this.#sound.length === personas.size;
    this.#vars = vars;
    this.#issues = issues;
  }

  /**
   * A candidate that is under neither `accept` nor `reject` of a persona needs no value for it (a service role without `:sub`
   * may well `allow`); what no persona uses must have a value for one of them.
   */
  relation({ rowSets, candidates }: Scope, resolved: readonly Resolved[]): void {
    const uses = resolved.flatMap(({ personas, statements }) =>
      statements.flatMap(({ statement }) => statement.uses.map((use) => [use, personas] as const)),
    );
    this.#uses([...usesOf(rowSets.values), ...usesOf(candidates.values)], uses);
  }

  /**
   * A persona whose call is accepted must have a value for everything in the call; one whose call is refused may send
   * another's values, so for a refused call it is enough that one of the personas has them.
   */
  function(scope: Scope, resolved: readonly Resolved[]): void {
    const { rowSets, candidates: calls } = scope;
    const uses = resolved.flatMap(({ personas, statements }) =>
      statements.flatMap(({ statement }) =>
        [...statement.uses, ...usesOf(openCalls(calls.values, statement))]
          .filter((use) => !isArgument(use))
          .map((use) => [use, personas] as const),
      ),
    );
    this.#uses([...usesOf(rowSets.values).filter((use) => !isArgument(use)), ...usesOf(calls.values)], uses);
    const distinct = new Set(
      resolved.flatMap(({ statements }) => statements.map(({ statement }) => statement)),
    );
    for (const statement of distinct) checkCalls(scope, statement);
  }

  #uses(
    declared: readonly ParameterUse[],
    used: readonly (readonly [use: ParameterUse, by: readonly string[]])[],
  ): void {
    const users = new Map<ParameterUse, Set<string>>();
    // `:column` has a value where columns are listed; other uses of it are found below.
    for (const use of declared) if (use.name !== "column") users.set(use, new Set());
    for (const [use, by] of used) {
      const all = users.get(use) ?? new Set();
      for (const persona of by) all.add(persona);
      users.set(use, all);
    }
    for (const [use, names] of users) {
      const lacking = this.#lackingOf(use.name);
      if (lacking.length === 0) continue;
      const without = lacking.filter(({ name }) => names.has(name));
      if (without.length > 0)
        this.#report(use, without, `has no value for ${listNames(without.map((one) => one.name))}`);
      else if (names.size === 0 && this.#allSound && lacking.length === this.#sound.length)
        this.#report(use, this.#sound, "has no value for any persona");
    }
  }

  #lackingOf(parameter: string): readonly Persona[] {
    const known =
      this.#lacking.get(parameter) ??
      this.#sound.filter((persona) => personaParameter(persona, this.#vars, parameter) === undefined);
    this.#lacking.set(parameter, known);
    return known;
  }

  #report({ name, at }: ParameterUse, personas: readonly Persona[], problem: string): void {
    const known = personas.flatMap(({ claims, settings }) => [
      ...paths("claims", claims ?? {}),
      ...Object.keys(settings).map((key) => `settings.${key}`),
    ]);
    const vars = Object.keys(this.#vars).map((key) => `vars.${key}`);
    const meant = nearest(name, ["sub", "role", ...known, ...vars]);
    // A near parameter that has no value either does not help.
    const helps =
      meant !== undefined && personas.every((one) => personaParameter(one, this.#vars, meant) !== undefined);
    const hint =
      "a parameter is `:sub`, `:role`, `:claims.<path>`, `:settings.<name>` or `:vars.<name>`; one without a value is never NULL";
    const suggestion = didYouMean(helps ? `:${meant}` : undefined);
    this.#issues.report("unknown-parameter", at, `\`:${name}\` ${problem}${suggestion}`, hint);
  }
}

function paths(prefix: string, value: Json): readonly string[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [prefix];
  const below = Object.entries(value).flatMap(([key, item]) => paths(`${prefix}.${key}`, item));
  return prefix === "claims" ? below : [prefix, ...below];
}

function usesOf(declared: readonly { readonly uses: readonly ParameterUse[] }[]): readonly ParameterUse[] {
  return declared.flatMap(({ uses }) => uses);
}

/** `:args.org` is the call's argument `org`; every other parameter is the persona's. */
const prefix = "args.";
const isArgument = ({ name }: ParameterUse): boolean => name.startsWith(prefix);

type Calls = readonly Declared<Candidate>[];

function openCalls(calls: Calls, { expectation, calls: choice }: Statement): Calls {
  if (expectation.kind === "deny") return [];
  return calls.filter(({ value }) => value !== undefined && callIsOpen(choice, value.name));
}

/** That a call is left to be accepted, and that the calls give the arguments that the rows are described by. */
function checkCalls({ name, candidates, issues }: Scope, statement: Statement): void {
  const calls = candidates.values;
  const open = openCalls(calls, statement);
  const withheld = statement.calls?.reason === "filter";
  const allBut = statement.expectation.kind === "rows" && withheld;
  const complete = calls.every(({ value }) => value !== undefined);
  if (statement.expectation.kind !== "deny" && !allBut && open.length === 0 && complete)
    issues.report("contradiction", statement.at, "every call is rejected here", "write `deny`");
  // For a call that must return no row, the question is which rows it would have returned.
  const asked = withheld ? calls : open;
  for (const use of statement.uses.filter(isArgument)) checkArgument(use, asked, name, issues);
}

function checkArgument({ name, at }: ParameterUse, calls: Calls, of: string, issues: Issues): void {
  const argument = name.slice(prefix.length);
  const given = calls.flatMap(({ value }) => value ?? []);
  // Whether an argument that is left out has a default, the database knows: preflight asks it.
  const lacking = given.filter(({ values }) => values[argument] === null);
  if (lacking.length === 0) return;
  const meant = nearest(argument, new Set(given.flatMap(({ values }) => Object.keys(values))));
  const suggestion = didYouMean(meant && `:${prefix}${meant}`);
  const message = `\`:${name}\` has no value in ${listNames(lacking.map((call) => call.name))} of \`${of}\`${suggestion}`;
  const hint =
    "`:args.<name>` is what the call gives for that argument: leave the argument out where its default is meant";
  issues.report("unknown-parameter", at, message, hint);
}
