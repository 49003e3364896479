/** Words of PostgREST's query string: a column of that name must stand in quotes. */
const reserved: ReadonlySet<string> = new Set([
  "select",
  "columns",
  "on_conflict",
  "order",
  "limit",
  "offset",
  "and",
  "or",
  "not",
]);

/** A column as PostgREST's query string names it: plain, or in double quotes (`"first name"`, `"a.b"`). */
export function restName(column: string): string {
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(column) && !reserved.has(column)) return column;
  return column.includes('"') ? markSpace(quoted(column)) : quoted(column);
}

/** In Unicode's private plane 15, each kind of space as far from its beginning as it is from that of all characters. */
const marks = 0xf0000;

/**
 * The PostgREST client takes spaces out of lists of columns, unless they stand in quotes; but of a quote within a name it does not
 * know. So they travel through it in disguise, and `unmarkSpace` takes that off on the wire.
 */
function markSpace(name: string): string {
  return name.replaceAll(/\s/g, (space) => String.fromCodePoint(marks + (space.codePointAt(0) ?? 0)));
}

/** A request's path, percent-encoded, with the spaces that it should have. */
export function unmarkSpace(path: string): string {
  return path.replaceAll(/%F3%[AB][0-9A-F](?:%[89AB][0-9A-F]){2}/g, (encoded) => {
    const space = String.fromCodePoint((decodeURIComponent(encoded).codePointAt(0) ?? marks) - marks);
    return /^\s$/.test(space) ? encodeURIComponent(space) : encoded;
  });
}

export function restNames(columns: readonly string[]): string {
  return columns.map(restName).join(",");
}

/** A value within a list or a logic tree: always quoted, so that commas, parentheses and quotes are the value's own. */
export function quoted(value: string): string {
  return `"${value.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
}
