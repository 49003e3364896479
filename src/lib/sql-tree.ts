import { loadModule, type Node, parseSync } from "libpg-query";

/** SQL as a tree, the way Postgres's own parser gives it. */

/** Once before anything is parsed; it takes a tenth of a second. */
export const loadParser: () => Promise<void> = loadModule;

/** The statements of a text. @throws where Postgres would refuse it. */
export function parseStatements(sql: string): readonly Node[] {
  return (parseSync(sql).stmts ?? []).flatMap(({ stmt }) => stmt ?? []);
}

export function parseExpression(sql: string): Node {
  const [select] = parseStatements(`select (${sql}\n)`);
  const targets = select !== undefined && "SelectStmt" in select ? (select.SelectStmt.targetList ?? []) : [];
  const value = targets[0] !== undefined && "ResTarget" in targets[0] ? targets[0].ResTarget.val : undefined;
  if (value === undefined || targets.length !== 1) throw new Error("not one expression");
  return value;
}
