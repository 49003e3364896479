/**
 * A json or jsonb value must leave as it was written: through `JSON.parse` and back, 9007199254740993 and 2.50 become
 * other numbers. So it travels through the PostgREST client as a marked string, and loses the mark on the wire.
 */
const mark = "\u0001json:";
const marked = /"\\u0001json:((?:[^"\\]|\\.)*)"/g;

/** Text that is no JSON goes as a plain string: the server's refusal of it is the answer. */
export function markJson(text: string): string {
  try {
    JSON.parse(text);
    return mark + text;
  } catch {
    return text;
  }
}

/** A request's body, with marked strings as the JSON that they hold. */
export function unmarkJson(body: string): string {
  return body.includes("\\u0001json:")
    ? body.replaceAll(marked, (_, text: string) => JSON.parse(`"${text}"`) as string)
    : body;
}
