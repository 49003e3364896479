import type { SourcePosition } from "../model/errors.ts";
import { checkName, expectMap, readTexts } from "./fields.ts";
import type { Issues } from "../yaml/issues.ts";
import { didYouMean, nearest } from "../lib/nearest.ts";
import type { Personas } from "./personas.ts";
import type { Entry } from "../yaml/tree.ts";

export interface Group {
  readonly name: string;
  readonly at: SourcePosition;
  /** Personas and groups, as written; unknown ones are left out. */
  readonly direct: readonly string[];
  /** Personas, groups within resolved. */
  readonly personas: ReadonlySet<string>;
}

export type Groups = ReadonlyMap<string, Group>;

/** `meant` collects the names that an unknown one probably stands for: those are not called unused as well. */
export function readGroups(
  entry: Entry | undefined,
  personas: Personas,
  meant: Set<string>,
  issues: Issues,
): Groups {
  const map = entry && expectMap(entry.value, "`groups`", issues);
  const entries = map?.entries ?? [];
  const known = new Set([...personas.keys(), ...entries.map(({ key }) => key)]);
  const direct = new Map<string, readonly string[]>();
  for (const group of entries) {
    checkName(group, "a group", issues);
    const members = readMembers(group, known, meant, issues);
    if (!personas.has(group.key)) direct.set(group.key, members);
    else {
      const message = `\`${group.key}\` is a persona; a group may not share its name`;
      issues.report("matrix/bad-name", group.keyAt, message);
    }
  }
  const places = new Map(entries.map(({ key, keyAt }) => [key, keyAt]));
  reportCycles(direct, places, issues);
  return new Map(
    entries.map(({ key, keyAt }) => [
      key,
      { name: key, at: keyAt, direct: direct.get(key) ?? [], personas: spellOut(key, direct, personas) },
    ]),
  );
}

function readMembers(
  group: Entry,
  known: ReadonlySet<string>,
  meant: Set<string>,
  issues: Issues,
): readonly string[] {
  const members = readTexts(group.value, `group \`${group.key}\``, issues) ?? [];
  return members.flatMap(({ text, at }) => {
    if (known.has(text)) return [text];
    const near = nearest(text, known);
    if (near !== undefined) meant.add(near);
    const message = `group \`${group.key}\` names \`${text}\`, which is neither persona nor group${didYouMean(near)}`;
    issues.report("matrix/unknown-persona", at, message);
    return [];
  });
}

type Direct = ReadonlyMap<string, readonly string[]>;

/** One issue for each cycle, at the group of it that comes first. */
function reportCycles(direct: Direct, places: ReadonlyMap<string, SourcePosition>, issues: Issues): void {
  const settled = new Set<string>();
  const visit = (name: string, path: readonly string[]): void => {
    const start = path.indexOf(name);
    if (start !== -1) {
      const cycle = path.slice(start);
      const at = places.get(name);
      const way = [...cycle, name].map((step) => `\`${step}\``).join(" → ");
      if (at !== undefined) issues.report("matrix/group-cycle", at, `a group contains itself: ${way}`);
      return;
    }
    if (settled.has(name)) return;
    for (const member of direct.get(name) ?? []) visit(member, [...path, name]);
    settled.add(name);
  };
  for (const name of direct.keys()) visit(name, []);
}

function spellOut(group: string, direct: Direct, personas: Personas): ReadonlySet<string> {
  const found = new Set<string>();
  const seen = new Set<string>();
  const open = [group];
  for (let name = open.shift(); name !== undefined; name = open.shift()) {
    if (seen.has(name)) continue;
    seen.add(name);
    if (personas.has(name)) found.add(name);
    else open.push(...(direct.get(name) ?? []));
  }
  return found;
}
