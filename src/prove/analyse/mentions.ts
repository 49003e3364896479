import type { Node } from "libpg-query";
import { parseExpression, parseStatements } from "../../lib/sql-tree.ts";
import { fieldsOf, fromItemName, part, stringOf, walk } from "./tree.ts";

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
  /** What meets in a comparison: names of columns, keys of JSON and parameters, and functions as `name()`. */
  readonly compared: Map<string, Set<string>> = new Map();
  /** What is given to functions: by argument, the same names. */
  readonly calls: {
    readonly name: string;
    readonly given: readonly ReadonlySet<string>[];
    readonly literals: readonly (readonly string[])[];
  }[] = [];
  /** What its SELECTs return. */
  readonly results: Set<string> = new Set();
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
  /** All that the parser has read. */
  readonly trees: Node[] = [];
  readonly #parameter: (place: number) => string;

  constructor(parameter: (place: number) => string = (place) => `$${place}`) {
    this.#parameter = parameter;
  }

  addTree(tree: Node): void {
    this.trees.push(tree);
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
      this.#addCall((call.funcname ?? []).map(stringOf), call.args ?? []);
      // `split_part(email, '@', 2)`: what parts of a text are separated by.
      for (const one of call.args ?? [])
        if (fieldsOf(one) !== undefined) for (const other of call.args ?? []) this.#addConstants(one, other);
    }
    const fields = fieldsOf(node);
    if (fields !== undefined) this.#addColumn(fields, aliases);
    const named = part(node, "ResTarget");
    if (named?.name !== undefined) {
      this.columns.add(named.name);
      this.#link(new Set([named.name]), this.#namesIn(named.val));
    }
    for (const one of part(node, "SelectStmt")?.targetList ?? [])
      for (const name of this.#namesIn(part(one, "ResTarget")?.val)) this.results.add(name);
    const insert = part(node, "InsertStmt");
    for (const [place, column] of (insert?.cols ?? []).entries())
      for (const from of rowsOf(insert?.selectStmt))
        this.#link(new Set([part(column, "ResTarget")?.name ?? ""]), this.#namesIn(from[place]));
    const query = part(node, "SubLink");
    if (query?.testexpr !== undefined) this.#link(this.#namesIn(query.testexpr), this.#namesIn(node));
    const subscript = part(node, "A_Indices");
    if (subscript !== undefined) for (const key of literalsOf(subscript.uidx)) this.jsonKeys.add(key);
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

  #addCall(names: readonly string[], given: readonly Node[]): void {
    const name = names.at(-1) ?? "";
    this.functions.push({ schema: names.length > 1 ? names.at(-2) : undefined, name });
    this.calls.push({
      name,
      given: given.map((one) => this.#namesIn(part(one, "NamedArgExpr")?.arg ?? one)),
      literals: given.map(literalsOf),
    });
    this.#addJson(name, given);
    if (takesSql.has(name)) this.anything = true;
    if (name === "set_config") this.setsSettings = true;
    if (/^jsonb?_(?:populate_record|to_record)(?:set)?$/.test(name)) this.populates = true;
  }

  /** Functions that read or make a document by keys, and those that compare one text with another. */
  #addJson(name: string, given: readonly Node[]): void {
    const [first, ...more] = given;
    const keys = /^jsonb?_extract_path/.test(name)
      ? more
      : /^jsonb?_build_object$/.test(name)
        ? given.filter((_, place) => place % 2 === 0)
        : [];
    for (const key of keys.flatMap(literalsOf)) this.jsonKeys.add(key);
    if (/^(?:starts_with|strpos|array_position|jsonb_exists\w*|array\w*_contains|like|texteq)$/.test(name))
      for (const one of more) this.#link(this.#namesIn(first), this.#namesIn(one));
  }

  #link(some: ReadonlySet<string>, others: ReadonlySet<string>): void {
    for (const [from, to] of [
      [some, others],
      [others, some],
    ] as const)
      for (const one of from)
        if (to.size > 0) this.compared.set(one, new Set([...(this.compared.get(one) ?? []), ...to]));
  }

  /** Columns, keys of JSON, parameters and functions by which a value comes about; of a subquery, what it returns. */
  #namesIn(node: Node | undefined): ReadonlySet<string> {
    const found = new Set<string>();
    if (node === undefined) return found;
    walk(node, (one) => {
      const query = part(one, "SubLink");
      if (query !== undefined) {
        const select = part(query.subselect, "SelectStmt");
        for (const each of select?.targetList ?? [])
          for (const name of this.#namesIn(part(each, "ResTarget")?.val)) found.add(name);
        return false;
      }
      const name = fieldsOf(one)?.at(-1);
      if (name !== undefined && name !== "*") found.add(name);
      const given = part(one, "ParamRef")?.number;
      if (given !== undefined) found.add(this.#parameter(given));
      const call = part(one, "FuncCall")?.funcname?.at(-1);
      if (call !== undefined) found.add(`${stringOf(call)}()`);
      // Of a document, the key that is read says more than its column.
      const keys = keysOf(one);
      for (const key of keys) found.add(key);
      return keys.length === 0;
    });
    return found;
  }

  #addColumn(fields: readonly string[], aliases: ReadonlySet<string>): void {
    const last = fields.at(-1) ?? "";
    if (last === "*" || (fields.length === 1 && aliases.has(last))) this.whole = true;
    for (const field of fields) this.columns.add(field);
  }

  #addComparison(operator: string, left: Node | undefined, right: Node | undefined): void {
    this.operators.add(operator);
    if (readsJson.test(operator)) for (const key of literalsOf(right).flatMap(pathOf)) this.jsonKeys.add(key);
    this.#addConstants(left, right, operator);
    this.#addConstants(right, left, operator);
    this.#link(this.#namesIn(left), this.#namesIn(right));
  }

  #addConstants(side: Node | undefined, other: Node | undefined, operator = "="): void {
    const literals = literalsOf(other).flatMap((one) => matchesOf(operator, one));
    if (side === undefined || literals.length === 0) return;
    // What a subquery, or a function, returns, as well.
    for (const one of this.#namesIn(side)) this.#setConstants(one, literals);
    outside(side, (node) => {
      const name = fieldsOf(node)?.at(-1);
      const json = part(node, "A_Expr");
      const keys = json === undefined ? [] : literalsOf(json.rexpr).flatMap(pathOf);
      for (const one of [...(name === undefined ? [] : [name]), ...keys]) this.#setConstants(one, literals);
      if (/^@[?@]$/.test(operator) && name !== undefined) this.#addPaths(name, literalsOf(other));
    });
  }

  /** A jsonpath: its keys, and what it compares them with. */
  #addPaths(column: string, paths: readonly string[]): void {
    for (const path of paths) {
      const keys = [...path.matchAll(/\.\s*"?(\w+)/g)].flatMap(([, key]) => key ?? []);
      const compared = [...path.matchAll(/"([^"]*)"|(?<![\w.])(\d+)/g)].flatMap(
        ([, text, number]) => text ?? number ?? [],
      );
      this.#setConstants(column, keys);
      for (const key of keys) {
        this.jsonKeys.add(key);
        this.#setConstants(
          key,
          compared.filter((one) => !keys.includes(one)),
        );
      }
    }
  }

  #setConstants(name: string, literals: readonly string[]): void {
    this.constants.set(name, new Set([...(this.constants.get(name) ?? []), ...literals]));
  }
}

const readAndWritten: ReadonlySet<string> = new Set([
  "SelectStmt",
  "InsertStmt",
  "UpdateStmt",
  "DeleteStmt",
  "MergeStmt",
]);

/** Values that an INSERT stores: of VALUES, or of a query. */
function rowsOf(source: Node | undefined): readonly (readonly Node[])[] {
  const select = part(source, "SelectStmt");
  const values = (select?.valuesLists ?? []).map((one) => part(one, "List")?.items ?? []);
  const columns = (select?.targetList ?? []).flatMap((one) => part(one, "ResTarget")?.val ?? []);
  return columns.length > 0 ? [...values, columns] : values;
}

const readsJson = /^(?:->>?|#>>?|\?[|&]?)$/;

/** Keys by which an operator reads JSON. */
function keysOf(node: Node): readonly string[] {
  const expression = part(node, "A_Expr");
  const operator = stringOf(expression?.name?.at(-1));
  if (expression !== undefined && readsJson.test(operator))
    return literalsOf(expression.rexpr).flatMap(pathOf);
  return literalsOf(part(node, "A_Indices")?.uidx);
}

/** `{a,b}`: a path of `#>>`. */
function pathOf(key: string): readonly string[] {
  return /^\{[^{}"]+\}$/.test(key) ? key.slice(1, -1).split(",") : [key];
}

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
