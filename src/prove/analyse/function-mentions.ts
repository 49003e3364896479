import { parsePlpgsql, type PlNode, statementsOfAtomic, walkPlpgsql } from "../../lib/function-body.ts";
import { parseExpression, parseStatements } from "../../lib/sql-tree.ts";
import { Mentions } from "./mentions.ts";

/** A function as the catalogue keeps it. */
export interface FunctionText {
  readonly oid: string;
  readonly language: string;
  readonly source: string;
  readonly sqlBody: string | null;
  readonly trigger: boolean;
  readonly returns: string;
  readonly argumentNames: readonly string[];
  readonly argumentTypes: readonly string[];
}

/** What a function's body names. What the catalogue has parsed itself is in its own records besides. */
export function mentionsOf(fn: FunctionText): Mentions {
  const found = new Mentions((place) => fn.argumentNames[place - 1] || `${fn.oid}$${place}`);
  // In other languages only the catalogue's records say anything; of C, nothing of the database's tables is known to be read.
  if (fn.language === "sql") readSqlBody(fn, found);
  else if (fn.language === "plpgsql") readPlpgsql(fn, found);
  else if (fn.language !== "c" && fn.language !== "internal") found.anything = true;
  return found;
}

function readSqlBody({ sqlBody, source }: FunctionText, found: Mentions): void {
  const value = sqlBody === null ? undefined : /^\s*return\s([\s\S]*?);?\s*$/i.exec(sqlBody)?.[1];
  if (value !== undefined) found.addExpression(value);
  else found.addStatements(sqlBody === null ? source : statementsOfAtomic(sqlBody));
}

function readPlpgsql(fn: FunctionText, found: Mentions): void {
  try {
    walkPlpgsql(parsedAsAny(fn), (key, node) => {
      if (/^PLpgSQL_stmt_dyn|^dynquery$/.test(key)) found.anything = true;
      if (key === "PLpgSQL_stmt_call") found.otherCommands = true;
      for (const column of assignedBy(key, node)) found.assigned.add(column);
      if (key === "PLpgSQL_expr") readPlExpression(String(node["query"] ?? ""), found);
    });
  } catch {
    found.anything = true;
  }
}

/** What it returns decides only whether RETURN takes a value: PERFORM and RETURN are read alike. */
function parsedAsAny(fn: FunctionText): PlNode {
  const returns = fn.trigger ? "trigger" : fn.returns;
  if (fn.trigger || returns === "void") return parsePlpgsql({ ...fn, returns });
  try {
    return parsePlpgsql({ ...fn, returns: `setof ${returns}` });
  } catch {
    return parsePlpgsql({ ...fn, returns });
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
