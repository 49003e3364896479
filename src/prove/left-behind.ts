import { grouped } from "../lib/grouped.ts";
import type { ProofFunction, ProofRelation, Schema } from "./analyse/schema.ts";

/**
 * A setting that was never set reads as NULL. A function that sets it for its own time leaves '' behind in the session, for good: where
 * policies read it, both states are asked.
 */
export interface LeftBehind {
  /** Settings that the policies read and some function sets. */
  readonly names: readonly string[];
  /** Such a function that the policies themselves call: the state changes while they are evaluated. */
  readonly calls: ProofFunction | undefined;
}

export function leftBehind(schema: Schema, relation: ProofRelation): LeftBehind {
  const setters = new Map([...schema.functions].map((one) => [one, settingsOf(one)] as const));
  const texts = textsBehind(schema, relation);
  const all = new Set([...setters.values()].flat());
  const names = [...all].filter((name) =>
    texts.some(({ text, of }) => text.toLowerCase().includes(`'${name}'`) && !isSetBy(of, name, setters)),
  );
  const calls = texts.find(({ of }) => names.some((name) => isSetBy(of, name, setters)))?.of;
  return { names, calls };
}

function isSetBy(
  of: ProofFunction | undefined,
  name: string,
  setters: ReadonlyMap<ProofFunction, readonly string[]>,
): boolean {
  return of !== undefined && setters.get(of)?.includes(name) === true;
}

/** PostgREST itself sets its own at each request. */
function settingsOf({ settings, source, sqlBody }: ProofFunction): readonly string[] {
  const calls = `${source} ${sqlBody ?? ""}`.matchAll(/\bset_config\s*\(\s*'([^']+)'/gi);
  const names = [
    ...settings.map((one) => one.slice(0, one.indexOf("="))),
    ...[...calls].flatMap((one) => one[1] ?? []),
  ];
  return names
    .map((one) => one.toLowerCase())
    .filter((one) => one.includes(".") && !one.startsWith("request."));
}

interface Read {
  readonly text: string;
  /** The function whose body it is. */
  readonly of?: ProofFunction | undefined;
}

/** The policies' texts, and those of all that they name. */
function textsBehind(schema: Schema, relation: ProofRelation): readonly Read[] {
  const byName = grouped(schema.relations, ({ name }) => name);
  const seen = new Set<object>([relation]);
  const found: Read[] = textsOf(relation).map((text) => ({ text }));
  for (const { text } of found) {
    for (const word of new Set(text.match(/[\p{L}_][\p{L}\w$]*/gu))) {
      for (const one of [...schema.namesakes(word), ...(byName.get(word) ?? [])]) {
        if (seen.has(one)) continue;
        seen.add(one);
        if ("source" in one) found.push({ text: `${one.source} ${one.sqlBody ?? ""}`, of: one });
        else found.push(...textsOf(one).map((each) => ({ text: each })));
      }
    }
  }
  return found;
}

function textsOf({ policies, definition }: ProofRelation): readonly string[] {
  return [definition, ...policies.flatMap(({ using, check }) => [using, check])].filter(
    (one) => one !== null,
  );
}
