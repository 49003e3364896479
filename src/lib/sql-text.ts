/**
 * Quoting for SQL text, as Postgres's own `quote_ident` and `quote_literal` do it.
 * Source: https://www.postgresql.org/docs/current/sql-syntax-lexical.html
 */

/** `a"b` → `"a""b"`. Always quoted: a name that needs no quotes today may be a keyword tomorrow. */
export function quoteIdent(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** `a'b` → `'a''b'`; a backslash asks for the E form, so that it holds under any `standard_conforming_strings`. */
export function quoteLiteral(value: string): string {
  const doubled = value.replaceAll("'", "''");
  return doubled.includes("\\") ? ` E'${doubled.replaceAll("\\", "\\\\")}'` : `'${doubled}'`;
}

/** The same text as it is, between two tags that it does not hold: where it is long and full of quotes, doubling them takes longer. */
export function dollarQuoted(value: string): string {
  let tag = "$rowgate0$";
  // The end of the text and the tag behind it may make up the tag, too.
  for (let at = 1; `${value}${tag}`.indexOf(tag) !== value.length; at += 1) tag = `$rowgate${at}$`;
  return `${tag}${value}${tag}`;
}

/** A condition: the column holds a value. Of a composite, IS NOT NULL would say that all of its fields do. */
export function holdsValue(column: string): string {
  return `${quoteIdent(column)} is distinct from null`;
}

/** A relation's or function's full name: schema and name, unquoted. */
export interface QualifiedName {
  readonly schema: string;
  readonly name: string;
}

/** For SQL: `"public"."courses"`. */
export function quoteQualified(of: QualifiedName): string {
  return `${quoteIdent(of.schema)}.${quoteIdent(of.name)}`;
}

/** A function's name for people and for ids: with its types where the matrix tells overloads apart. */
export function functionName({ name, signature }: FunctionName): string {
  return signature === undefined ? name : `${name}(${signature.join(",")})`;
}

export interface FunctionName extends QualifiedName {
  readonly signature: readonly string[] | undefined;
}

/** `public.member_profiles`, `public.find(uuid,text)`. */
export function formatFunction(of: FunctionName): string {
  return `${of.schema}.${functionName(of)}`;
}

/** For people and for archive ids: `public.courses`. */
export function formatQualified(of: QualifiedName): string {
  return `${of.schema}.${of.name}`;
}
