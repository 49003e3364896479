import { quoteIdent } from "../lib/sql-text.ts";
import { parseExpression } from "../lib/sql-tree.ts";
import type { ProofColumn } from "./analyse/schema.ts";
import { claimsRead } from "./analyse/claims.ts";
import { type Condition, joinedConditions } from "./analyse/policy.ts";
import { part, stringOf, walk } from "./analyse/tree.ts";
import { type Asked, isTriggered } from "./asked.ts";
import type { Context } from "./context.ts";

/** What columns hold that no value is given for; a trigger may put anything there. */
export async function defaultsOf(
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
    const [answer, [again]] = await Promise.all([
      session.ask(as, sql),
      session.run([{ as, sql, rows: true }]),
    ]);
    const [value, second] = [answer, again].map((one) =>
      one !== undefined && "value" in one ? one.value : undefined,
    );
    // A default that differs each time has no single value.
    if (value !== undefined && value === second) fixed.set(column.name, value);
  }
  return fixed;
}

const ofRequest = /request\.(?!jwt)|application_name/i;

/** A default that asks who the persona is: with another token, or with other tables, it is another value. */
export function asksWho(asked: Asked, { expression, generated, identity }: ProofColumn): boolean {
  const { knowledge, space } = asked.context;
  if (expression === null || generated || identity !== null || isTriggered(asked, "insert")) return false;
  try {
    const tree = parseExpression(expression);
    const { volatile, readsTime, readsLogin, relations } = knowledge.reaches.of(tree);
    if (ofRequest.test(expression) || volatile.size > 0 || readsTime || readsLogin) return false;
    if (knowledge.readsItself(tree, space.relation)) return false;
    return relations.size > 0 || claimsRead(tree, knowledge).size > 0;
  } catch {
    return false;
  }
}

/** A condition of the new row, with such defaults as what their columns hold. */
export function withDefaults(
  { context: { knowledge, space } }: Asked,
  columns: readonly ProofColumn[],
  condition: Condition,
): Condition {
  const held = columns.map(({ name, type, expression }) =>
    knowledge.declared(space.relation, `${quoteIdent(name)} is not distinct from (${expression})::${type}`),
  );
  return held.length === 0 ? condition : joinedConditions("and", [condition, ...held]);
}

/** It is the same at another time, in another session and for another request; what is not may be anything. */
function isSteady(expression: string, { knowledge }: Context): boolean {
  if (ofRequest.test(expression) || /user_metadata/i.test(expression)) return false;
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
