import type { Node, RangeVar } from "libpg-query";
import { parsePlpgsql, statementsOfAtomic, walkPlpgsql } from "../../lib/function-body.ts";
import { parseStatements } from "../../lib/sql-tree.ts";
import type { ProofFunction, ProofRelation, Schema } from "./schema.ts";
import { conjuncts, fieldsOf, part, stringOf, walk } from "./tree.ts";

export type Writing = "insert" | "update" | "delete";

/** What a statement does to rows besides those that it names: by triggers, and by what foreign keys do. */
export interface Effect {
  readonly on: ProofRelation;
  readonly command: Writing;
  /** Columns that may be set; `undefined`: any. */
  readonly columns: readonly string[] | undefined;
  /** Only the row for which a trigger is fired. */
  readonly same: boolean;
  /** With other rights than those of the role that sent the statement. */
  readonly elevated: boolean;
  /** Columns that are the same in the row that is reached and in the one that it hangs on. */
  readonly shared: readonly string[];
  readonly by: string;
}

export type Write = Omit<Effect, "by">;

/** What a function is taken to write that cannot be read. */
export interface Unread {
  readonly on: readonly ProofRelation[];
  /** Only what it has words for: what it sends may be said elsewhere, in a table or in an argument of a trigger. */
  readonly isSaid: boolean;
}

/**
 * What a function writes, and the functions that it names. Each is read once for each kind of rights that it is called with: by its
 * paths there would be as many as orders of the functions.
 */
export function writesOf(fn: ProofFunction, schema: Schema, unread: Unread): readonly Write[] {
  const found: Write[] = [];
  const seen = new Set<ProofFunction>([fn]);
  const seenElevated = new Set<ProofFunction>([fn]);
  const open: { readonly called: ProofFunction; readonly elevated: boolean }[] = [
    { called: fn, elevated: false },
  ];
  for (const { called, elevated } of open) {
    if (called.language === "c" || called.language === "internal") continue;
    const above = elevated || called.definer;
    const text = `${called.source}\n${called.sqlBody ?? ""}`.replaceAll(commentOrText, (one) =>
      one.startsWith("'") ? one : " ",
    );
    for (const one of writesIn(called, text, schema, unread))
      found.push({
        ...one,
        same: called === fn && one.same && !givesNew(text, one.on),
        elevated: one.elevated || above,
      });
    const known = above ? seenElevated : seen;
    for (const next of [...calledIn(`${text} ${called.defaults ?? ""}`, schema), ...schema.unnamed]) {
      if (known.has(next)) continue;
      known.add(next);
      open.push({ called: next, elevated: above });
    }
  }
  return found;
}

const commentOrText = /'(?:[^']|'')*'|--.*$|\/\*[\s\S]*?\*\//gm;
const words = /[\p{L}_][\p{L}\w$]*/gu;

/** Functions that may write, and that a text names, or a view or a policy of what it names. */
export function calledIn(text: string, schema: Schema): readonly ProofFunction[] {
  const names = new Set((text.match(words) ?? []).flatMap((one) => [one, one.toLowerCase()]));
  for (const [, quoted = ""] of text.matchAll(/"((?:[^"]|"")+)"/g)) names.add(quoted.replaceAll('""', '"'));
  for (const name of names)
    for (const { definition, policies } of schema.named(name))
      for (const one of [definition, ...policies.map(({ using }) => using)])
        for (const word of one?.match(words) ?? []) names.add(word);
  return [...names]
    .flatMap((name) => schema.namesakes(name))
    .filter(({ volatility, returns }) => volatility === "volatile" && returns !== "trigger");
}

/** Whether `new` or `old` may be another row than the one that a trigger is fired for. */
function givesNew(text: string, { keys }: ProofRelation): boolean {
  const assigned = [
    ...text.matchAll(
      /(?:^|;|\b(?:then|else|begin|loop|declare)\b)\s*(?:new|old)\s*(?:\.\s*"?(\w+)"?\s*)?:?=/gi,
    ),
    ...text.matchAll(/\binto\s+(?:strict\s+)?(?:[\w.]+\s*,\s*)*(?:new|old)\b(?:\.(\w+))?/gi),
  ].map(([, name]) => name);
  return (
    /\b(?:for|declare)\s+(?:new|old)\b|\b(?:new|old)\s+(?:record|[\w.]+%(?:row)?type)\b/i.test(text) ||
    assigned.some((name) => name === undefined || keys.some((key) => key.includes(name)))
  );
}

function writesIn(
  fn: ProofFunction,
  text: string,
  schema: Schema,
  { on: anywhere, isSaid }: Unread,
): readonly Write[] {
  try {
    return queriesOf(fn, text).flatMap((sql) =>
      statementsOf(sql).flatMap((tree) => writesOfTree(tree, schema)),
    );
  } catch {
    return (["insert", "update", "delete"] as const)
      .filter((command) => !isSaid || new RegExp(`\\b(?:${saidBy[command]})\\b`, "i").test(text))
      .flatMap((command) =>
        anywhere.map((on) => ({ on, command, columns: undefined, same: false, elevated: false, shared: [] })),
      );
  }
}

const saidBy = { insert: "insert", update: "update", delete: "delete|truncate" } as const;

/** @throws where it is not known what is sent */
function queriesOf(fn: ProofFunction, text: string): readonly string[] {
  if (fn.language === "sql") return [fn.sqlBody === null ? text : statementsOfAtomic(text)];
  if (fn.language !== "plpgsql") throw new Error("another language");
  const returns = `${fn.returnsSet ? "setof " : ""}${fn.returns}`;
  const found: string[] = [];
  walkPlpgsql(parsePlpgsql({ ...fn, returns }), (key, { query }) => {
    if (/^PLpgSQL_stmt_dyn|^dynquery$/.test(key)) throw new Error("dynamic");
    if (typeof query === "string") found.push(query);
  });
  return found;
}

/** Rules are printed by Postgres itself. */
export function writesOfRule(definition: string, schema: Schema): readonly Write[] {
  return parseStatements(definition).flatMap((tree) => writesOfTree(tree, schema));
}

const writing = /\b(?:insert|update|delete|merge|truncate|refresh|policy|row\s+level\s+security|do)\b/i;

/** Expressions and assignments write nothing. @throws */
function statementsOf(sql: string): readonly Node[] {
  return writing.test(sql.replaceAll(/'(?:[^']|'')*'/g, "''")) ? parseStatements(sql) : [];
}

/** What a TRUNCATE with CASCADE empties as well: tables with a foreign key to these, and so on. */
function pointingTo(emptied: readonly ProofRelation[], schema: Schema): readonly ProofRelation[] {
  const open = [...emptied];
  for (const of of open)
    for (const one of schema.relations)
      if (
        !open.includes(one) &&
        one.foreignKeys.some(({ to }) => to.name === of.name && to.schema === of.schema)
      )
        open.push(...schema.kin(one).filter((kin) => !open.includes(kin)));
  return open.slice(emptied.length);
}

function writesOfTree(tree: Node, schema: Schema): readonly Write[] {
  const found: Write[] = [];
  const add = (
    command: Writing,
    target: RangeVar | undefined,
    columns: readonly string[] | undefined,
    where?: Node,
  ): void => {
    for (const named of schema.relations)
      if (named.name === target?.relname && (target.schemaname ?? named.schema) === named.schema)
        for (const on of schema.kin(named))
          found.push({
            on,
            command,
            // A view may call them otherwise, and writes with its owner's rights.
            columns: named.definition === null ? columns : undefined,
            same: isOwnRow(where, on, target.alias?.aliasname ?? target.relname),
            elevated: named.definition !== null,
            shared: [],
          });
  };
  walk(tree, (node) => {
    if (part(node, "DoStmt") !== undefined) throw new Error("a block of its own");
    const remove = part(node, "DeleteStmt");
    if (remove !== undefined)
      add("delete", remove.relation, undefined, remove.usingClause ? undefined : remove.whereClause);
    const emptied = part(node, "TruncateStmt");
    for (const one of emptied?.relations ?? []) add("delete", part(one, "RangeVar"), undefined);
    if (emptied?.behavior === "DROP_CASCADE")
      for (const on of pointingTo([...new Set(found.map((one) => one.on))], schema))
        found.push({ on, command: "delete", columns: undefined, same: false, elevated: false, shared: [] });
    const refreshed = part(node, "RefreshMatViewStmt")?.relation;
    for (const on of refreshed === undefined ? [] : schema.named(refreshed.relname ?? ""))
      if ((refreshed?.schemaname ?? on.schema) === on.schema)
        for (const command of ["insert", "update", "delete"] as const)
          found.push({ on, command, columns: undefined, same: false, elevated: false, shared: [] });
    // Policies that are others afterwards let anything through.
    const opened =
      part(node, "AlterTableStmt")?.relation ??
      part(node, "CreatePolicyStmt")?.table ??
      part(node, "AlterPolicyStmt")?.table;
    for (const one of opened === undefined ? [] : (["insert", "update", "delete"] as const))
      add(one, opened, undefined);
    const insert = part(node, "InsertStmt");
    if (insert !== undefined) {
      add("insert", insert.relation, undefined);
      const conflict = insert.onConflictClause;
      if (conflict?.action === "ONCONFLICT_UPDATE")
        add("update", insert.relation, setBy(conflict.targetList));
    }
    const update = part(node, "UpdateStmt");
    if (update !== undefined) add("update", update.relation, setBy(update.targetList), update.whereClause);
    const merge = part(node, "MergeStmt");
    if (merge !== undefined)
      for (const one of ["insert", "update", "delete"] as const) add(one, merge.relation, undefined);
  });
  return found;
}

function setBy(targets: readonly Node[] | undefined): readonly string[] {
  return (targets ?? []).flatMap((one) => part(one, "ResTarget")?.name ?? []);
}

/** `where id = new.id` */
function isOwnRow(where: Node | undefined, { keys }: ProofRelation, target: string | undefined): boolean {
  const equal = conjuncts(where).flatMap((one) => {
    const { kind, name, lexpr, rexpr } = part(one, "A_Expr") ?? {};
    if (kind !== "AEXPR_OP" || stringOf(name?.at(-1)) !== "=") return [];
    const sides = [fieldsOf(lexpr), fieldsOf(rexpr)];
    const given = sides.find((side) => side?.length === 2 && /^(?:new|old)$/.test(side[0] ?? ""));
    const [column, of = target] = sides.find((side) => side !== given)?.toReversed() ?? [];
    return given !== undefined && column === given[1] && of === target ? [column] : [];
  });
  return keys.some((key) => key.every((name) => equal.includes(name)));
}
