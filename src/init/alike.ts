import { grouped } from "../lib/grouped.ts";

/** An entry of a relation, as lines of YAML. */
export interface EntryText {
  readonly name: string;
  /** Behind its name. */
  readonly comment: string;
  readonly body: readonly string[];
}

export interface Shortened {
  /** Under `templates:`. */
  readonly templates: readonly string[];
  /** Under `relations:`. */
  readonly relations: readonly string[];
}

/** Lines of an entry that a reader takes in at once. */
export const usualLines = 6;
/** Lines of an entry that it pays to share. */
const sharedLines = 3;
/** Arguments that `like:` may take before it says less than the entry. */
const mostArguments = 4;

/** Long entries that differ in names only are said once, as a template. */
export function shortened(entries: readonly EntryText[]): Shortened {
  const groups = grouped(entries.filter(isLong), ({ body }) => patternOf(wordsOf(body)));
  const named = new Map<EntryText, string>();
  const templates: string[] = [];
  for (const group of groups.values()) {
    const template = templateOf(group);
    if (template === undefined) continue;
    templates.push(...template.lines);
    for (const [index, one] of group.entries()) named.set(one, template.likes[index] ?? "");
  }
  const relations = entries.flatMap((one) => {
    const like = named.get(one);
    return like === undefined
      ? [`  ${one.name}:${one.comment}`, ...one.body]
      : [`  ${one.name}: { like: ${like.includes("(") ? JSON.stringify(like) : like} }${one.comment}`];
  });
  return { templates, relations };
}

/** What looks like a parameter already would be taken for one. */
function isLong({ body }: EntryText): boolean {
  return body.length + 1 > sharedLines && !body.some((line) => /<[a-z_]\w*>/i.test(line));
}

/** Words stand at the odd places. */
function wordsOf(body: readonly string[]): readonly string[] {
  return body.join("\n").split(/([A-Za-z_]\w*)/);
}

/** The same of texts that differ only in words, each in the place of the same other one. */
function patternOf(words: readonly string[]): string {
  const numbers = new Map<string, number>();
  // A line breaks where its words are long.
  return words
    .map((word, index) => {
      if (index % 2 === 0) return word.replaceAll(/\s+/g, " ");
      const number = numbers.get(word) ?? numbers.size;
      numbers.set(word, number);
      return String(number);
    })
    .join(" ");
}

/** `undefined`: too much differs. */
function templateOf(
  group: readonly EntryText[],
): { readonly lines: readonly string[]; readonly likes: readonly string[] } | undefined {
  const [first, ...others] = group;
  if (first === undefined || others.length === 0) return undefined;
  const words = wordsOf(first.body);
  const rest = others.map(({ body }) => wordsOf(body));
  const parameters = new Map<string, number>();
  for (const [index, word] of words.entries())
    if (index % 2 === 1 && rest.some((one) => one[index] !== word)) parameters.set(word, index);
  const given = [words, ...rest].map((one) => [...parameters.values()].map((index) => one[index] ?? ""));
  // Other names would be quoted.
  const plain = given.flat().every((word) => /^[a-z_][a-z0-9_]*$/.test(word));
  if (parameters.size > mostArguments || !plain) return undefined;
  const name = `as_${first.name.replaceAll(/\W+/g, "_")}`;
  const body = words.map((word, index) => (index % 2 === 1 && parameters.has(word) ? `<${word}>` : word));
  return {
    lines: [`  ${withList(name, [...parameters.keys()])}:`, ...body.join("").split("\n")],
    likes: given.map((one) => withList(name, one)),
  };
}

function withList(name: string, list: readonly string[]): string {
  return list.length === 0 ? name : `${name}(${list.join(", ")})`;
}
