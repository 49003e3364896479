import { type Node, parsePlPgSQLSync } from "libpg-query";
import { parseExpression, parseStatements } from "../lib/sql-tree.ts";
import { fieldsOf, fromItemName, part, stringOf, walk } from "../prove/analyse/tree.ts";
import type { EscalationFunction } from "./catalog.ts";

/** A name as SQL has it: with its schema, or found by search_path. */
export interface WrittenName {
  readonly schema: string | undefined;
  readonly name: string;
}

/** What some SQL names, by the parser: comments and strings name nothing. */
export class Mentions {
  readonly relations: WrittenName[] = [];
  readonly functions: WrittenName[] = [];
  readonly operators: Set<string> = new Set();
  readonly columns: Set<string> = new Set();
  /** Column → literals that it is compared with, or that it appears with in a CASE. */
  readonly constants: Map<string, Set<string>> = new Map();
  /** Column → columns that it is compared with by `=`. */
  readonly compared: Map<string, Set<string>> = new Map();
  /** Keys that are read from JSON: `role` of `->> 'role'`. */
  readonly jsonKeys: Set<string> = new Set();
  /** Columns are given by the keys of a JSON document. */
  populates = false;
  /** A whole row is read (`select *`, `new`), so that each of its columns is. */
  whole = false;
  /** SQL that is put together when it runs, or that the parser cannot read: anything may be read. */
  anything = false;
  setsSettings = false;
  /** Relations that are written. */
  readonly writes: WrittenName[] = [];
  /** Columns of the row that a trigger hands on (`new.role := …`); `*`: the row whole. */
  readonly assigned: Set<string> = new Set();
  /** A command of another kind is run: TRUNCATE, GRANT, CALL, CREATE TABLE. */
  otherCommands = false;

  addTree(tree: Node): void {
    const aliases = new Set<string>(["new", "old"]);
    walk(tree, (node) => void aliases.add(fromItemName(node) ?? ""));
    walk(tree, (node) => this.#addNode(node, aliases));
  }

  addStatements(sql: string): void {
    try {
      for (const one of parseStatements(sql)) this.addStatement(one);
    } catch {
      this.anything = true;
    }
  }

  addStatement(tree: Node): void {
    this.otherCommands ||= !Object.keys(tree).some((tag) => readAndWritten.has(tag));
    this.addTree(tree);
  }

  addExpression(sql: string): void {
    try {
      this.addTree(parseExpression(sql));
    } catch {
      this.anything = true;
    }
  }

  #addNode(node: Node, aliases: ReadonlySet<string>): void {
    const table = part(node, "RangeVar");
    if (table?.relname !== undefined) this.relations.push({ schema: table.schemaname, name: table.relname });
    // INSERT, UPDATE and DELETE hold their target without a tag.
    const target = (node as { relation?: { relname?: string; schemaname?: string } }).relation;
    if (target?.relname !== undefined)
      this.relations.push({ schema: target.schemaname, name: target.relname });
    const written = (
      part(node, "InsertStmt") ??
      part(node, "UpdateStmt") ??
      part(node, "DeleteStmt") ??
      part(node, "MergeStmt")
    )?.relation;
    if (written?.relname !== undefined)
      this.writes.push({ schema: written.schemaname, name: written.relname });
    const call = part(node, "FuncCall");
    if (call !== undefined) {
      this.#addCall((call.funcname ?? []).map(stringOf));
      // `split_part(email, '@', 2)`: what parts of a text are separated by.
      for (const one of call.args ?? [])
        if (fieldsOf(one) !== undefined) for (const other of call.args ?? []) this.#addConstants(one, other);
    }
    const fields = fieldsOf(node);
    if (fields !== undefined) this.#addColumn(fields, aliases);
    const named = part(node, "ResTarget");
    if (named?.name !== undefined) this.columns.add(named.name);
    const expression = part(node, "A_Expr");
    if (expression !== undefined)
      this.#addComparison(
        (expression.name ?? []).map(stringOf).at(-1) ?? "",
        expression.lexpr,
        expression.rexpr,
      );
    const choice = part(node, "CaseExpr");
    for (const arm of choice?.args ?? []) this.#addConstants(choice?.arg, part(arm, "CaseWhen")?.expr);
  }

  #addCall(names: readonly string[]): void {
    const name = names.at(-1) ?? "";
    this.functions.push({ schema: names.length > 1 ? names.at(-2) : undefined, name });
    if (takesSql.has(name)) this.anything = true;
    if (name === "set_config") this.setsSettings = true;
    if (/^jsonb?_(?:populate_record|to_record)(?:set)?$/.test(name)) this.populates = true;
  }

  #addColumn(fields: readonly string[], aliases: ReadonlySet<string>): void {
    const last = fields.at(-1) ?? "";
    if (last === "*" || (fields.length === 1 && aliases.has(last))) this.whole = true;
    for (const field of fields) this.columns.add(field);
  }

  #addComparison(operator: string, left: Node | undefined, right: Node | undefined): void {
    this.operators.add(operator);
    if (operator.startsWith("->") || operator === "?" || operator.startsWith("#>"))
      for (const key of literalsOf(right)) this.jsonKeys.add(key);
    this.#addConstants(left, right, operator);
    this.#addConstants(right, left, operator);
    const [a, b] = [fieldsOf(left)?.at(-1), fieldsOf(right)?.at(-1)];
    if (operator === "=" && a !== undefined && b !== undefined && a !== b) {
      this.compared.set(a, new Set([...(this.compared.get(a) ?? []), b]));
      this.compared.set(b, new Set([...(this.compared.get(b) ?? []), a]));
    }
  }

  #addConstants(side: Node | undefined, other: Node | undefined, operator = "="): void {
    const literals = literalsOf(other).flatMap((one) => matchesOf(operator, one));
    if (side === undefined || literals.length === 0) return;
    outside(side, (node) => {
      const name = fieldsOf(node)?.at(-1);
      const json = part(node, "A_Expr");
      const keys = json === undefined ? [] : literalsOf(json.rexpr);
      for (const one of [...(name === undefined ? [] : [name]), ...keys])
        this.constants.set(one, new Set([...(this.constants.get(one) ?? []), ...literals]));
    });
  }
}

const readAndWritten: ReadonlySet<string> = new Set([
  "SelectStmt",
  "InsertStmt",
  "UpdateStmt",
  "DeleteStmt",
  "MergeStmt",
]);

/** A text that a pattern takes; of any other operator, the literal itself. */
function matchesOf(operator: string, literal: string): readonly string[] {
  if (/^!?~~\*?$/.test(operator)) return [literal.replaceAll("%", ""), literal.replaceAll(/[%_]/g, "x")];
  if (/^!?~\*?$/.test(operator)) return [`x${literal.replaceAll(/^\^|\$$|\\/g, "")}`];
  return [literal];
}

/** Functions that run what they are given as text. */
const takesSql: ReadonlySet<string> = new Set([
  "query_to_xml",
  "query_to_xmlschema",
  "query_to_xml_and_xmlschema",
  "cursor_to_xml",
  "table_to_xml",
  "schema_to_xml",
  "database_to_xml",
  "ts_stat",
  "crosstab",
  "connectby",
  "dblink",
  "dblink_exec",
]);

/** Not into subqueries: their comparisons are their own. */
function outside(node: Node, visit: (node: Node) => void): void {
  walk(node, (one) => {
    if (part(one, "SubLink") !== undefined) return false;
    visit(one);
    return true;
  });
}

function literalsOf(node: Node | undefined): readonly string[] {
  const found: string[] = [];
  if (node !== undefined)
    outside(node, (one) => {
      const constant = part(one, "A_Const");
      const text =
        constant?.sval?.sval ??
        constant?.fval?.fval ??
        (constant?.ival === undefined ? undefined : String(constant.ival.ival ?? 0));
      if (text !== undefined) found.push(text);
    });
  return found;
}

/** What a function's body names. What the catalogue has parsed itself is in its own records besides. */
export function mentionsOf(fn: EscalationFunction): Mentions {
  const found = new Mentions();
  // In other languages only the catalogue's records say anything; of C, nothing of the database's tables is known to be read.
  if (fn.language === "sql") readSqlBody(fn, found);
  else if (fn.language === "plpgsql") readPlpgsql(fn, found);
  else if (fn.language !== "c" && fn.language !== "internal") found.anything = true;
  return found;
}

function readSqlBody({ sqlBody, source }: EscalationFunction, found: Mentions): void {
  const value = sqlBody === null ? undefined : /^\s*return\s([\s\S]*?);?\s*$/i.exec(sqlBody)?.[1];
  if (value !== undefined) found.addExpression(value);
  else
    found.addStatements(
      sqlBody === null ? source : sqlBody.replace(/^\s*begin\s+atomic/i, "").replace(/\bend\s*;?\s*$/i, ""),
    );
}

function readPlpgsql(fn: EscalationFunction, found: Mentions): void {
  const given = fn.argumentNames.map(
    (name, n) => `${name === "" ? "" : `"${name}"`} ${fn.argumentTypes[n] ?? "text"}`,
  );
  const tag = "$rowgate_body$";
  const returns = fn.trigger ? "trigger" : "void";
  try {
    // What it returns decides only whether RETURN takes a value: PERFORM and RETURN are read alike.
    const text = (type: string): string =>
      `create function f(${given.join(", ")}) returns ${type} language plpgsql as ${tag}${fn.source}${tag}`;
    let parsed: unknown;
    try {
      parsed = parsePlPgSQLSync(
        text(fn.trigger ? returns : fn.returns === "void" ? "void" : `setof ${fn.returns}`),
      );
    } catch {
      parsed = parsePlPgSQLSync(text(fn.trigger ? returns : fn.returns));
    }
    readPlNode(parsed, found);
  } catch {
    found.anything = true;
  }
}

function readPlNode(value: unknown, found: Mentions): void {
  if (Array.isArray(value)) for (const one of value) readPlNode(one, found);
  else if (typeof value === "object" && value !== null)
    for (const [key, one] of Object.entries(value)) {
      if (/^PLpgSQL_stmt_dyn|^dynquery$/.test(key)) found.anything = true;
      if (key === "PLpgSQL_stmt_call") found.otherCommands = true;
      for (const column of typeof one === "object" && one !== null ? assignedBy(key, one) : [])
        found.assigned.add(column);
      if (key === "PLpgSQL_expr") readPlExpression((one as { query?: string }).query ?? "", found);
      readPlNode(one, found);
    }
}

interface PlPart {
  readonly expr?: { readonly PLpgSQL_expr?: { readonly query?: string } };
  readonly fields?: readonly { readonly name?: string }[];
  readonly PLpgSQL_rec?: { readonly refname?: string };
  readonly retvarno?: number;
}

/** The columns of a trigger's new row that a part of its body sets; `*`: the row whole. */
function assignedBy(
  key: string,
  { expr, fields = [], PLpgSQL_rec: rec, retvarno }: PlPart,
): readonly string[] {
  const query = expr?.PLpgSQL_expr?.query ?? "";
  switch (key) {
    case "PLpgSQL_stmt_assign": {
      const found = /^\s*"?new"?\s*(?:\.\s*"?([^"\s:=[.]+)|:?=)/i.exec(query);
      return found === null ? [] : [found[1] ?? "*"];
    }
    case "PLpgSQL_row":
      return fields.flatMap(({ name = "" }) => /^new\.(.+)$/i.exec(name)?.[1] ?? []);
    case "target":
      return rec?.refname === "new" ? ["*"] : [];
    case "PLpgSQL_stmt_return":
      return (retvarno ?? -1) > oldRow || (query !== "" && !returnsItsRow.test(query)) ? ["*"] : [];
    default:
      return [];
  }
}

/** Variables of a trigger's function count from 0: its new row, its old row, others. */
const oldRow = 1;
const returnsItsRow = /^[\s(]*(?:null|new|old|coalesce\s*\(\s*(?:new|old)\s*,\s*(?:new|old)\s*\))[\s)]*$/i;

/** A statement, an expression, or an assignment. */
function readPlExpression(query: string, found: Mentions): void {
  const assigned = /^\s*[\w."[\]$]+\s*:?=\s*([\s\S]*)$/.exec(query)?.[1];
  for (const [text, parse] of [
    [query, parseStatements],
    [query, (sql: string) => [parseExpression(sql)]],
    [assigned ?? "", (sql: string) => [parseExpression(sql)]],
  ] as const) {
    try {
      const trees = text === "" ? [] : parse(text);
      if (trees.length === 0) continue;
      for (const tree of trees)
        if (parse === parseStatements) found.addStatement(tree);
        else found.addTree(tree);
      const target = text === assigned ? /^\s*([\w".]+)/.exec(query)?.[1] : undefined;
      if (target !== undefined)
        for (const name of target.replaceAll('"', "").split(".")) found.columns.add(name);
      return;
    } catch {
      // Not this form.
    }
  }
  found.anything = true;
}
