import { parseExpression } from "../lib/sql-tree.ts";
import type { ProofColumn } from "./analyse/schema.ts";
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
