import { didYouMean, listNames } from "../lib/nearest.ts";
import type { SourcePosition } from "../model/errors.ts";
import type { Persona } from "../model/matrix.ts";
import type { Issues } from "../yaml/issues.ts";
import { entriesOf, type Entry, fieldsOf, textOf, textsOf, type Tree } from "../yaml/tree.ts";
import { Names } from "./names.ts";
import type { Reading } from "./scope.ts";
import { readJsonMap } from "./values.ts";

/** A persona, or a group of them. */
interface Identity {
  readonly at: SourcePosition;
  /** `undefined`: a persona. Else personas and groups, as written; unknown ones are left out. */
  readonly members: readonly string[] | undefined;
}

/** Personas for whom the same entries of an `expect` count: their own, those of their groups, and `*`. */
export interface Audience {
  readonly personas: string[];
  readonly ranks: readonly (readonly string[])[];
}

/** Every persona by its audience, in the order in which they are declared. */
export interface Audiences {
  readonly all: readonly Audience[];
  readonly byPersona: readonly { readonly persona: string; readonly audience: number }[];
}

/** Who can be named under `expect`. */
export class Identities {
  /** `undefined`: a persona that is declared, but broken; it is not unknown. */
  readonly personas: ReadonlyMap<string, Persona | undefined>;
  readonly #names: Names<Identity>;
  readonly #groups = new Map<string, ReadonlySet<string>>();
  readonly #audiences = new Map<string, Audiences>();
  readonly #issues: Issues;

  constructor(personas: ReadonlyMap<string, Persona | undefined>, names: Names<Identity>, issues: Issues) {
    this.personas = personas;
    this.#names = names;
    this.#issues = issues;
  }

  /** Whether an entry under `expect` names a persona or a group; reported when not. */
  use({ key, keyAt }: Entry): boolean {
    if (key === "*") {
      for (const name of this.personas.keys()) this.#names.use(name);
      return true;
    }
    if (this.#names.has(key)) {
      this.#use(key);
      return true;
    }
    // Without a list of personas every name would be unknown.
    if (this.personas.size === 0) return false;
    const near = this.#names.meant(key);
    if (near !== undefined) this.#use(near);
    const message = `\`${key}\` is neither a persona nor a group${didYouMean(near)}`;
    this.#issues.report("unknown-persona", keyAt, message, `known: ${listNames(this.#names.all, 12)}`);
    return false;
  }

  /** What a group holds is used with it. */
  #use(name: string): void {
    for (const one of within(name, this.#names)) this.#names.use(one);
  }

  /** Who hears these names. Hundreds of relations name the same few groups, so it is found out once. */
  audiencesOf(names: readonly string[]): Audiences {
    const key = JSON.stringify(names);
    const known = this.#audiences.get(key) ?? this.#divide(names);
    this.#audiences.set(key, known);
    return known;
  }

  #divide(names: readonly string[]): Audiences {
    const all = new Map<string, Audience>();
    const everyone = names.filter((name) => name === "*");
    const byPersona = [...this.personas.keys()].map((persona) => {
      const groups = names.filter((name) => this.#holds(name, persona));
      const ranks = [names.filter((name) => name === persona), groups, everyone];
      const key = JSON.stringify(ranks);
      const audience = all.get(key) ?? { personas: [], ranks };
      audience.personas.push(persona);
      all.set(key, audience);
      return { persona, audience: [...all.keys()].indexOf(key) };
    });
    return { all: [...all.values()], byPersona };
  }

  /** Whether a group holds a persona, directly or through other groups. */
  #holds(group: string, persona: string): boolean {
    if (this.#names.get(group)?.members === undefined) return false;
    const all = this.#groups.get(group) ?? within(group, this.#names);
    this.#groups.set(group, all);
    return all.has(persona);
  }

  /** A persona of which nothing is expected is denied everything, and probed; a group that nothing names says nothing. */
  reportUnusedGroups(): void {
    for (const [name, { at, members }] of this.#names.unused) {
      if (members === undefined) continue;
      const message = `no relation has an expectation for group \`${name}\``;
      this.#issues.report("unused-group", at, message, "use it under an `expect`, or delete it");
    }
  }
}

/** A name, and every name that it holds. */
function within(name: string, names: Names<Identity>): ReadonlySet<string> {
  const found = new Set<string>();
  const open = [name];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (found.has(next)) continue;
    found.add(next);
    open.push(...(names.get(next)?.members ?? []));
  }
  return found;
}

export function readIdentities(
  personasTree: Tree | undefined,
  groupsTree: Tree | undefined,
  reading: Reading,
): Identities {
  const { issues } = reading;
  const personas = new Map(
    entriesOf(personasTree).map((entry) => [
      entry.key,
      issues.clean(() => {
        const persona = readPersona(entry, issues);
        return reading.broken.has(entry.value) ? undefined : persona;
      }),
    ]),
  );
  const groups = entriesOf(groupsTree);
  const declared = new Map<string, Identity>();
  for (const { key, keyAt: at } of entriesOf(personasTree)) declared.set(key, { at, members: undefined });
  for (const { key, keyAt: at } of groups) if (!personas.has(key)) declared.set(key, { at, members: [] });
  const known = new Names(declared);
  const meant: string[] = [];
  for (const group of groups) {
    const { key, keyAt: at } = group;
    const members = readMembers(group, known, meant, issues);
    if (!personas.has(key)) declared.set(key, { at, members });
    else issues.report("bad-name", at, `\`${key}\` is a persona; a group cannot have the same name`);
  }
  const names = new Names(declared);
  reportCycles(names, issues);
  for (const name of meant) for (const one of within(name, names)) names.use(one);
  return new Identities(personas, names, issues);
}

/** @param meant collects what unknown members probably mean: that counts as used, whether or not the group is */
function readMembers(
  group: Entry,
  known: Names<Identity>,
  meant: string[],
  issues: Issues,
): readonly string[] {
  return textsOf(group.value).flatMap(({ text, at }) => {
    if (known.has(text)) return [text];
    const near = known.meant(text);
    if (near !== undefined) meant.push(near);
    const message = `group \`${group.key}\` holds \`${text}\`, which is neither a persona nor a group${didYouMean(near)}`;
    issues.report("unknown-persona", at, message);
    return [];
  });
}

/** One issue for each cycle, at the group of it that comes first. */
function reportCycles(names: Names<Identity>, issues: Issues): void {
  const done = new Set<string>();
  const visit = (name: string, path: readonly string[]): void => {
    const start = path.indexOf(name);
    const group = names.get(name);
    if (start !== -1 && group !== undefined) {
      const way = [...path.slice(start), name].map((step) => `\`${step}\``).join(" → ");
      issues.report("group-cycle", group.at, `a group contains itself: ${way}`);
    }
    if (start !== -1 || done.has(name)) return;
    for (const member of group?.members ?? []) visit(member, [...path, name]);
    done.add(name);
  };
  for (const name of names.all) visit(name, []);
}

function readPersona({ key: name, keyAt: at, value }: Entry, issues: Issues): Persona | undefined {
  const fields = fieldsOf(value);
  const valueAt = (key: string): Tree | undefined => fields.get(key)?.value;
  const login = textOf(valueAt("login"));
  const role = textOf(valueAt("role")) ?? login;
  const token = valueAt("token");
  if (value.kind === "map" && !fields.has("role") && !fields.has("login"))
    issues.report("missing-key", at, `persona \`${name}\` has neither \`role\` nor \`login\``);
  if (fields.has("login") && token !== undefined) {
    const message = `\`${name}\` has both its own login and a token`;
    issues.report("contradiction", token.at, message, "a token goes to a gateway, which logs in itself");
  }
  const tree = valueAt("claims");
  const claims = tree?.kind === "map" ? readJsonMap(tree, issues) : undefined;
  if (role === undefined) return undefined;
  checkRoleClaim(tree, name, role, issues);
  return {
    name,
    role,
    login,
    claims,
    settings: Object.fromEntries(
      entriesOf(valueAt("settings")).map((entry) => [entry.key, asText(entry.value)]),
    ),
    tokenFrom: textOf(token)?.slice(2, -1),
    at,
  };
}

/** PostgREST switches to the role that the token names: with two roles, the channels would be two identities. */
function checkRoleClaim(claims: Tree | undefined, persona: string, role: string, issues: Issues): void {
  const claimed = fieldsOf(claims).get("role")?.value;
  if (claimed === undefined || (claimed.kind === "scalar" && claimed.value === role)) return;
  const message = `the claim \`role\` of \`${persona}\` differs from its \`role\`, \`${role}\``;
  issues.report("contradiction", claimed.at, message, "leave the claim out: it follows from `role:`");
}

/** A number as it is written. */
function asText(tree: Tree): string {
  return textOf(tree) ?? (tree.kind === "scalar" ? tree.source : "");
}
