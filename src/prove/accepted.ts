import type { Node } from "libpg-query";
import { quoteIdent, quoteLiteral } from "../lib/sql-text.ts";
import type { Condition } from "./analyse/policy.ts";
import { storedRow } from "./analyse/stored-row.ts";
import { conjuncts, fieldsOf, part, row as ofRow, stringOf, withoutCasts } from "./analyse/tree.ts";
import type { Asked } from "./asked.ts";
import { columnsOf } from "./compared.ts";
import type { Context } from "./context.ts";
import { defaultsOf } from "./defaults.ts";
import { typedLiteral } from "./show/rows.ts";

/** What an INSERT may let in. */
export interface LetIn {
  readonly declared: Condition;
  /** Without the columns that may differ from every candidate, and these columns; `undefined`: there are none. */
  readonly strict: { readonly declared: Condition; readonly columns: readonly string[] } | undefined;
}

/** `check`, or what is like an accepted candidate in all that the policies read of it. */
export async function acceptedRows(asked: Asked, policy: Condition): Promise<LetIn | undefined> {
  const { cell, context } = asked;
  const { knowledge, space } = context;
  if (cell.check !== undefined)
    return { declared: knowledge.declared(space.relation, cell.check), strict: undefined };
  const { tree } = policy;
  if (cell.accepted === undefined || cell.accepted.length === 0 || tree === undefined) return undefined;
  const read = columnsThatDecide(context, tree);
  const defaults = await defaultsOf(asked, ({ name }) => read.has(name));
  const free = mayDiffer(asked);
  // Whatever a candidate holds there, and any other row.
  const set = storedRow(space.relation, "insert", knowledge)?.set;
  const likeOne = (freedom: ReadonlyMap<string, readonly string[]>): Condition => {
    const like = (cell.accepted ?? []).map((row) => {
      const known = { ...Object.fromEntries(defaults), ...row };
      const same = space.relation.columns.flatMap((column) => {
        const { name } = column;
        const value = known[name];
        if (!read.has(name) || set?.has(name) === true || value === undefined) return [];
        const equal = `${quoteIdent(name)} is not distinct from ${typedLiteral(column, value)}`;
        return `(${[equal, ...(freedom.get(name) ?? [])].join(" or ")})`;
      });
      return same.length === 0 ? "true" : `(${same.join(" and ")})`;
    });
    return knowledge.declared(space.relation, like.join(" or "));
  };
  const columns = [...free.keys()].filter((name) => read.has(name));
  const strict = columns.length === 0 ? undefined : { declared: likeOne(new Map()), columns };
  return { declared: likeOne(free), strict };
}

/**
 * Columns that the policies let an INSERT by, and those by which policies decide of the row afterwards: who sees it, who may change it.
 * The key is left out, unless an INSERT is let in by it: it names the row, and nothing else.
 */
function columnsThatDecide(context: Context, letIn: Node): ReadonlySet<string> {
  const { relation } = context.space;
  const later = columnsRead(
    context,
    policyTrees(context, () => true),
  );
  const keys = new Set(relation.uniques.flat());
  return new Set([...columnsRead(context, [letIn]), ...later.filter((name) => !keys.has(name))]);
}

/**
 * Columns in which a row may differ from every accepted candidate, and where: the persona's row sets declare what follows from it. They
 * look for the persona among the values of an array, whatever else is in it; or they say which rows a boolean lets the persona read.
 */
function mayDiffer(asked: Asked): ReadonlyMap<string, readonly string[]> {
  const { cell, context } = asked;
  const { knowledge, space } = context;
  const sets = (cell.rowSets ?? []).flatMap(({ operation, predicate }) => {
    const { tree } = knowledge.declared(space.relation, predicate);
    return tree === undefined ? [] : [{ operation, tree }];
  });
  const seen = columnsRead(
    context,
    sets.flatMap(({ operation, tree }) => (operation === "select" ? tree : [])),
  );
  return new Map([
    ...flagsOfReading(context)
      .filter((name) => seen.includes(name))
      .map((name): Freedom => [name, ["true"]]),
    ...sets
      .flatMap(({ tree }) => conjuncts(tree))
      .flatMap((one) => arraysThatName(one, context.identities, context))
      .map(([name, who]): Freedom => [name, [`${quoteLiteral(who)} = any (${quoteIdent(name)})`]]),
  ]);
}

type Freedom = readonly [column: string, where: readonly string[]];

/** Booleans that only SELECT policies of the relation read, and no policy of another relation can. */
function flagsOfReading(context: Context): readonly string[] {
  const { knowledge, space } = context;
  const { schema, name, columns } = space.relation;
  const decisive = columnsRead(
    context,
    policyTrees(context, (command) => command !== "select"),
  );
  const elsewhere = [...knowledge.schema.relations].some(
    (other) =>
      other !== space.relation &&
      other.policies.some(({ using, check }) =>
        [using, check].some((text) => {
          const tree = text === null ? undefined : knowledge.declared(other, text).tree;
          return tree !== undefined && knowledge.reach(tree).relations.has(`${schema}.${name}`);
        }),
      ),
  );
  if (elsewhere) return [];
  return columns.flatMap((one) => (one.base === "boolean" && !decisive.includes(one.name) ? one.name : []));
}

/** `<the persona> = any (column)`, or `column @> array[<the persona>]`. */
function arraysThatName(
  node: Node,
  identities: readonly string[],
  { space }: Context,
): readonly (readonly [column: string, who: string])[] {
  const { kind, name, lexpr, rexpr } = part(node, "A_Expr") ?? {};
  const operator = stringOf(name?.at(-1));
  if (lexpr === undefined || rexpr === undefined) return [];
  const [array, value] =
    kind === "AEXPR_OP_ANY" && operator === "="
      ? [rexpr, lexpr]
      : kind === "AEXPR_OP" && operator === "@>"
        ? [lexpr, onlyElement(rexpr)]
        : [];
  const [from, column] = fieldsOf(array) ?? [];
  const who = value && part(withoutCasts(value), "A_Const")?.sval?.sval;
  const isArray = space.relation.columns.some((one) => one.name === column && one.category === "A");
  return from === ofRow && column !== undefined && isArray && who !== undefined && identities.includes(who)
    ? [[column, who]]
    : [];
}

function onlyElement(node: Node): Node | undefined {
  const elements = part(withoutCasts(node), "A_ArrayExpr")?.elements ?? [];
  return elements.length === 1 ? elements[0] : undefined;
}

function policyTrees({ knowledge, space }: Context, wanted: (command: string) => boolean): readonly Node[] {
  return space.relation.policies
    .filter(({ command }) => wanted(command))
    .flatMap(({ using, check }) => [using, check])
    .flatMap((text) => (text === null ? [] : (knowledge.declared(space.relation, text).tree ?? [])));
}

function columnsRead({ knowledge, space }: Context, trees: readonly Node[]): readonly string[] {
  return columnsOf(
    { space },
    trees.map((tree) => ({ tree, critical: knowledge.critical(tree, space.relation) })),
  );
}
