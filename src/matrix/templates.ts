import { quoteIdent } from "../lib/sql-text.ts";
import { didYouMean, listNames, nearest } from "../lib/nearest.ts";
import type { SourcePosition } from "../model/errors.ts";
import type { Issues } from "../yaml/issues.ts";
import { entriesOf, type Entry, fieldsOf, type MapTree, textOf, type Tree } from "../yaml/tree.ts";
import { Names } from "./names.ts";

interface Template {
  readonly name: string;
  readonly parameters: readonly string[];
  readonly body: Tree;
  readonly at: SourcePosition;
}

const form = /^([A-Za-z_][A-Za-z0-9_-]*)\s*(?:\((.*)\))?$/s;
const argumentForm =
  /^(?:'(?:[^']|'')*'|-?\d+(?:\.\d+)?|(?:[A-Za-z_]\w*|"(?:[^"]|"")+")(?:\.(?:[A-Za-z_]\w*|"(?:[^"]|"")+"))?)$/;

/**
 * Relations with what their template says: `like: owned_by(user_id)`. The template's nodes keep the places where they are
 * written. What the relation's own entry says wins: row set by row set, candidate by candidate, persona by persona and operation
 * by operation.
 */
export function applyTemplates(root: MapTree, issues: Issues): MapTree {
  const templates = readTemplates(fieldsOf(root).get("templates"), issues);
  const entries = root.entries.map((entry) =>
    entry.key === "relations" && entry.value.kind === "map"
      ? { ...entry, value: { ...entry.value, entries: entry.value.entries.map(inherit) } }
      : entry,
  );
  for (const [name, { at }] of templates.unused) {
    const message = `no relation is \`like: ${name}\``;
    issues.report("unused-template", at, message, "use it in a relation, or delete it");
  }
  return { ...root, entries };

  function inherit(entry: Entry): Entry {
    const like = fieldsOf(entry.value).get("like");
    if (like === undefined || entry.value.kind !== "map") return entry;
    const own = { ...entry.value, entries: entry.value.entries.filter((one) => one !== like) };
    const body = instance(like, templates, issues);
    return { ...entry, value: body?.kind === "map" ? merged(own, body) : own };
  }
}

/** Issues in a template, which each relation that is like it repeats, are the same mistake: one for each place. */
export function onceInTemplates<T extends { readonly at: SourcePosition; readonly code: string }>(
  issues: readonly T[],
  root: MapTree,
): readonly T[] {
  const index = root.entries.findIndex(({ key }) => key === "templates");
  const [from, to] = [root.entries[index], root.entries[index + 1]].map((one) => one?.keyAt.line ?? Infinity);
  const seen = new Set<string>();
  return issues.filter(({ at, code }) => {
    if (index === -1 || at.line < (from ?? 0) || at.line >= (to ?? Infinity)) return true;
    const place = `${code} ${at.line}:${at.column}`;
    return !seen.has(place) && seen.add(place);
  });
}

function readTemplates(entry: Entry | undefined, issues: Issues): Names<Template> {
  const found = entriesOf(entry?.value).flatMap(({ key, keyAt: at, value: body }) => {
    const [, name, list] = form.exec(key) ?? [];
    const parameters = list === undefined ? [] : list.split(",").map((one) => one.trim());
    if (name === undefined || !parameters.every((one) => /^[A-Za-z_]\w*$/.test(one))) {
      const hint = "write `name`, or `name(parameter, other)`; the body uses a parameter as `<parameter>`";
      issues.report("bad-name", at, `\`${key}\` is not a template's name`, hint);
      return [];
    }
    checkPlaceholders(body, name, parameters, issues);
    return [[name, { name, parameters, body, at }] as const];
  });
  return new Names(new Map(found));
}

function checkPlaceholders(tree: Tree, name: string, parameters: readonly string[], issues: Issues): void {
  const look = (text: string, at: SourcePosition): void => {
    for (const [, word = ""] of text.matchAll(/<([A-Za-z_]\w*)>/g)) {
      const meant = parameters.includes(word) ? undefined : nearest(word, parameters);
      if (meant === undefined) continue;
      const message = `\`<${word}>\` is no parameter of the template \`${name}\`${didYouMean(`<${meant}>`)}`;
      issues.report("unknown-parameter", at, message);
    }
  };
  if (tree.kind === "scalar") look(textOf(tree) ?? "", tree.at);
  if (tree.kind === "list") for (const item of tree.items) checkPlaceholders(item, name, parameters, issues);
  for (const { key, keyAt, value } of entriesOf(tree)) {
    look(key, keyAt);
    checkPlaceholders(value, name, parameters, issues);
  }
}

/** The template's body for one relation; `undefined`: there is none, which has been reported. */
function instance({ value, keyAt }: Entry, templates: Names<Template>, issues: Issues): Tree | undefined {
  const text = textOf(value)?.trim();
  const [, name, list = ""] = form.exec(text ?? "") ?? [];
  if (name === undefined) {
    issues.report("wrong-type", keyAt, "`like` names no template", "as in `like: owned_by(user_id)`");
    return undefined;
  }
  const template = templates.use(name);
  if (template === undefined) {
    const known =
      templates.all.length > 0 ? `templates: ${listNames(templates.all)}` : "declare it under `templates:`";
    const message = `there is no template \`${name}\`${didYouMean(templates.meant(name))}`;
    issues.report("unknown-template", value.at, message, known);
    return undefined;
  }
  const given =
    list.trim() === "" ? [] : list.split(/,(?=(?:[^'"]|'[^']*'|"[^"]*")*$)/).map((one) => one.trim());
  const odd = given.find((one) => !argumentForm.test(one));
  if (odd !== undefined || given.length !== template.parameters.length) {
    const wants = template.parameters.length === 0 ? "no arguments" : `(${template.parameters.join(", ")})`;
    const message =
      odd === undefined
        ? `the template \`${name}\` takes ${wants}, and \`${text}\` gives ${given.length}`
        : `\`${odd}\` is no argument of a template`;
    issues.report("bad-value", value.at, message, "an argument is a column, a relation, a number or 'text'");
    return undefined;
  }
  return filled(
    template.body,
    new Map(template.parameters.map((one, index) => [one, given[index] ?? ""])),
    false,
  );
}

/** Keys whose text is SQL. */
const sqlKeys: ReadonlySet<string> = new Set(["rows", "check", "any_argument"]);

/** In SQL an argument is quoted where it must be; elsewhere it is the bare name or text. */
function filled(tree: Tree, given: ReadonlyMap<string, string>, inSql: boolean): Tree {
  const fill = (text: string, sql: boolean): string =>
    text.replaceAll(/<([A-Za-z_]\w*)>/g, (all, name: string) => {
      const argument = given.get(name);
      return argument === undefined ? all : sql ? asSql(argument) : asText(argument);
    });
  if (tree.kind === "list") return { ...tree, items: tree.items.map((item) => filled(item, given, inSql)) };
  if (tree.kind === "map") {
    const entries = tree.entries.map(({ key, keyAt, value }) => ({
      key: fill(key, false),
      keyAt,
      value: filled(value, given, inSql || sqlKeys.has(key)),
    }));
    return { ...tree, entries };
  }
  if (typeof tree.value !== "string") return tree;
  return { ...tree, value: fill(tree.value, inSql), source: fill(tree.source, inSql) };
}

const parts = /"(?:[^"]|"")+"|[^."]+/g;

function asSql(argument: string): string {
  if (/^[-'\d]/.test(argument)) return argument;
  return (argument.match(parts) ?? [])
    .map((part) => (part.startsWith('"') || /^[a-z_][a-z0-9_]*$/.test(part) ? part : quoteIdent(part)))
    .join(".");
}

function asText(argument: string): string {
  if (argument.startsWith("'")) return argument.slice(1, -1).replaceAll("''", "'");
  if (/^[-\d]/.test(argument)) return argument;
  return (argument.match(parts) ?? [])
    .map((part) => (part.startsWith('"') ? part.slice(1, -1).replaceAll('""', '"') : part))
    .join(".");
}

function merged(own: MapTree, inherited: MapTree): MapTree {
  const both = (key: string, mine: Tree, theirs: Tree): Tree => {
    if (mine.kind !== "map" || theirs.kind !== "map") return mine;
    if (key === "rows" || key === "insert") return merge(mine, theirs, (one) => one);
    return key === "expect" ? merge(mine, theirs, operations) : mine;
  };
  return merge(own, inherited, (mine, theirs, key) => both(key, mine, theirs));
}

/** `'*'` of the relation's own covers every operation that it does not list. */
function operations(mine: Tree, theirs: Tree): Tree {
  if (mine.kind !== "map" || theirs.kind !== "map" || fieldsOf(mine).has("*")) return mine;
  return merge(mine, theirs, (one) => one);
}

function merge(
  mine: MapTree,
  theirs: MapTree,
  both: (mine: Tree, theirs: Tree, key: string) => Tree,
): MapTree {
  const other = fieldsOf(theirs);
  const own = fieldsOf(mine);
  const entries = mine.entries.map((entry) => {
    const same = other.get(entry.key);
    return same === undefined ? entry : { ...entry, value: both(entry.value, same.value, entry.key) };
  });
  return { ...mine, entries: [...entries, ...theirs.entries.filter(({ key }) => !own.has(key))] };
}
