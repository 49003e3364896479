import type { Node } from "libpg-query";
import { parsePlpgsql } from "../lib/function-body.ts";
import { parseStatements } from "../lib/sql-tree.ts";
import { fieldsOf, part, stringOf, walk } from "../prove/analyse/tree.ts";
import { Mentions, type WrittenName } from "../prove/analyse/mentions.ts";

/**
 * A trigger that only puts in rows of constants, of who writes and of what is written: it does the same at each write, so that one
 * that is tried shows what it does. On auth.users the write is a sign-up.
 */
export interface PlainTrigger {
  readonly writes: readonly WrittenName[];
  /** Keys of the metadata that it reads. */
  readonly keys: readonly string[];
  /** Columns that hold what was written; of an account, more than the user sent to be shown: its address, its phone number. */
  readonly copies: readonly Copy[];
}

interface Copy {
  readonly from: string;
  readonly column: string;
}

/** What a user sends to be shown, and what says nothing of it. */
const shown: ReadonlySet<string> = new Set(["id", "raw_user_meta_data", "created_at", "updated_at"]);
/** Steps that follow each other, whatever the user sent. */
const plainSteps: ReadonlySet<string> = new Set([
  "PLpgSQL_stmt_block",
  "PLpgSQL_stmt_execsql",
  "PLpgSQL_stmt_return",
  "PLpgSQL_stmt_raise",
]);
const constantFunctions: ReadonlySet<string> = new Set(["now", "gen_random_uuid", "uuid_generate_v4"]);
/** What makes a value of the values that it is given, and reads nothing else. */
const plainFunctions: ReadonlySet<string> = new Set(
  `btrim concat concat_ws format initcap json_build_object jsonb_build_object left length lower lpad ltrim md5 regexp_replace replace
  right row_to_json rpad rtrim split_part substr substring timezone to_char to_json to_jsonb trim upper date_trunc array_length`.split(
    /\s+/,
  ),
);
const plainOperators: ReadonlySet<string> = new Set("-> ->> #> #>> || = <> < > <= >= + - * / %".split(" "));
/** What PL/pgSQL knows of the write, and no user chooses. */
const constantVariables: ReadonlySet<string> = new Set([
  "tg_op",
  "tg_table_name",
  "tg_table_schema",
  "tg_name",
]);

/** What a trigger's rows are made of: a new account, whose id the user does not choose, or any row. */
type Source = "account" | "row";

/** Whether policies read a column of a table that the trigger writes. */
export type Decides = (column: string, table: WrittenName) => boolean;

/** @param decides none of such columns may hold what the user sent. @returns `undefined`: it does more, or other things */
export function readPlainTrigger(source: string, of: Source, decides: Decides): PlainTrigger | undefined {
  try {
    const inserts = queriesOf(source)?.map((query) => readInsert(query, of, decides));
    if (inserts === undefined || inserts.length === 0) return undefined;
    const plain = inserts.filter((one) => one !== undefined);
    if (plain.length < inserts.length) return undefined;
    return {
      writes: plain.flatMap(({ writes }) => writes),
      keys: plain.flatMap(({ keys }) => keys),
      copies: plain.flatMap(({ copies }) => copies),
    };
  } catch {
    return undefined;
  }
}

/** Its statements, where nothing decides which of them run. */
function queriesOf(source: string): readonly string[] | undefined {
  const queries: string[] = [];
  let plain = true;
  const read = (value: unknown, handles: boolean): void => {
    if (Array.isArray(value)) for (const one of value) read(one, handles);
    else if (typeof value === "object" && value !== null)
      for (const [key, one] of Object.entries(value)) {
        if (key === "datums") continue;
        if (key.startsWith("PLpgSQL_stmt_") && !plainSteps.has(key)) plain = false;
        if (key === "PLpgSQL_stmt_execsql") {
          // What runs only after another statement has failed, a user can bring about.
          plain &&= !handles;
          queries.push((one as Execution).sqlstmt?.PLpgSQL_expr?.query ?? "");
        } else read(one, handles || key === "exceptions");
      }
  };
  read(parsePlpgsql({ source, returns: "trigger" }), false);
  return plain ? queries : undefined;
}

interface Execution {
  readonly sqlstmt?: { readonly PLpgSQL_expr?: { readonly query?: string } };
}

function readInsert(query: string, of: Source, decides: Decides): PlainTrigger | undefined {
  const [tree, ...more] = parseStatements(query);
  const insert = part(tree, "InsertStmt");
  const target = insert?.relation;
  if (
    insert === undefined ||
    target?.relname === undefined ||
    more.length > 0 ||
    insert.withClause !== undefined
  )
    return undefined;
  const conflict = insert.onConflictClause?.action ?? "ONCONFLICT_NOTHING";
  const columns = (insert.cols ?? []).map((one) => part(one, "ResTarget")?.name ?? "");
  const values = valuesOf(insert.selectStmt);
  if (conflict !== "ONCONFLICT_NOTHING" || values?.length !== columns.length) return undefined;
  const written = { schema: target.schemaname, name: target.relname };
  const keys: string[] = [];
  const copies: Copy[] = [];
  for (const [index, column] of columns.entries()) {
    const value = readValue(values[index], of);
    if (value === undefined || (decides(column, written) && !value.isFixed)) return undefined;
    keys.push(...value.keys);
    const copied = value.from.filter((from) => of === "row" || !shown.has(from));
    copies.push(...copied.map((from) => ({ from, column })));
  }
  return { writes: [written], keys, copies };
}

/** Of `values (…)` and of a SELECT that reads nothing. */
function valuesOf(node: Node | undefined): readonly Node[] | undefined {
  const select = part(node, "SelectStmt");
  const [list, ...others] = select?.valuesLists ?? [];
  if (list !== undefined) return others.length === 0 ? part(list, "List")?.items : undefined;
  const { targetList, limitOption: _limit, op: _op, groupDistinct: _distinct, ...rest } = select ?? {};
  if (Object.keys(rest).length > 0) return undefined;
  return targetList?.flatMap((one) => part(one, "ResTarget")?.val ?? []);
}

interface Value {
  /** A constant, who writes, or the new user's id: nothing that the user chooses. */
  readonly isFixed: boolean;
  /** Columns of the account. */
  readonly from: readonly string[];
  readonly keys: readonly string[];
}

function readValue(node: Node | undefined, of: Source): Value | undefined {
  if (node === undefined) return undefined;
  const from: string[] = [];
  const keys: string[] = [];
  let plain = true;
  let fixed = true;
  walk(node, (one) => {
    const fields = fieldsOf(one);
    if (part(one, "SubLink") !== undefined) plain = false;
    const isVariable = fields?.length === 1 && constantVariables.has(fields[0] ?? "");
    if (fields !== undefined && !isVariable) {
      const [row, column = "*", ...more] = fields;
      const known = row === "new" || (row === "old" && of === "row");
      if (!known || (column === "*" && of === "account") || more.length > 0) plain = false;
      from.push(column);
    }
    const name = part(one, "FuncCall")?.funcname?.map(stringOf);
    const call = name?.at(-1);
    // Who writes is no choice of theirs.
    const isWriter = of === "row" && name?.join(".") === "auth.uid";
    if (call !== undefined && !constantFunctions.has(call) && !isWriter) {
      fixed = false;
      if (!plainFunctions.has(call)) plain = false;
    }
    const operator = part(one, "A_Expr")?.name?.map(stringOf).join(".");
    if (operator !== undefined && !plainOperators.has(operator)) plain = false;
    const text = part(one, "A_Const")?.sval?.sval;
    if (text !== undefined) keys.push(text);
  });
  const bare = of === "account" && fieldsOf(part(node, "TypeCast")?.arg ?? node)?.join(".") === "new.id";
  return plain ? { isFixed: bare || (fixed && from.length === 0), from, keys } : undefined;
}

/** What views name: the columns that a view only shows decide nothing. */
export function decidedBy(queries: readonly string[]): Mentions {
  const found = new Mentions();
  for (const query of queries)
    try {
      for (const tree of parseStatements(query)) found.addTree(withoutShown(tree));
    } catch {
      found.anything = true;
    }
  return found;
}

function withoutShown<T>(value: T): T {
  if (Array.isArray(value)) return value.map((one: unknown) => withoutShown(one)) as T;
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [
      key,
      withoutShown<unknown>(key === "targetList" ? (one as Node[]).filter((each) => !isShown(each)) : one),
    ]),
  ) as T;
}

function isShown(target: Node): boolean {
  return fieldsOf(part(target, "ResTarget")?.val) !== undefined;
}
