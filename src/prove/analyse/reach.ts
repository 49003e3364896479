import { grouped } from "../../lib/grouped.ts";
import type { ProofFunction, ProofRelation, Schema } from "./schema.ts";
import type { Node } from "libpg-query";
import { fieldsOf, part, stringOf, typeNameOf, walk, withoutCasts } from "./tree.ts";

/** What an expression reads besides its row, by itself or through functions, views and the policies of what it reads. */
export interface Reach {
  /** Answers of these may differ from one call to the next, or from the evaluation to the statement. */
  readonly volatile: ReadonlySet<string>;
  /** `public.members` */
  readonly relations: ReadonlySet<string>;
  /** The clock, or what changes with time though no row that it names does: a sequence, statistics. */
  readonly readsTime: boolean;
  /** Names a type of dates and moments, which the session's time zone may tell apart otherwise. */
  readonly namesMoments: boolean;
  /** Takes hours or days out of moments, or prints them: each time zone may say something else. */
  readonly printsMoments: boolean;
  /** Functions that find names by the caller's search_path. */
  readonly byPath: ReadonlySet<string>;
  /** Who logged in (session_user): on the proof's connections that is rowgate. */
  readonly readsLogin: boolean;
  /** The setting `role`: 'none' in a session that logs in as its role, and that role's name on the proof's connections. */
  readonly readsRole: boolean;
}

/** Stable, and still not the same when an expression is evaluated by itself and when a statement runs. */
const unlikeStatement: ReadonlySet<string> = new Set([
  "current_query",
  "pg_trigger_depth",
  "pg_backend_pid",
  "txid_current",
  "txid_current_snapshot",
  "txid_current_if_assigned",
  "pg_current_xact_id",
  "pg_current_xact_id_if_assigned",
  "pg_current_snapshot",
  "inet_client_port",
  "pg_export_snapshot",
]);

const role = /\bcurrent_setting\s*\(\s*'role'/i;
const login = /\b(?:(?:session|system)_user|session_authorization)\b/i;
// No calls: `last_value(x) over (…)` is a window's.
const counted =
  /\b(?:pg_stat\w*|pg_sequences|reltuples|relpages|relallvisible|relallfrozen|last_value|log_cnt|is_called)\b(?!\s*\()/gi;
const moments = /\b(?:timestamptz?|timetz|date)\b/i;
const printing = /\b(?:to_char|date_part|extract|date_trunc|date_bin|time|timetz)\b/i;
const words = /[a-z_\u0080-\uffff][\w$\u0080-\uffff]*/gi;
// Text that says so is cast to a date when it is asked.
const timely =
  /^(?:now|transaction_timestamp|statement_timestamp|pg_postmaster_start_time|pg_conf_load_time)$/;
const moment = "[\\d\\s:.,+-]*(?:now|today|tomorrow|yesterday)\\b(?:[\\d\\s:.,+-]|allballs|am|pm|utc|z)*";
// Alone, or as an element of an array or of JSON.
const relative = new RegExp(`^(?:[^]*[{,"(\\[])?${moment}(?:[},")\\]][^]*)?$`, "i");
const time = new RegExp(
  "\\b(?:now|timenow|pg_postmaster_start_time|pg_conf_load_time)\\s*\\(|\\bcurrent_(?:date|time|timestamp)\\b|\\blocaltime|" +
    `\\b(?:statement|transaction)_timestamp\\b|'(?:[^']*[{,"(\\[])?${moment}(?:[},")\\]][^']*)?'`,
  "i",
);
const age = /\bage\s*\(/gi;

/** `age(x)` counts from today, `age(a, b)` does not. */
function readsAge(text: string): boolean {
  return [...text.matchAll(age)].some(({ 0: found, index }) => {
    let open = 1;
    for (const one of text.slice(index + found.length)) {
      if (one === "," && open === 1) return false;
      open += one === "(" ? 1 : one === ")" ? -1 : 0;
      if (open === 0) return true;
    }
    return true;
  });
}

/** Follows names through texts: bodies are text, so a name that merely occurs there counts as read. */
export class Reaches {
  readonly #schema: Schema;
  readonly #texts = new Map<string, Reach>();
  readonly #trees = new WeakMap<object, Reach>();
  readonly #relationsByName: ReadonlyMap<string, readonly ProofRelation[]>;
  readonly #columns: ReadonlySet<string>;

  constructor(schema: Schema) {
    this.#schema = schema;
    this.#relationsByName = grouped(schema.relations, ({ name }) => name);
    this.#columns = new Set([...schema.relations].flatMap(({ columns }) => columns.map((one) => one.name)));
  }

  of(tree: object): Reach {
    const known = this.#trees.get(tree);
    if (known !== undefined) return known;
    const found = newlyFound();
    walk(tree, (node) => this.#note(node, found));
    this.#trees.set(tree, found);
    return found;
  }

  #note(node: Node, into: Found): void {
    const call = part(node, "FuncCall");
    const name = stringOf(call?.funcname?.at(-1));
    if (name !== "") this.#noteCall(name, into);
    const argument = call?.args?.[0];
    if (name === "current_setting" && argument !== undefined)
      into.readsRole ||= /^role$/i.test(part(withoutCasts(argument), "A_Const")?.sval?.sval ?? "");
    if (name === "age" && call?.args?.length === 1) into.readsTime = true;
    if (part(node, "RangeTableSample") !== undefined) into.volatile.add("TABLESAMPLE");
    const table = part(node, "RangeVar");
    if (table?.relname !== undefined)
      for (const one of this.#relationsByName.get(table.relname) ?? []) this.#noteRelation(one, into);
    const read = table?.relname ?? fieldsOf(node)?.at(-1) ?? "";
    if (this.#readsCounts(read)) into.readsTime = true;
    const type = typeNameOf(node);
    if (type !== "" && moments.test(type)) into.namesMoments = true;
    if (printing.test(name) || printing.test(type)) into.printsMoments = true;
    const text = part(node, "A_Const")?.sval?.sval ?? "";
    if (text !== "" && relative.test(text)) into.readsTime = true;
    const value = part(node, "SQLValueFunction");
    if (/SESSION_USER|SYSTEM_USER/.test(value?.op ?? "") || /^session_authorization$/i.test(text))
      into.readsLogin = true;
    if (value !== undefined && !/USER|ROLE|CATALOG|SCHEMA/.test(value.op ?? "")) into.readsTime = true;
    const operator = part(node, "A_Expr")?.name;
    if (operator !== undefined && operator.length > 1 && !trusted.has(stringOf(operator[0])))
      into.volatile.add(`operator ${operator.map(stringOf).join(".")}`);
  }

  #noteCall(name: string, into: Found): void {
    if (this.#isVolatile(name)) into.volatile.add(name);
    if (this.#schema.ownAggregates.has(name)) into.volatile.add(`the aggregate ${name}`);
    if (/^(?:session_user|system_user)$/.test(name)) into.readsLogin = true;
    if (timely.test(name) || name.startsWith("pg_stat_get_")) into.readsTime = true;
    for (const one of this.#schema.namesakes(name)) merge(into, this.ofFunction(one));
  }

  /** Sequences and statistics, but no column of a table that is called so. */
  #readsCounts(text: string): boolean {
    return (
      text !== "" && [...text.matchAll(counted)].some(([name]) => !this.#columns.has(name.toLowerCase()))
    );
  }

  #isVolatile(name: string): boolean {
    return (
      unlikeStatement.has(name) ||
      (this.#schema.volatileBuiltins.has(name) && this.#schema.namesakes(name).length === 0)
    );
  }

  ofFunction(fn: ProofFunction): Reach {
    const key = `${fn.schema}.${fn.name}(${fn.argumentTypes.join()})`;
    const text = `${fn.source}\n${fn.sqlBody ?? ""}\n${fn.defaults ?? ""}`;
    const opaque = fn.language !== "sql" && fn.language !== "plpgsql";
    const dynamic = fn.language === "plpgsql" && /\bexecute\b/i.test(text);
    const volatile = [
      ...(opaque && fn.volatility === "volatile" ? [fn.name] : []),
      ...(dynamic ? [`EXECUTE in ${fn.name}`] : []),
    ];
    // A body that was parsed when the function was made holds no names any more.
    const pinned = fn.sqlBody !== null || fn.settings.some((one) => /^search_path=/i.test(one));
    return this.#text(key, text, volatile, pinned ? [] : [`${fn.schema}.${fn.name}`]);
  }

  /** A view's query, and of a table the policies that decide which of its rows are read. */
  #noteRelation(relation: ProofRelation, into: Found): void {
    const key = `${relation.schema}.${relation.name}`;
    into.relations.add(key);
    const policies = relation.policies.flatMap(({ command, using }) =>
      command === "select" || command === "all" ? (using ?? "") : "",
    );
    merge(into, this.#text(key, [relation.definition ?? "", ...policies].join("\n"), []));
  }

  #text(key: string, text: string, volatile: readonly string[], byPath: readonly string[] = []): Reach {
    const known = this.#texts.get(key);
    if (known !== undefined) return known;
    const sampled = /\btablesample\b/i.test(text) ? ["TABLESAMPLE"] : [];
    const found = {
      ...newlyFound(
        [...volatile, ...sampled],
        byPath,
        time.test(text) || readsAge(text) || this.#readsCounts(text),
      ),
      namesMoments: moments.test(text),
      printsMoments: printing.test(text),
      readsLogin: login.test(text),
      readsRole: role.test(text),
    };
    // Before what it calls: a circle ends here.
    this.#texts.set(key, found);
    for (const name of new Set(text.match(words))) {
      const low = name.toLowerCase();
      for (const one of this.#relationsByName.get(name) ?? this.#relationsByName.get(low) ?? [])
        this.#noteRelation(one, found);
      // Without looking for a parenthesis: a comment may precede it.
      this.#noteCall(low, found);
      if (low !== name) this.#noteCall(name, found);
    }
    return found;
  }
}

/** Operators of these schemas are known: citext's, and what comes with Postgres. */
const trusted: ReadonlySet<string> = new Set(["pg_catalog", "public", "extensions"]);

interface Found {
  readonly volatile: Set<string>;
  readonly relations: Set<string>;
  readsTime: boolean;
  namesMoments: boolean;
  printsMoments: boolean;
  readsLogin: boolean;
  readsRole: boolean;
  readonly byPath: Set<string>;
}

function newlyFound(
  volatile: readonly string[] = [],
  byPath: readonly string[] = [],
  readsTime = false,
): Found {
  return {
    volatile: new Set(volatile),
    relations: new Set(),
    readsTime,
    namesMoments: false,
    printsMoments: false,
    readsLogin: false,
    readsRole: false,
    byPath: new Set(byPath),
  };
}

function merge(into: Found, from: Reach): void {
  if (into === from) return;
  for (const one of from.volatile) into.volatile.add(one);
  for (const one of from.relations) into.relations.add(one);
  for (const one of from.byPath) into.byPath.add(one);
  into.readsTime ||= from.readsTime;
  into.namesMoments ||= from.namesMoments;
  into.printsMoments ||= from.printsMoments;
  into.readsLogin ||= from.readsLogin;
  into.readsRole ||= from.readsRole;
}
