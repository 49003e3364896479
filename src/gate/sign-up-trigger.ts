import { type Node, parsePlPgSQLSync } from "libpg-query";
import { parseStatements } from "../lib/sql-tree.ts";
import { fieldsOf, part, stringOf, walk } from "../prove/analyse/tree.ts";
import { Mentions, type WrittenName } from "../prove/analyse/mentions.ts";

/**
 * A trigger of auth.users that only puts in rows of constants, of the new user's id and of what the user sent: it does the same at
 * each sign-up, so that one that is tried shows what it does.
 */
export interface SignUpTrigger {
  readonly writes: readonly WrittenName[];
  /** Keys of the metadata that it reads. */
  readonly keys: readonly string[];
  /** Columns that hold more of the account than the user sent to be shown: its address, its phone number. */
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

/** @param decides columns that policies read: none of them may hold what the user sent. @returns `undefined`: it does more, or other things */
export function readSignUpTrigger(
  source: string,
  decides: (column: string) => boolean,
): SignUpTrigger | undefined {
  try {
    const inserts = queriesOf(source)?.map((query) => readInsert(query, decides));
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
  const tag = "$rowgate_body$";
  const parsed: unknown = parsePlPgSQLSync(
    `create function f() returns trigger language plpgsql as ${tag}${source}${tag}`,
  );
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
  read(parsed, false);
  return plain ? queries : undefined;
}

interface Execution {
  readonly sqlstmt?: { readonly PLpgSQL_expr?: { readonly query?: string } };
}

function readInsert(query: string, decides: (column: string) => boolean): SignUpTrigger | undefined {
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
  const keys: string[] = [];
  const copies: Copy[] = [];
  for (const [index, column] of columns.entries()) {
    const value = readValue(values[index]);
    if (value === undefined || (decides(column) && !value.isFixed)) return undefined;
    keys.push(...value.keys);
    copies.push(...value.from.filter((from) => !shown.has(from)).map((from) => ({ from, column })));
  }
  return { writes: [{ schema: target.schemaname, name: target.relname }], keys, copies };
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
  /** A constant, or the new user's id: nothing that the user chooses. */
  readonly isFixed: boolean;
  /** Columns of the account. */
  readonly from: readonly string[];
  readonly keys: readonly string[];
}

function readValue(node: Node | undefined): Value | undefined {
  if (node === undefined) return undefined;
  const from: string[] = [];
  const keys: string[] = [];
  let plain = true;
  let fixed = true;
  walk(node, (one) => {
    const fields = fieldsOf(one);
    if (part(one, "SubLink") !== undefined) plain = false;
    if (fields !== undefined) {
      const [row, column = "*", ...more] = fields;
      if (row !== "new" || column === "*" || more.length > 0) plain = false;
      from.push(column);
    }
    const call = part(one, "FuncCall")?.funcname?.map(stringOf).at(-1);
    if (call !== undefined && !constantFunctions.has(call)) fixed = false;
    const text = part(one, "A_Const")?.sval?.sval;
    if (text !== undefined) keys.push(text);
  });
  const bare = fieldsOf(part(node, "TypeCast")?.arg ?? node)?.join(".") === "new.id";
  return plain ? { isFixed: bare || (fixed && from.length === 0), from, keys } : undefined;
}

/** What generated columns and views name: the columns that a view only shows decide nothing. */
export function decidedBy(expressions: readonly string[], queries: readonly string[]): Mentions {
  const found = new Mentions();
  for (const one of expressions) found.addExpression(one);
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
