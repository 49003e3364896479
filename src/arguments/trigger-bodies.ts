import type { Node } from "libpg-query";
import { parsePlpgsql, plList, type PlNode, plNode, plQuery } from "../lib/function-body.ts";
import { wordOf } from "../lib/pattern.ts";
import { parseExpression, parseStatements } from "../lib/sql-tree.ts";
import { fieldsOf, part, printExpression, stringOf, walk, withoutCasts } from "../prove/analyse/tree.ts";

// What triggers put into a column: something that the statement's sender chooses, or not.

/** An enabled trigger of a table. */
export interface TriggerText {
  readonly name: string;
  readonly events: readonly string[];
  readonly definition: string;
  readonly language: string;
  readonly source: string;
}

/** A function of the database that may update the table when a trigger calls it. */
export interface UpdaterText {
  readonly name: string;
  readonly source: string;
}

export interface TriggeredTable {
  readonly name: string;
  readonly triggers: readonly TriggerText[];
  readonly updaters: readonly UpdaterText[];
  /** Names of the database's own functions. */
  readonly functions: readonly string[];
}

/** What a body gives to a column of the new row (`new.c`), to all of it (`new`), or to a variable. */
interface Given {
  readonly to: string;
  /** The expression or the query; `undefined`: not known. */
  readonly from: string | undefined;
  /** Conditions under which it does. */
  readonly under: readonly string[];
}

/**
 * The triggers that may give a column what depends on a value that the sender chooses. Its own value, new or old, is not meant: that is
 * sent for the column itself.
 * @param isWritable whether a value may be sent for another column
 */
export function triggersThatChoose(
  column: string,
  { name: table, triggers, updaters, functions }: TriggeredTable,
  isWritable: (column: string) => boolean,
): readonly TriggerText[] {
  const read = triggers.map((trigger) => ({ trigger, given: givenBy(trigger, table, updaters, column) }));
  const all = read.flatMap(({ given }) => given);
  return read
    .filter(({ given }) => {
      const reading: Reading = { column, given: all, functions, isWritable, seen: new Set() };
      return given.some(
        (one) =>
          (one.to === "new" && !/^\s*(?:old|new)\s*$/i.test(one.from ?? "")) ||
          (one.to === `new.${column}` && isChosen(one, reading)),
      );
    })
    .map(({ trigger }) => trigger);
}

function givenBy(
  { definition, language, source }: TriggerText,
  table: string,
  updaters: readonly UpdaterText[],
  column: string,
): readonly Given[] {
  const unknown: Given = { to: `new.${column}`, from: undefined, under: [] };
  const named = wordOf(column, "i");
  // A function that comes with the server has its columns as arguments, and sets nothing but a moment where it is `moddatetime`.
  if (language === "c" || language === "internal") {
    const columns = /\bexecute\s+(?:function|procedure)\s+([\s\S]*)$/i.exec(definition)?.[1] ?? "";
    return named.test(columns) && !/^\S*moddatetime/i.test(columns) ? [unknown] : [];
  }
  if (language !== "plpgsql") return named.test(source) ? [unknown] : [];
  const calls = updaters.some((one) => named.test(one.source) && wordOf(one.name, "i").test(source));
  try {
    return [...(calls ? [unknown] : []), ...bodyGives(source, whenOf(definition), table)];
  } catch {
    return named.test(source) ? [unknown] : [];
  }
}

function whenOf(definition: string): readonly string[] {
  const when = part(parseStatements(definition)[0], "CreateTrigStmt")?.whenClause;
  return when === undefined ? [] : [printExpression(when)];
}

function bodyGives(source: string, when: readonly string[], table: string): readonly Given[] {
  const body = parsePlpgsql({ source, returns: "trigger" });
  const datums = plList(body["datums"]);
  const found: Given[] = datums.flatMap((one) => {
    const variable = plNode(one, "PLpgSQL_var");
    const initial = plQuery(variable?.["default_val"]);
    return initial === undefined ? [] : [{ to: String(variable?.["refname"]), from: initial, under: [] }];
  });
  const visit = (value: unknown, under: readonly string[]): void => {
    if (typeof value !== "object" || value === null) return;
    for (const [key, inner] of Object.entries(value)) {
      const statement = inner as PlNode;
      if (key.startsWith("PLpgSQL_stmt_"))
        found.push(...statementGives(key, statement, datums, table).map((one) => ({ ...one, under })));
      // A condition of an earlier arm decides whether a later one is reached.
      visit(inner, key.startsWith("PLpgSQL_") ? [...under, ...conditionsOf(key, statement)] : under);
    }
  };
  visit(body["action"], when);
  return found;
}

function conditionsOf(kind: string, statement: PlNode): readonly string[] {
  if (!/_(?:if|case|while|fori|fors)$/.test(kind)) return [];
  const found: string[] = [];
  const own = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    for (const [key, inner] of Object.entries(value)) {
      if (/^(?:then_body|else_body|else_stmts|stmts|body)$/.test(key)) continue;
      const query = plQuery({ [key]: inner as PlNode });
      if (query === undefined) own(inner);
      else found.push(query);
    }
  };
  own(statement);
  return found;
}

type GivenHere = Omit<Given, "under">;

function statementGives(
  kind: string,
  statement: PlNode,
  datums: readonly PlNode[],
  table: string,
): readonly GivenHere[] {
  switch (kind) {
    case "PLpgSQL_stmt_assign":
      return assigned(plQuery(statement["expr"]) ?? "");
    case "PLpgSQL_stmt_execsql": {
      const sql = plQuery(statement["sqlstmt"]) ?? "";
      return [
        ...targetsOf(statement["target"]).map((to) => ({ to, from: sql })),
        ...(/\b(?:update|merge)\b/i.test(sql) ? updatesOf(sql, table) : []),
      ];
    }
    case "PLpgSQL_stmt_dynexecute": {
      const sql = plQuery(statement["query"]) ?? "";
      const targets = targetsOf(statement["target"]).map((to) => ({ to, from: undefined }));
      return /\bupdate\b/i.test(sql) ? [...targets, { to: "new", from: undefined }] : targets;
    }
    case "PLpgSQL_stmt_fori":
    case "PLpgSQL_stmt_fors":
    case "PLpgSQL_stmt_foreach_a":
    case "PLpgSQL_stmt_dynfors":
      return targetsOf(statement["var"] ?? statement["row"] ?? statement["rec"]).map((to) => ({
        to,
        from: undefined,
      }));
    case "PLpgSQL_stmt_return": {
      const sql = plQuery(statement["expr"]) ?? returned(statement, datums);
      return /^(?:\s|\W|new|old|null|coalesce|case|when|then|else|end|tg_op|'\w*')*$/i.test(sql)
        ? []
        : [{ to: "new", from: undefined }];
    }
    default:
      return [];
  }
}

/** `return new`: the parser gives the variable's number, and none for the first. */
function returned(statement: PlNode, datums: readonly PlNode[]): string {
  const datum = datums[Number(statement["retvarno"] ?? 0)];
  return String((datum?.["PLpgSQL_rec"] as PlNode | undefined)?.["refname"] ?? "");
}

function assigned(sql: string): readonly GivenHere[] {
  const [, target = "", from] =
    /^\s*((?:"[^"]+"|[\w$]+|\s*\.\s*|\[[^\]]*\])+?)\s*:?=(?!=)\s*([\s\S]*)$/.exec(sql) ?? [];
  const names = target
    .replaceAll(/\[[^\]]*\]/g, "")
    .split(".")
    .map((one) => one.trim().replaceAll('"', ""));
  return [{ to: names.slice(0, 2).join("."), from }];
}

function targetsOf(target: PlNode[string]): readonly string[] {
  const found: string[] = [];
  JSON.stringify(target ?? {}, (key, value: unknown) => {
    if ((key === "refname" || key === "name") && typeof value === "string" && !value.startsWith("("))
      found.push(value);
    return value;
  });
  return found;
}

/** A statement of the body that updates rows of the table itself. */
function updatesOf(sql: string, table: string): readonly GivenHere[] {
  const found: GivenHere[] = [];
  walk(parseStatements(sql), (node) => {
    const update = part(node, "UpdateStmt");
    if (update?.relation?.relname === table)
      for (const one of update.targetList ?? []) {
        const { name = "", val } = part(one, "ResTarget") ?? {};
        // In it a bare name is a column of the row that is there.
        const plain = val !== undefined && part(withoutCasts(val), "A_Const") !== undefined;
        found.push({ to: `new.${name}`, from: plain ? printExpression(val) : undefined });
      }
    const conflict = part(node, "InsertStmt");
    if (conflict?.relation?.relname === table)
      for (const one of conflict.onConflictClause?.targetList ?? [])
        found.push({ to: `new.${part(one, "ResTarget")?.name ?? ""}`, from: undefined });
    if (part(node, "MergeStmt")?.relation?.relname === table) found.push({ to: "new", from: undefined });
  });
  return found;
}

interface Reading {
  readonly column: string;
  readonly given: readonly Given[];
  readonly functions: readonly string[];
  readonly isWritable: (column: string) => boolean;
  readonly seen: Set<string>;
}

function isChosen({ from, under }: Given, reading: Reading): boolean {
  if (from === undefined) return true;
  const value = treeOf(from);
  if (value !== undefined && isOwnOrMoment(value, reading.column)) return false;
  return value === undefined || [value, ...under.map(treeOf)].some((one) => reads(one, reading));
}

function treeOf(sql: string): Node | undefined {
  try {
    return /^\s*select\b/i.test(sql) ? parseStatements(sql)[0] : parseExpression(sql);
  } catch {
    return undefined;
  }
}

const moments = new Set(["now", "clock_timestamp", "statement_timestamp", "transaction_timestamp"]);
/** Functions of Postgres that tell what a request says, or read tables. */
const telling = /^(?:current_setting|current_query|inet_\w+|\w+_to_xml\w*|pg_read_\w+|lo_\w+)$/;

/** What the column holds, or the time: no sender chooses that, even where one decides whether it is set. */
function isOwnOrMoment(value: Node, column: string): boolean {
  const node = withoutCasts(value);
  const [of, name] = fieldsOf(node) ?? [];
  if ((of === "old" || of === "new") && name === column) return true;
  const call = part(node, "FuncCall");
  const called = stringOf(call?.funcname?.at(-1));
  if (called === "timezone") return (call?.args ?? []).slice(1).every((one) => isOwnOrMoment(one, column));
  const clock = /_(?:CURRENT|LOCAL)_?(?:DATE|TIME)/.test(part(node, "SQLValueFunction")?.op ?? "");
  return clock || moments.has(called);
}

/** Whether an expression reads what the sender chooses, as far as one can say. */
function reads(tree: Node | undefined, reading: Reading): boolean {
  if (tree === undefined) return true;
  // What the user wrote, though the server signed it.
  let found = /user_metadata/i.test(JSON.stringify(tree));
  walk(tree, (node) => {
    const names = fieldsOf(node);
    if (names !== undefined) found ||= isChosenName(names, reading);
    const name = stringOf(part(node, "FuncCall")?.funcname?.at(-1));
    if (reading.functions.includes(name) || telling.test(name)) found ||= !isClaim(node);
    found ||= part(node, "RangeVar") !== undefined;
  });
  return found;
}

/** A claim that the server signed. */
function isClaim(node: Node): boolean {
  return /^(?:pg_catalog\.)?current_setting\('request\.jwt\.claim|^auth\.\w+\(\)$/.test(
    printExpression(node),
  );
}

function isChosenName([of = "", name, ...more]: readonly string[], reading: Reading): boolean {
  if (of === "old" || /^tg_/i.test(of) || of === "found") return false;
  if (of === "new" && name === reading.column && more.length === 0) return false;
  if (of === "new" && (name === undefined || reading.isWritable(name))) return true;
  const variable = of === "new" ? `new.${name}` : of;
  if (reading.seen.has(variable)) return false;
  reading.seen.add(variable);
  return reading.given.some(
    (one) => (one.to === variable || one.to.startsWith(`${variable}.`)) && isChosen(one, reading),
  );
}
