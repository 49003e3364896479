import { isCode } from "../model/answers.ts";
import type { Node } from "libpg-query";
import { bodyOf } from "./analyse/bodies.ts";
import type { Condition } from "./analyse/policy.ts";
import { type Actor, persona, type Question } from "./analyse/question.ts";
import { actorOf, inlined } from "./analyse/inline.ts";
import type { ProofRelation } from "./analyse/schema.ts";
import {
  columnRef,
  fieldsOf,
  free,
  fromItemName,
  outerNames,
  part,
  printExpression,
  readsRow,
  row as rowName,
  stringOf,
  walk,
  withoutCasts,
} from "./analyse/tree.ts";
import { quoteIdent, quoteQualified } from "../lib/sql-text.ts";
import type { Row } from "./ask/evaluate.ts";
import { unstorableRows } from "./storable.ts";
import type { Space } from "./ask/product.ts";
import { type Answering, representatives } from "./ask/represent.ts";
import { privileged, isError, type Step } from "./ask/session.ts";
import { placed, wayToInsert } from "./show/place.ts";
import type { Context } from "./context.ts";

/**
 * A relation that its own policies read: a row that is put in changes what they say, of itself too. So each row is put in, and
 * policy and matrix are asked with it there.
 */
export interface SelfCheck {
  /** Rows on which they differ once they are there. */
  readonly more: readonly Row[];
  readonly less: readonly Row[];
  /** Not all rows could be tried. */
  readonly incomplete: boolean;
}

const rowLimit = 1_500;

export async function checkWithRow(
  context: Context,
  policy: Condition,
  declared: Condition,
  rows: readonly Row[] | undefined,
  both: boolean,
): Promise<SelfCheck> {
  if (rows === undefined) return { more: [], less: [], incomplete: true };
  const more = await ownValues(context, [policy, declared]);
  let all: Row[] = rows.length === 0 ? [{}] : [...rows];
  for (const [name, values] of more) {
    // What the product varies already it varies on.
    const missing = values.filter((one) => !all.some((row) => row[name] === one));
    if (all[0] !== undefined && name in all[0])
      all = [
        ...all,
        ...all.slice(0, 200).flatMap((row) => missing.map((value) => ({ ...row, [name]: value }))),
      ];
    else all = all.flatMap((row) => values.map((value) => ({ ...row, [name]: value })));
    if (all.length > rowLimit * 20) return { more: [], less: [], incomplete: true };
  }
  all = [...all, ...all.slice(0, rowLimit).flatMap((row) => mirrored(row, context, [policy, declared]))];
  const refused = await unstorableRows(context, all, "with the others");
  const storable = all.filter((one) => !refused.rows.has(one));
  const tried = storable.slice(0, rowLimit);
  const answer = await Promise.all(tried.map((row) => askWithRow(context, policy, declared, row)));
  const differing = (wanted: (one: WithRow) => boolean): readonly Row[] =>
    tried.filter((_, index) => {
      const one = answer[index];
      return one !== undefined && one !== "refused" && wanted(one);
    });
  return {
    more: differing(({ policy: own, declared: wanted }) => own && !wanted),
    less: both ? differing(({ policy: own, declared: wanted }) => !own && wanted) : [],
    incomplete: storable.length > tried.length || answer.includes(undefined),
  };
}

interface WithRow {
  readonly policy: boolean;
  readonly declared: boolean;
}

/** `undefined`: it could not be asked; `refused`: constraints allow no such row next to the existing ones. */
async function askWithRow(
  context: Context,
  policy: Condition,
  declared: Condition,
  row: Row,
): Promise<WithRow | "refused" | undefined> {
  const { space, as, full } = context;
  const table = quoteQualified(space.relation);
  const [theirs = "", ours = ""] = [declared, policy].map(({ alias }) => quoteIdent(alias));
  const stored = `select pg_catalog.set_config('rowgate.stored', pg_catalog.to_jsonb("rowgate:put".*)::text, true) from ${table} as "rowgate:put" where ${placed('"rowgate:put"')}`;
  const allowed = `select ((${declared.text}) is true)::text from ${table} as ${theirs} where ${placed(theirs)}`;
  const asked = `select ((${policy.text}) is true)::text from pg_catalog.jsonb_populate_record(null::${table}, pg_catalog.current_setting('rowgate.stored')::jsonb) as ${ours}`;
  const questions: Step[] = [
    { as: full, sql: allowed, rows: true },
    { as, sql: asked, rows: true },
  ];
  let refusedBy: string | undefined;
  // Values of the other columns may be what a constraint refuses: they are tried as another row has them, and new.
  for (const fresh of [false, true]) {
    const { place } = await wayToInsert(space, row, fresh);
    const first: Step[] = [
      { as: privileged, sql: place, rows: true },
      { as: privileged, sql: stored, rows: true },
    ];
    const [put, , wanted, got] = await space.session.askAbout(first, questions);
    if (isError(put) && isCode(put.code, "constraint")) {
      refusedBy = put.code;
      continue;
    }
    if (wanted === undefined || got === undefined || !("value" in wanted) || !("value" in got))
      return undefined;
    return { declared: wanted.value === "true", policy: got.value === "true" };
  }
  return mayRefuse(context, row, refusedBy) ? "refused" : undefined;
}

/** Is there a constraint of that kind over the row's known columns alone? Else the values that were made up may be to blame. */
function mayRefuse({ space: { relation, checks } }: Context, row: Row, code: string | undefined): boolean {
  const isKnown = (names: Iterable<string>): boolean => [...names].every((name) => Object.hasOwn(row, name));
  if (isCode(code ?? null, "unique")) return relation.uniques.some(isKnown);
  if (isCode(code ?? null, "foreignKey")) return relation.foreignKeys.some(({ columns }) => isKnown(columns));
  if (isCode(code ?? null, "check"))
    return checks.some(({ atoms }) => isKnown(atoms.flatMap(({ columns }) => [...columns])));
  return false;
}

interface Compared {
  readonly column: string;
  /** What it is compared with: a value, or another column of the row that the policy is about (`*`: any of its type). */
  readonly with: Question | string;
}

/** The same for every persona: a tree belongs to one relation. */
const comparedOf = new WeakMap<Node, readonly Compared[]>();

/** A row may be the one that its own policies look for: it holds in one column what they compare that with in another. */
function mirrored(row: Row, context: Context, conditions: readonly Condition[]): readonly Row[] {
  const { columns } = context.space.relation;
  const typeOf = (name: string): string | undefined =>
    columns.find((one) => one.name === name && !one.generated)?.base;
  const pairs = comparedBy(context, conditions).flatMap(({ column, with: other }) => {
    if (typeof other !== "string" || typeOf(column) === undefined) return [];
    const others = other === "*" ? Object.keys(row).filter((one) => typeOf(one) === typeOf(column)) : [other];
    return others.flatMap((one) => {
      const value = one === column ? undefined : row[one];
      return value === undefined || value === row[column] ? [] : [{ [column]: value }];
    });
  });
  const each = pairs.map((one): Row => ({ ...row, ...one }));
  return pairs.length < 2 ? each : [...each, Object.assign({}, row, ...pairs) as Row];
}

function comparedBy(context: Context, conditions: readonly Condition[]): readonly Compared[] {
  return conditions.flatMap(({ tree }) => {
    if (tree === undefined) return [];
    const known = comparedOf.get(tree) ?? comparedWithin(tree, context.space.relation, persona, context, 0);
    comparedOf.set(tree, known);
    return known;
  });
}

/** What columns of the relation are compared with where its policies read it by another name. */
async function ownValues(
  context: Context,
  conditions: readonly Condition[],
): Promise<ReadonlyMap<string, readonly (string | null)[]>> {
  const { relation } = context.space;
  const found = comparedBy(context, conditions).filter((one) => typeof one.with !== "string");
  const names = new Set(found.map(({ column }) => column));
  const out = new Map<string, readonly (string | null)[]>();
  for (const name of names) {
    const column = relation.columns.find((one) => one.name === name);
    if (column === undefined || column.generated) continue;
    const questions = found.flatMap((one) => (one.column === name ? (one.with as Question) : []));
    const values = await Promise.all(questions.map((one) => context.answer(one)));
    const known = [...new Set(values.flatMap((one) => one ?? []).filter((one) => one !== null))].slice(0, 40);
    const fresh = await freshOf(context.space, name, context.answer);
    out.set(name, [...known, ...fresh]);
  }
  return out;
}

async function freshOf(space: Space, name: string, answer: Answering): Promise<readonly (string | null)[]> {
  const column = space.relation.columns.find((one) => one.name === name);
  if (column === undefined) return [];
  const critical = { atoms: [], columns: new Map(), seeds: [] };
  const { values } = await representatives(
    space.session,
    space.relation,
    column,
    [{ critical, answer }],
    [],
    space.material,
    space.fixed,
  );
  return [...values.slice(0, 3), ...(column.notNull ? [] : [null])];
}

function comparedWithin(
  tree: Node,
  relation: ProofRelation,
  actor: Actor,
  context: Context,
  depth: number,
): readonly Compared[] {
  const aliases = new Set<string>();
  const found: Compared[] = [];
  const { schema, bounds } = context.knowledge;
  walk(tree, (node) => {
    const table = part(node, "RangeVar");
    const name = fromItemName(node);
    if (
      table?.relname !== undefined &&
      name !== undefined &&
      schema.relation(table.schemaname, table.relname) === relation
    )
      aliases.add(name);
  });
  const compare = (own: Node | undefined, other: Node | undefined, array: boolean): void => {
    if (own === undefined || other === undefined) return;
    const [alias = "", column = ""] = fieldsOf(withoutCasts(own)) ?? [];
    if (!aliases.has(alias) || !relation.columns.some((one) => one.name === column)) return;
    for (const item of part(other, "List")?.items ?? [other]) {
      const [of, name] = fieldsOf(withoutCasts(item)) ?? [];
      const text = valueText(item, array);
      if (of === rowName && name !== undefined) found.push({ column, with: name });
      else if (text !== undefined) found.push({ column, with: bounds.question(actor, text) });
    }
  };
  walk(tree, (node) => {
    const { lexpr, rexpr, kind } = part(node, "A_Expr") ?? {};
    compare(lexpr, rexpr, kind === "AEXPR_OP_ANY");
    compare(rexpr, lexpr, kind === "AEXPR_OP_ANY");
    const { testexpr, subselect } = part(node, "SubLink") ?? {};
    const targets = part(subselect, "SelectStmt")?.targetList ?? [];
    for (const [index, one] of (part(testexpr, "RowExpr")?.args ?? [testexpr]).entries())
      compare(part(targets[index], "ResTarget")?.val, one, false);
    // What a query returns may be compared with anything, through a function's name as well.
    const [alias = "", column = ""] = fieldsOf(part(node, "ResTarget")?.val) ?? [];
    if (aliases.has(alias) && relation.columns.some(({ name }) => name === column))
      found.push({ column, with: "*" });
    const call = part(node, "FuncCall");
    const fn = call && schema.callee((call.funcname ?? []).map(stringOf), call.args?.length ?? 0);
    const body = fn === undefined || depth > 4 ? undefined : bodyOf(fn);
    if (fn === undefined || body === undefined) return;
    const given = (call?.args ?? []).map((arg, index) =>
      boundArgument(arg, fn.argumentTypes[index] ?? "", actor, context),
    );
    try {
      found.push(
        ...comparedWithin(inlined(body, fn, given, schema), relation, actorOf(fn, actor), context, depth + 1),
      );
    } catch {
      // Names that are not understood are none of these.
    }
  });
  return found;
}

function boundArgument(arg: Node, type: string, actor: Actor, { knowledge }: Context): Node {
  if (fieldsOf(withoutCasts(arg))?.[0] === rowName) return arg;
  try {
    if (!readsRow(arg) && outerNames(arg).length === 0)
      return knowledge.bounds.add(actor, printExpression(arg), type).node;
  } catch {
    // As one that depends on the row.
  }
  return columnRef(free, "argument");
}

function valueText(node: Node, array: boolean): string | undefined {
  let ours = false;
  walk(node, (one) => void (ours ||= fieldsOf(one)?.[0] === free));
  if (ours || readsRow(node) || outerNames(node).length > 0) return undefined;
  try {
    const text = printExpression(node);
    return array && part(node, "ColumnRef") === undefined && part(node, "A_Const") === undefined
      ? `select pg_catalog.unnest(${text})::text`
      : `select (${text})::text`;
  } catch {
    return undefined;
  }
}
