import type { Node } from "libpg-query";
import { parsePlpgsql, plArms, plList, type PlNode, plNode, plQuery } from "../../lib/function-body.ts";
import { parseExpression } from "../../lib/sql-tree.ts";
import { isNeutral } from "./clock.ts";
import type { Reading } from "./inline.ts";
import type { ProofFunction, ProofRelation, ProofTrigger, Schema } from "./schema.ts";
import { fieldsOf, part, printExpression, stringOf, walk, withoutCasts } from "./tree.ts";

/** What BEFORE triggers leave of a row, whatever was sent: policies are asked about the row as it is after them. */
export interface StoredRow {
  /** Columns that hold what an expression says that is the same for the whole session. */
  readonly set: ReadonlyMap<string, string>;
  /** Columns that an UPDATE leaves as they were. */
  readonly kept: ReadonlySet<string>;
  /** Columns that may hold what neither was sent nor was there. */
  readonly written: ReadonlySet<string>;
}

type Event = "insert" | "update";

/** What a column holds: an expression's value, what it held before, or what is not known. A column that is not there holds what was sent. */
type Value = { readonly sql: string } | "old" | "any";
type Values = ReadonlyMap<string, Value>;

/** What the triggers leave is not known. */
class Unknown extends Error {}

const known = new WeakMap<ProofRelation, Map<Event, StoredRow | undefined>>();

/** `undefined`: a trigger may do anything to the row. */
export function storedRow(relation: ProofRelation, event: Event, reading: Reading): StoredRow | undefined {
  const own = known.get(relation) ?? new Map<Event, StoredRow | undefined>();
  known.set(relation, own);
  if (!own.has(event)) own.set(event, afterTriggers(relation, event, reading));
  return own.get(event);
}

function afterTriggers(relation: ProofRelation, event: Event, reading: Reading): StoredRow | undefined {
  const triggers = relation.triggers.filter(
    ({ timing, level, events }) => timing === "before" && level === "row" && events.includes(event),
  );
  // Rows of a child fire the child's triggers, and a rule sends something else.
  const isAlone = reading.schema.kin(relation).filter((one) => one.definition === null).length === 1;
  if (triggers.length > 0 && (!isAlone || relation.rules.length > 0)) return undefined;
  const values = new Map<string, Value>();
  const body = { event, reading, comparable: comparableColumns(relation) };
  try {
    // What the session says, a trigger that sets it may change.
    if (triggers.length > 0 && relation.triggers.some((one) => setsSettings(one, reading.schema)))
      return undefined;
    // In the order of their names.
    for (const trigger of triggers)
      for (const [name, value] of valuesAfter(trigger, body))
        values.set(name, trigger.always ? value : "any");
  } catch {
    return undefined;
  }
  const all = [...values];
  return {
    set: new Map(all.flatMap(([name, one]) => (typeof one === "object" ? [[name, one.sql] as const] : []))),
    kept: new Set(all.flatMap(([name, one]) => (one === "old" ? [name] : []))),
    written: new Set(all.flatMap(([name, one]) => (one === "old" ? [] : [name]))),
  };
}

/** Columns of which equal values are the same. */
function comparableColumns({ columns }: ProofRelation): ReadonlySet<string> {
  const same =
    /^(?:uuid|text|character varying|smallint|integer|bigint|boolean|date|timestamp with(?:out)? time zone)$/;
  return new Set(
    columns.flatMap((one) => (same.test(one.base) && one.deterministic && !one.redefined ? [one.name] : [])),
  );
}

/** By itself, or by a function that it names. */
function setsSettings(trigger: ProofTrigger, schema: Schema): boolean {
  const open = [...schema.namesakes(trigger.function.name)];
  const seen = new Set(open);
  for (const { source, sqlBody, language } of open) {
    const text = `${source} ${sqlBody ?? ""}`;
    if (/\bset_config\b|\bset\s+(?:local|session|role)\b|\bexecute\b/i.test(text)) return true;
    if (language !== "sql" && language !== "plpgsql") continue;
    for (const word of new Set(text.match(/[\p{L}_][\p{L}\w$]*/gu)))
      for (const one of schema.namesakes(word)) {
        if (seen.has(one)) continue;
        seen.add(one);
        open.push(one);
      }
  }
  return false;
}

interface About {
  readonly event: Event;
  readonly reading: Reading;
  readonly comparable: ReadonlySet<string>;
}

function valuesAfter({ function: named }: ProofTrigger, about: About): Values {
  const { reading } = about;
  const [fn, ...others] = reading.schema.namesakes(named.name).filter((one) => one.schema === named.schema);
  if (fn === undefined || others.length > 0 || fn.language !== "plpgsql") throw new Unknown();
  if (fn.settings.some((one) => !/^search_path=/i.test(one))) throw new Unknown();
  return new BodyReader(fn, about).read();
}

const isError = 21;

class BodyReader {
  readonly #event: Event;
  readonly #reading: Reading;
  readonly #comparable: ReadonlySet<string>;
  readonly #body: PlNode;
  readonly #datums: readonly PlNode[];
  /** The row as each RETURN leaves it. */
  readonly #returned: Values[] = [];

  constructor({ source }: ProofFunction, { event, reading, comparable }: About) {
    this.#body = parsePlpgsql({ source, returns: "trigger" });
    this.#datums = plList(this.#body["datums"]);
    this.#event = event;
    this.#reading = reading;
    this.#comparable = comparable;
    // A variable of that name, or another name for it.
    const rows = this.#datums.filter((one) => /^(?:new|old)$/i.test(nameOf(one)));
    if (rows.length !== 2 || /\balias\b/i.test(source)) throw new Unknown();
  }

  read(): Values {
    this.#all([this.#body["action"] as PlNode], new Map());
    const names = new Set(this.#returned.flatMap((one) => [...one.keys()]));
    return new Map([...names].map((name) => [name, sameOf(this.#returned.map((one) => one.get(name)))]));
  }

  /** @returns what holds behind the statements; `undefined`: they never end there */
  #all(statements: readonly PlNode[], values: Values): Values | undefined {
    let here: Values | undefined = values;
    for (const one of statements) here = here && this.#statement(one, here);
    return here;
  }

  #statement(one: PlNode, values: Values): Values | undefined {
    const [kind = ""] = Object.keys(one);
    const body = plNode(one, kind) ?? {};
    switch (kind) {
      case "PLpgSQL_stmt_block":
        if (body["exceptions"] !== undefined) throw new Unknown();
        return this.#all(plList(body["body"]), values);
      case "PLpgSQL_stmt_assign":
        return this.#assign(body, values);
      case "PLpgSQL_stmt_if":
        return this.#branches(body, values);
      case "PLpgSQL_stmt_return":
        return this.#return(body, values);
      case "PLpgSQL_stmt_raise":
        return Number(body["elog_level"]) >= isError ? undefined : values;
      case "PLpgSQL_stmt_perform":
      case "PLpgSQL_stmt_assert":
        return values;
      case "PLpgSQL_stmt_execsql":
        return this.#into(body, values);
      default:
        throw new Unknown();
    }
  }

  #return(body: PlNode, values: Values): undefined {
    const row = nameOf(this.#datums[Number(body["retvarno"] ?? -1)]);
    const query = plQuery(body["expr"]);
    if (query !== undefined && /^\s*null\s*$/i.test(query)) return undefined;
    if (query === undefined && row === "new") this.#returned.push(values);
    else throw new Unknown();
    return undefined;
  }

  #assign(body: PlNode, values: Values): Values {
    const target = this.#datums[Number(body["varno"] ?? 0)];
    const name = this.#columnOf(target);
    if (name === undefined) {
      if (/^(?:new|old)$/.test(nameOf(target))) throw new Unknown();
      return values;
    }
    const [, sql] =
      /^\s*new\s*\.\s*(?:"(?:[^"]|"")*"|[\w$]+)\s*:?=\s*([\s\S]*)$/i.exec(plQuery(body["expr"]) ?? "") ?? [];
    return new Map([...values, [name, sql === undefined ? "any" : this.#valueOf(sql, name, values)]]);
  }

  /** The column of the new row that a target is; of `old` nothing is stored. */
  #columnOf(target: PlNode | undefined): string | undefined {
    const field = plNode(target, "PLpgSQL_recfield");
    if (field === undefined) return undefined;
    const of = nameOf(this.#datums[Number(field["recparentno"] ?? 0)]);
    if (of === "old") throw new Unknown();
    return of === "new" ? String(field["fieldname"]) : undefined;
  }

  #into(body: PlNode, values: Values): Values {
    if (body["into"] === undefined) return values;
    const target = body["target"] as PlNode | undefined;
    if (/^(?:new|old)$/.test(nameOf(target))) throw new Unknown();
    const fields = plList(plNode(target, "PLpgSQL_row")?.["fields"]);
    const names = fields.flatMap(({ varno }) => this.#columnOf(this.#datums[Number(varno ?? 0)]) ?? []);
    return new Map([...values, ...names.map((name) => [name, "any"] as const)]);
  }

  #valueOf(sql: string, name: string, values: Values): Value {
    const tree = parseExpression(sql);
    const [of, column, ...more] = fieldsOf(tree) ?? [];
    if (of === "old" && column === name && more.length === 0) return this.#event === "update" ? "old" : "any";
    if (of === "new" && column !== undefined && more.length === 0) {
      // What was sent for it.
      if (column === name) return values.get(name) ?? "any";
      const other = values.get(column);
      return typeof other === "object" ? other : "any";
    }
    return this.#isOfSession(tree) ? { sql: printExpression(tree) } : "any";
  }

  /** It reads no row and no variable, and the policy's user would get the same answer. */
  #isOfSession(tree: Node): boolean {
    const { schema, reaches } = this.#reading;
    let plain = isNeutral(tree, this.#reading) && !reaches.of(tree).readsTime;
    walk(tree, (node) => {
      const called = part(node, "FuncCall")?.funcname ?? [];
      plain &&= called.length !== 1 || schema.namesakes(stringOf(called[0])).length === 0;
      plain &&= fieldsOf(node) === undefined && part(node, "ParamRef") === undefined;
      plain &&= (part(node, "SelectStmt")?.fromClause ?? []).length === 0;
    });
    return plain;
  }

  #branches(body: PlNode, values: Values): Values | undefined {
    const ends: (Values | undefined)[] = [];
    let here = values;
    for (const { when, body: own } of plArms(body)) {
      if (when === undefined) throw new Unknown();
      const condition = parseExpression(when);
      const truth = this.#byEvent(condition);
      if (truth !== false) ends.push(this.#all(own, this.#knowing(condition, true, here)));
      if (truth === true) return bothOf(ends);
      here = this.#knowing(condition, false, here);
    }
    return bothOf([...ends, this.#all(plList(body["else_body"]), here)]);
  }

  /** The truth of a condition on TG_OP. */
  #byEvent(node: Node): boolean | undefined {
    const bool = part(node, "BoolExpr");
    if (bool !== undefined) {
      const all = (bool.args ?? []).map((one) => this.#byEvent(one));
      if (bool.boolop === "NOT_EXPR") return all[0] === undefined ? undefined : !all[0];
      const decides = bool.boolop === "OR_EXPR";
      if (all.includes(decides)) return decides;
      return all.includes(undefined) ? undefined : !decides;
    }
    const { kind, name, lexpr, rexpr } = part(node, "A_Expr") ?? {};
    if (fieldsOf(lexpr)?.join() !== "tg_op" || rexpr === undefined) return undefined;
    const items = part(rexpr, "List")?.items ?? [rexpr];
    const texts = items.map((one) => part(withoutCasts(one), "A_Const")?.sval?.sval);
    if (texts.includes(undefined) || !/^AEXPR_(?:OP|IN)$/.test(kind ?? "")) return undefined;
    const operator = stringOf(name?.[0]);
    const isIn = texts.includes(this.#event.toUpperCase());
    return operator === "=" ? isIn : operator === "<>" || operator === "!=" ? !isIn : undefined;
  }

  /** Columns that are as they were where the condition is true, or not true. */
  #knowing(condition: Node, holds: boolean, values: Values): Values {
    if (this.#event === "insert") return values;
    const same = this.#unchanged(condition, holds).filter((name) => !values.has(name));
    return new Map([...values, ...same.map((name) => [name, "old"] as const)]);
  }

  #unchanged(node: Node, holds: boolean): readonly string[] {
    const bool = part(node, "BoolExpr");
    const [first] = bool?.args ?? [];
    if (bool?.boolop === "NOT_EXPR" && first !== undefined) {
      // Not true, a negation may be NULL.
      return holds ? this.#unchanged(first, false) : [];
    }
    if (bool !== undefined) {
      // All of them are true, or none is; of others those that TG_OP leaves.
      const rest = (bool.args ?? []).filter((one) => this.#byEvent(one) !== (bool.boolop === "AND_EXPR"));
      const each = (bool.boolop === "AND_EXPR") === holds || rest.length === 1 ? rest : [];
      return each.flatMap((one) => this.#unchanged(one, holds));
    }
    const { kind, name, lexpr, rexpr } = part(node, "A_Expr") ?? {};
    const isSame =
      kind === "AEXPR_NOT_DISTINCT" ||
      (kind === "AEXPR_OP" && name?.length === 1 && stringOf(name[0]) === "=");
    if (holds ? !isSame : kind !== "AEXPR_DISTINCT") return [];
    const [left, right] = [fieldsOf(lexpr), fieldsOf(rexpr)];
    const column = left?.[1];
    if (column === undefined || !this.#comparable.has(column)) return [];
    const isOfBoth = [left?.[0], right?.[0]].toSorted().join() === "new,old";
    return isOfBoth && column === right?.[1] ? [column] : [];
  }
}

/** What is the same in each; sent in one and written in another, it may be anything. */
function sameOf(all: readonly (Value | undefined)[]): Value {
  const [first] = all;
  const is = all.every((one) => JSON.stringify(one) === JSON.stringify(first));
  return is && first !== undefined ? first : "any";
}

function bothOf(all: readonly (Values | undefined)[]): Values | undefined {
  const ends = all.filter((one) => one !== undefined);
  if (ends.length === 0) return undefined;
  const names = new Set(ends.flatMap((one) => [...one.keys()]));
  return new Map([...names].map((name) => [name, sameOf(ends.map((one) => one.get(name)))]));
}

function nameOf(datum: PlNode | undefined): string {
  const variable = plNode(datum, "PLpgSQL_rec") ?? plNode(datum, "PLpgSQL_var");
  return String(variable?.["refname"] ?? "").toLowerCase();
}
