import type { EscalationFunction } from "../escalate/catalog.ts";
import { type SqlToken, tokenizeSql } from "../lib/sql-tokens.ts";
import { parseStatements } from "../lib/sql-tree.ts";

/**
 * A function's body in a form in which two bodies are equal only if they do the same: without comments, spacing and messages, its variables
 * numbered and in one order. A body in SQL is the tree that Postgres's parser makes of it. Of PL/pgSQL the tokens are compared, since the
 * parser's document leaves out some of what decides (ALIAS FOR, `#variable_conflict`): what is not known to be the same stays as it is written.
 */
export function normalBody(fn: EscalationFunction, how: NormalForm): string {
  const { language, source, sqlBody } = fn;
  if (sqlBody !== null) return `atomic ${plainBody(fn)}`;
  if (language === "sql") return treeOf(source) ?? plainBody(fn);
  return language === "plpgsql" ? normalPlpgsql(fn, how) : source;
}

export interface NormalForm {
  /** Names that something in the database has: a word of that name may mean it, whether a variable has the name as well. */
  readonly known: ReadonlySet<string>;
  /** A user calls it, so that its arguments are no news to the user. */
  readonly isCalledByUser: boolean;
}

/** Without comments, and with one space for any; of other languages, as it is written. */
export function plainBody({ language, source, sqlBody }: EscalationFunction): string {
  if (sqlBody === null && language !== "sql" && language !== "plpgsql") return source;
  return codeOf(sqlBody ?? source)
    .map(({ text }) => text)
    .join(" ");
}

function codeOf(sql: string): readonly SqlToken[] {
  return tokenizeSql(sql).filter(({ kind }) => kind !== "space" && kind !== "comment");
}

function treeOf(source: string): string | undefined {
  try {
    return textOfTree(parseStatements(source));
  } catch {
    return undefined;
  }
}

/** Equal where the parser has read the same, wherever it stood. */
export function textOfTree(tree: unknown): string {
  return JSON.stringify(tree, (key, value: unknown) =>
    /(?:^|_)location$|^(?:rexpr_)?list_(?:start|end)$/.test(key) ? undefined : value,
  );
}

/** Variables that a body in PL/pgSQL declares, and that may be called otherwise: where nothing in the database has the name. */
export function variablesOf({ language, source, argumentNames }: EscalationFunction): readonly string[] {
  if (language !== "plpgsql") return [];
  const tokens = wordsOf(source);
  const declared = new Set([
    ...sectionsOf(tokens).flatMap(({ entries }) => entries.flatMap((one) => nameOf(one) ?? [])),
    ...tokens
      .filter((_, at) => textAt(tokens, at - 1) === "for" && textAt(tokens, at + 1) === "in")
      .map(({ text }) => text),
  ]);
  // Names in such commands are no variables, and of settings and channels the database has no list.
  if (tokens.some(({ text }, at) => isStatementStart(tokens, at) && takesNames.test(text))) return [];
  const strings = tokens.flatMap(({ kind, text }) => (kind === "string" ? lower(text) : []));
  const isMeantOtherwise = (name: string): boolean =>
    !/^[a-z_]\w*$/.test(name) ||
    ofTheLanguage.has(name) ||
    argumentNames.includes(name) ||
    strings.some((text) => text.includes(name)) ||
    tokens.some(({ text }, at) => text === name && isNoVariable(tokens, at));
  return [...declared].filter((name) => !isMeantOtherwise(name));
}

const takesNames =
  /^(?:set|reset|notify|listen|unlisten|grant|revoke|alter|create|drop|truncate|comment|lock|copy|do|call|discard|import|reassign)$/;

/** What PL/pgSQL means by itself, beside the keywords of SQL. */
const ofTheLanguage: ReadonlySet<string> = new Set(
  `new old found sqlstate sqlerrm tg_name tg_when tg_level tg_op tg_relid tg_relname tg_table_name tg_table_schema tg_nargs tg_argv
  tg_event tg_tag alias assert chain collate column_name constant constraint_name datatype debug detail diagnostics dump elseif elsif
  errcode error exit foreach get hint info log loop message message_text notice open perform pg_context pg_datatype_name
  pg_exception_context pg_exception_detail pg_exception_hint pg_routine_oid print_strict_params query raise return returned_sqlstate
  reverse row_count rowtype schema_name slice stacked table_name use_column use_variable variable_conflict warning while`.split(
    /\s+/,
  ),
);

/** A column's new name, an argument's, a part of a date, or the name of an error. */
function isNoVariable(tokens: readonly Word[], at: number): boolean {
  const [before, after] = [textAt(tokens, at - 1) ?? "", textAt(tokens, at + 1) ?? ""];
  return (
    before === "as" ||
    after === "=>" ||
    before === "raise" ||
    (before === "(" && textAt(tokens, at - 2) === "extract") ||
    (/^(?:when|or)$/.test(before) && /^(?:or|then)$/.test(after))
  );
}

function normalPlpgsql(fn: EscalationFunction, { known, isCalledByUser }: NormalForm): string {
  const variables = new Set(variablesOf(fn).filter((name) => !known.has(name)));
  const all = wordsOf(fn.source);
  const tokens = withoutMessages(all, isCalledByUser ? unassigned(fn.argumentNames, all) : new Set());
  const sections = sectionsOf(tokens);
  const places = new Map<string, string>();
  const place = ({ kind, text }: Word): string => {
    if (kind !== "word" || !variables.has(text)) return text;
    const numbered = places.get(text) ?? `$variable${places.size}`;
    places.set(text, numbered);
    return numbered;
  };
  // The order of use numbers the variables, so that the order of their declarations does not matter.
  const isDeclared = (at: number): boolean => sections.some(({ from, to }) => at >= from && at < to);
  const body = tokens.flatMap((one, at) => (isDeclared(at) ? [] : place(one)));
  const declarations = sections.map(({ entries, isOrdered }) => {
    const texts = entries.map((entry) => entry.map(place).join(" "));
    return (isOrdered ? texts : texts.toSorted()).join("; ");
  });
  return [...declarations, body.join(" ")].join("\n");
}

export interface Word {
  readonly kind: SqlToken["kind"] | "operator";
  readonly text: string;
}

/** Tokens as Postgres reads them: names in lower case, operators whole, and what is written without a gap together. */
export function wordsOf(sql: string): readonly Word[] {
  const found: Word[] = [];
  let end = -1;
  for (const { kind, text, index } of codeOf(sql)) {
    const last = found.at(-1);
    const isNext = end === index;
    end = index + text.length;
    if (kind === "punctuation" && operatorCharacter.test(text)) {
      if (isNext && last?.kind === "operator")
        found[found.length - 1] = { kind: "operator", text: last.text + text };
      else found.push({ kind: "operator", text });
    } else if (isNext && last !== undefined && isWritten(last.kind) && isWritten(kind))
      found[found.length - 1] = { kind: "string", text: last.text + text };
    else found.push({ kind, text: kind === "word" ? lower(text) : text });
  }
  return found.flatMap((one) => (one.kind === "operator" ? operatorsOf(one.text) : one));
}

const operatorCharacter = /^[+\-*/<>=~!@#%^&|`?]$/;

function isWritten(kind: Word["kind"]): boolean {
  return kind === "word" || kind === "number" || kind === "string" || kind === "quoted";
}

/** `=-` is `=` and `-`; `@-` is one operator, as `!=` is, which means `<>`. */
function operatorsOf(text: string): readonly Word[] {
  const signs = /[~!@#%^&|`?]/.test(text) ? "" : (/(?<=.)[+-]+$/.exec(text)?.[0] ?? "");
  const operator = text.slice(0, text.length - signs.length);
  return [operator === "!=" ? "<>" : operator, ...signs].map((one) => ({ kind: "operator", text: one }));
}

/** As Postgres folds names: other letters than ASCII's stay. */
function lower(text: string): string {
  return text.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

export function textAt(tokens: readonly Word[], at: number): string | undefined {
  const one = tokens[at];
  return one?.kind === "string" ? undefined : one?.text;
}

export function isStatementStart(tokens: readonly Word[], at: number): boolean {
  return at === 0 || startsAfter.has(textAt(tokens, at - 1) ?? "");
}

const startsAfter: ReadonlySet<string> = new Set([";", "begin", "then", "else", "loop", ">>"]);

interface Section {
  /** Without DECLARE, and up to BEGIN. */
  readonly from: number;
  readonly to: number;
  readonly entries: readonly (readonly Word[])[];
  /** One initial value may depend on another declaration, or on what another initial value does. */
  readonly isOrdered: boolean;
}

export function sectionsOf(tokens: readonly Word[]): readonly Section[] {
  const found: Section[] = [];
  for (let at = 0; at < tokens.length; at += 1) {
    if (textAt(tokens, at) !== "declare" || !isStatementStart(tokens, at)) continue;
    const from = at + 1;
    const to = tokens.findIndex((_, place) => place >= from && textAt(tokens, place) === "begin");
    if (to === -1) break;
    const entries = entriesOf(tokens.slice(from, to));
    found.push({ from, to, entries, isOrdered: dependsOnOrder(entries) });
    at = to;
  }
  return found;
}

function entriesOf(tokens: readonly Word[]): readonly (readonly Word[])[] {
  const entries: Word[][] = [[]];
  for (const one of tokens)
    if (one.kind === "punctuation" && one.text === ";") entries.push([]);
    else entries.at(-1)?.push(one);
  return entries.filter((one) => one.length > 0);
}

/** DECLARE may stand before each. */
function nameOf(entry: readonly Word[]): string | undefined {
  const [first, second] = entry;
  const name = first?.text === "declare" ? second : first;
  return name?.kind === "word" ? name.text : undefined;
}

function dependsOnOrder(entries: readonly (readonly Word[])[]): boolean {
  const names = entries.map(nameOf);
  const twice = new Set(names).size < names.length;
  const mentions = entries.some((entry, index) =>
    entry.some(({ text }) => names.some((name, other) => other !== index && name === text)),
  );
  const calling = entries.filter((entry) => {
    const value = entry.findIndex(({ text }) => /^(?::=|=|default|for|is)$/.test(text));
    return value !== -1 && entry.slice(value).some(({ text }) => text === "(");
  });
  return twice || mentions || calling.length > 1;
}

/** Without `raise notice 'text'` and its like, where what is sent is nothing that the caller does not know. */
function withoutMessages(tokens: readonly Word[], knownToCaller: ReadonlySet<string>): readonly Word[] {
  const found: Word[] = [];
  for (let at = 0; at < tokens.length; at += 1) {
    const end = tokens.findIndex((_, place) => place > at && textAt(tokens, place) === ";");
    const isMessage =
      textAt(tokens, at) === "raise" &&
      messageLevels.has(textAt(tokens, at + 1) ?? "") &&
      isStatementStart(tokens, at) &&
      end !== -1 &&
      saysNothing(tokens.slice(at + 2, end), knownToCaller);
    if (isMessage) at = end;
    else found.push(tokens[at] as Word);
  }
  return found;
}

const messageLevels: ReadonlySet<string> = new Set(["debug", "log", "info", "notice", "warning"]);
const isNoNews =
  /^(?:now \( \)|clock_timestamp \( \)|auth \. uid \( \)|current_user|session_user|tg_(?:op|name|table_name|table_schema)|[\d.]+)$/;

export function saysNothing([format, ...rest]: readonly Word[], knownToCaller: ReadonlySet<string>): boolean {
  if (format?.kind !== "string") return false;
  const values: Word[][] = [];
  for (const one of rest)
    if (one.text === ",") values.push([]);
    else if (values.length === 0) return false;
    else values.at(-1)?.push(one);
  return values.every((value) => {
    const [first, ...more] = value;
    if (first?.kind === "string") return more.length === 0;
    const text = value.map((one) => one.text).join(" ");
    return knownToCaller.has(text) || isNoNews.test(text);
  });
}

/** Arguments that hold what the caller gave. */
export function unassigned(names: readonly string[], tokens: readonly Word[]): ReadonlySet<string> {
  const written = new Set<string>();
  for (let at = 0; at < tokens.length; at += 1) {
    const text = textAt(tokens, at) ?? "";
    if (isStatementStart(tokens, at) || /^(?:for|foreach)$/.test(textAt(tokens, at - 1) ?? ""))
      written.add(text);
    // Names in a row, up to the end of the statement at most.
    if (text === "into" || text === "diagnostics")
      for (let next = at + 1; next < tokens.length && textAt(tokens, next) !== ";"; next += 1)
        written.add(textAt(tokens, next) ?? "");
  }
  return new Set(names.filter((name) => /^[a-z_]\w*$/.test(name) && !written.has(name)));
}
