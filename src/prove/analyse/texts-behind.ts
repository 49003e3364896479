import { grouped } from "../../lib/grouped.ts";
import type { ProofFunction, ProofRelation, Schema } from "./schema.ts";

export interface Read {
  readonly text: string;
  /** The function whose body it is. */
  readonly of?: ProofFunction | undefined;
}

/** The policies' texts, and those of all that they name: rather too many than too few. @param more other texts that count as well */
export function textsBehind(
  schema: Schema,
  relation: ProofRelation,
  more: readonly string[] = [],
): readonly Read[] {
  const all = [...schema.relations, ...schema.functions];
  const byName = grouped(all, ({ name }) => name);
  const strange = all.filter(({ name }) => !/^[\p{Ll}_][\p{Ll}\d_$]*$/u.test(name));
  const seen = new Set<object>([relation]);
  const found: Read[] = [...textsOf(relation), ...more].map((text) => ({ text }));
  for (const { text } of found) {
    const words = new Set(text.match(/[\p{L}_][\p{L}\w$]*/gu)?.map((one) => one.toLowerCase()));
    const named = [
      ...[...words].flatMap((one) => byName.get(one) ?? []),
      ...strange.filter(({ name }) => text.includes(name)),
    ];
    for (const one of named) {
      if (seen.has(one)) continue;
      seen.add(one);
      if ("source" in one) found.push({ text: [one.source, one.sqlBody, one.defaults].join(" "), of: one });
      else found.push(...textsOf(one).map((each) => ({ text: each })));
    }
  }
  return found;
}

function textsOf({ policies, definition }: ProofRelation): readonly string[] {
  return [definition, ...policies.flatMap(({ using, check }) => [using, check])].filter(
    (one) => one !== null,
  );
}
