import type { Node } from "libpg-query";
import { always, type Condition } from "./analyse/policy.ts";
import type { ProofAnswer as Answer } from "../model/proof.ts";
import { quoteIdent } from "../lib/sql-text.ts";
import type { ProofColumn } from "./analyse/schema.ts";
import { parseExpression } from "../lib/sql-tree.ts";
import { part, stringOf, walk } from "./analyse/tree.ts";
import { type Asked, conditionFor, declaredCondition, isTriggered } from "./asked.ts";
import { isFor } from "../model/operations.ts";
import { columnsOf, undecided } from "./compared.ts";
import type { Context } from "./context.ts";
import { contrast } from "./contrast.ts";
import { oldSide } from "./old-side.ts";
import { byConstraints, finish, settledByRelaxation, type Showers, shownHits } from "./outcome.ts";
import { outsidePolicies, type ProofCell } from "./proof-cell.ts";
import { showInsert, showRefusedInsert } from "./show/insert.ts";
import { typedLiteral } from "./show/rows.ts";
import { update, upsert } from "./update.ts";

/** Everything that can be said of one cell. */
export async function proveCell(context: Context, cell: ProofCell): Promise<Answer> {
  const outside = outsidePolicies(cell);
  if (outside !== undefined) return outside;
  const held = cell.relation.privileges[cell.role.name];
  if (held === undefined) return { kind: "not-asked", because: "the role's privileges are not known" };
  const asked = { context, cell, held };
  const who = policyThatAsksWhoLoggedIn(asked);
  if (who !== undefined)
    return undecided(
      `${who} asks who logged in (session_user), and the proof's connections are rowgate's own`,
      "a policy that reads current_user or a setting",
    );
  switch (cell.operation) {
    case "insert":
      return insertion(asked);
    case "select":
      return oldRows(asked, "select", false);
    case "delete":
    case "blind_delete":
      return oldRows(asked, "delete", cell.operation === "blind_delete");
    case "update":
    case "blind_update":
      return update(asked, cell.operation === "blind_update");
    case "upsert":
      return upsert(asked);
    case "truncate":
      return { kind: "not-asked", because: "TRUNCATE meets no policy" };
  }
}

function policyThatAsksWhoLoggedIn({ context: { knowledge, space }, cell }: Asked): string | undefined {
  const { relation } = space;
  return relation.policies.find(
    ({ using, check, roles }) =>
      isFor(roles, cell.role) &&
      [using, check].some((text) => {
        const tree = text === null ? undefined : knowledge.declared(relation, text).tree;
        return tree === undefined
          ? /(?:session|system)_user/i.test(text ?? "")
          : knowledge.reach(tree).readsLogin;
      }),
  )?.name;
}

async function insertion(asked: Asked): Promise<Answer> {
  const { cell, held, context: base } = asked;
  const deny = cell.declared.kind === "deny";
  const policy = conditionFor(asked, "insert", "new", false);
  if (policy === undefined && (deny || cell.check === undefined)) return { kind: "no-policy" };
  const letIn = policy ?? always(false);
  const declared = deny ? always(false) : await acceptedRows(asked, letIn);
  if (declared === undefined)
    return { kind: "not-asked", because: "the matrix declares no check: for the new row" };
  // Candidates bound what is let in; that every row of `check` is, is declared as well.
  const both = !deny && cell.check !== undefined;
  const fixed = await defaultsOf(asked, ({ name }) => !held.insert.includes(name));
  const context = { ...base, space: { ...base.space, fixed } };
  const settled = deny ? await settledByRelaxation(context, letIn, true) : undefined;
  if (settled !== undefined) return settled;
  const found = await contrast(context, letIn, declared, both);
  const showing = { space: context.space, as: context.as, policy: letIn, declared };
  const show: Showers = {
    more: (rows) => showInsert(showing, rows, held.insert),
    less: (rows) => showRefusedInsert(showing, rows, held.insert),
  };
  const shown = await shownHits(context, letIn, found, show, "new");
  if (shown?.kind === "hit") return shown;
  // What is declared and was not seen to be refused is no lockout: what is let in still has to be declared.
  const bound = both && found.more.length === 0 ? undefined : shown;
  if (bound?.kind === "constraint-only")
    return (await byConstraints(context, letIn, declared, false, deny, "alone")) ?? bound;
  if (bound !== undefined) return bound;
  const closing = shown === undefined ? found : await contrast(context, letIn, declared, false);
  return finish(context, letIn, declared, await closing.close(), closing, both && shown === undefined, deny);
}

/** What an INSERT may let in: `check`, or what is like an accepted candidate in all that the policies read of it. */
async function acceptedRows(asked: Asked, policy: Condition): Promise<Condition | undefined> {
  const { cell, context } = asked;
  const { knowledge, space } = context;
  if (cell.check !== undefined) return knowledge.declared(space.relation, cell.check);
  const { tree } = policy;
  if (cell.accepted === undefined || cell.accepted.length === 0 || tree === undefined) return undefined;
  const read = columnsThatDecide(context, tree);
  const defaults = await defaultsOf(asked, ({ name }) => read.has(name));
  const like = cell.accepted.map((row) => {
    const known = { ...Object.fromEntries(defaults), ...row };
    const same = space.relation.columns.flatMap((column) => {
      const { name } = column;
      const value = known[name];
      if (!read.has(name) || value === undefined) return [];
      return [`${quoteIdent(name)} is not distinct from ${typedLiteral(column, value)}`];
    });
    return same.length === 0 ? "true" : `(${same.join(" and ")})`;
  });
  return knowledge.declared(space.relation, like.join(" or "));
}

/**
 * Columns that the policies let an INSERT by, and those by which policies decide of the row afterwards: who sees it, who may change it.
 * The key is left out, unless an INSERT is let in by it: it names the row, and nothing else.
 */
function columnsThatDecide({ knowledge, space }: Context, letIn: Node): ReadonlySet<string> {
  const { relation } = space;
  const of = (trees: readonly Node[]): readonly string[] =>
    columnsOf(
      { space },
      trees.map((tree) => ({ tree, critical: knowledge.critical(tree, relation) })),
    );
  const texts = relation.policies.flatMap(({ using, check }) => [using, check]).filter((one) => one !== null);
  const later = of(texts.flatMap((text) => knowledge.declared(relation, text).tree ?? []));
  const keys = new Set(relation.uniques.flat());
  return new Set([...of([letIn]), ...later.filter((name) => !keys.has(name))]);
}

/** What columns hold that no value is given for; a trigger may put anything there. */
async function defaultsOf(
  asked: Asked,
  wanted: (column: ProofColumn) => boolean,
): Promise<ReadonlyMap<string, string | null>> {
  const { as, session, space } = asked.context;
  const fixed = new Map<string, string | null>();
  if (isTriggered(asked, "insert")) return fixed;
  for (const column of space.relation.columns) {
    if (!wanted(column) || column.generated || column.identity !== null) continue;
    if (column.expression === null) {
      fixed.set(column.name, null);
      continue;
    }
    if (!isSteady(column.expression, asked.context)) continue;
    const sql = `select (${column.expression})::${column.type}::text`;
    const [told, [again]] = await Promise.all([session.ask(as, sql), session.run([{ as, sql, rows: true }])]);
    const [value, second] = [told, again].map((one) =>
      one !== undefined && "value" in one ? one.value : undefined,
    );
    // A default that is another one each time stands for no value.
    if (value !== undefined && value === second) fixed.set(column.name, value);
  }
  return fixed;
}

/** It is the same at another time, in another session and for another request; what is not may be anything. */
function isSteady(expression: string, { knowledge }: Context): boolean {
  if (/request\.(?!jwt)|user_metadata|application_name/i.test(expression)) return false;
  try {
    const tree = parseExpression(expression);
    let calls = false;
    walk(tree, (node) => {
      const name = stringOf(part(node, "FuncCall")?.funcname?.at(-1));
      calls ||= knowledge.schema.namesakes(name).some(({ schema }) => schema !== "auth");
    });
    const reach = knowledge.reaches.of(tree);
    return (
      !calls &&
      reach.volatile.size === 0 &&
      reach.relations.size === 0 &&
      !reach.readsTime &&
      !reach.readsLogin
    );
  } catch {
    return false;
  }
}

async function oldRows(asked: Asked, command: "select" | "delete", blind: boolean): Promise<Answer> {
  const { cell, context } = asked;
  const policy = conditionFor(asked, command, "old", !blind);
  const deny = cell.declared.kind === "deny";
  if (policy === undefined && deny) return { kind: "no-policy" };
  const declared = declaredCondition(asked, cell.declared);
  const both = command === "select" && (cell.declared.kind === "allow" || cell.declared.kind === "rows");
  return oldSide(asked, policy ?? always(false), declared, { command, blind, both, newRows: [], context });
}
