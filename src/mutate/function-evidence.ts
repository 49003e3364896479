import type { ClientBase } from "pg";
import type { Node } from "libpg-query";
import type { Catalog, RoleInfo } from "../model/catalog.ts";
import { isFor } from "../model/operations.ts";
import { readSql } from "../lib/sql-file.ts";
import { parseStatements } from "../lib/sql-tree.ts";
import { formatQualified } from "../lib/sql-text.ts";
import { part, stringOf, walk } from "../prove/analyse/tree.ts";
import type { FunctionSource } from "./functions.ts";
import type { Mutant } from "./mutant.ts";
import { readersOf, type SqlText } from "./readers.ts";

/*
 * Evidence about functions, from SQL and privileges alone: an EXECUTE that the role cannot use, a view that stops at a function which
 * the role may not call, a search path in which nothing is looked up.
 */

/** What SQL without a schema might find elsewhere than in pg_catalog, and who may put more of it there. */
export interface NameFacts {
  /** Names of functions, operators and types outside of pg_catalog. */
  readonly elsewhere: readonly string[];
  /** Roles that may create something in some schema, or a schema. */
  readonly creators: readonly string[];
}

export async function readNames(client: ClientBase): Promise<NameFacts> {
  const { rows } = await client.query<NameFacts>(readSql("mutate_names.sql"));
  return rows[0] ?? { elsewhere: [], creators: [] };
}

export interface FunctionFacts {
  readonly functions: readonly FunctionSource[];
  readonly texts: readonly SqlText[];
  /** Roles that views and functions lend, and to which policies apply. */
  readonly lent: readonly string[];
  readonly names: NameFacts;
  readonly catalog: Pick<Catalog, "relations" | "roles">;
  /** Of personas. */
  readonly roles: readonly RoleInfo[];
}

/** Why no persona gains or loses by a change of a function, or of a privilege on a view; `undefined`: nothing shows it. */
export function functionEvidence(mutant: Mutant, facts: FunctionFacts): string | undefined {
  const source = facts.functions.find(({ oid }) => oid === mutant.after.oid);
  if (source === undefined) return stoppedView(mutant, facts);
  if (mutant.operator === "grant" || mutant.operator === "revoke") return uncallable(mutant, source, facts);
  if (mutant.operator !== "search-path-unpinned") return undefined;
  return pathless(source, facts)
    ? "its body names each relation and function with its schema, and no role of a persona can put an operator or type before those of pg_catalog"
    : undefined;
}

/** The role cannot name the function, and uses nothing that was bound to it when it was made. */
function uncallable(
  { roles: [role = ""] }: Mutant,
  source: FunctionSource,
  { texts, catalog }: FunctionFacts,
): string | undefined {
  if (!source.closedTo.includes(role)) return undefined;
  const readers = readersOf(source.oid, texts);
  const isTable = ({ oid }: SqlText): boolean =>
    catalog.relations.some((one) => one.oid === oid && one.kind === "table");
  const calling = texts.filter((one) => readers.has(one.oid) && !isTable(one));
  const called = [source.name, ...calling.map(({ name }) => name)];
  const holder = catalog.roles.find(({ name }) => name === role);
  const isClosed = ({ oid, bound, text }: SqlText): boolean => {
    const info = catalog.relations.find((one) => one.oid === oid);
    if (info === undefined) return !bound;
    // A policy that is not asked for the role calls nothing.
    const idle = info.policies.filter(
      (one) => holder !== undefined && (holder.bypassRls || !isFor(one.roles, holder)),
    );
    const rest = idle
      .flatMap(({ using, check }) => [using ?? "", check ?? ""])
      .reduce((left, policy) => left.replace(policy, () => ""), text);
    if (called.every((name) => !rest.includes(name))) return true;
    const { select, insert, update, delete: deletes } = info.privileges[role] ?? {};
    return [select, insert, update].every((columns) => columns?.length === 0) && deletes === false;
  };
  return texts.every((one) => !readers.has(one.oid) || isClosed(one))
    ? `${role} has no USAGE on the schema ${source.schema}, and no relation that it may use calls it for the role`
    : undefined;
}

/** A statement that reads or changes rows through the view calls the function: without EXECUTE it ends before the first row. */
function stoppedView(
  { after, alters, roles: [grantee = ""] }: Mutant,
  { functions, texts, catalog }: FunctionFacts,
): string | undefined {
  const role = catalog.roles.find(({ name }) => name === grantee);
  if (after.kind !== "view" || role === undefined || role.superuser) return undefined;
  if (alters !== "select" && alters !== "update" && alters !== "delete") return undefined;
  const text = texts.find(({ oid }) => oid === after.oid)?.text;
  const where = part(tree(text?.slice(0, text.indexOf(";")))?.[0], "SelectStmt")?.whereClause;
  const { boolop, args = [] } = part(where, "BoolExpr") ?? {};
  const operands = boolop === "AND_EXPR" ? args : where === undefined ? [] : [where];
  const stopping = operands
    .flatMap(certainCalls)
    .flatMap((called) =>
      functions.filter(
        ({ schema, name, grantees, owner }) =>
          called === `${schema}.${name}` &&
          ![...grantees, owner].some((one) => one === "public" || role.inherits.includes(one)),
      ),
    );
  const [first] = stopping;
  return first && `the view calls ${formatQualified(first)}, and ${grantee} has no EXECUTE on it`;
}

/** Functions that are called, whatever the rows are. */
function certainCalls(operand: Node): readonly string[] {
  const found: string[] = [];
  let certain = true;
  walk(operand, (node) => {
    certain &&= ["BoolExpr", "CaseExpr", "CoalesceExpr"].every((tag) => !(tag in node));
    const name = part(node, "FuncCall")?.funcname;
    if (name !== undefined) found.push(name.map(stringOf).join("."));
  });
  return certain ? found : [];
}

/** SQL of which each name has a schema, or can only be one of pg_catalog; what it calls sets a path, or is such SQL, too. */
function pathless(source: FunctionSource, { texts, lent, names, roles }: FunctionFacts): boolean {
  if (
    roles.some(({ inherits, superuser }) => superuser || names.creators.some((one) => inherits.includes(one)))
  )
    return false;
  // Named in the path, temporary types come in another place than without one.
  if (/^ SET search_path .*\bpg_temp\b/m.test(source.definition)) return false;
  const elsewhere = new Set(names.elsewhere);
  const settled = new Set<string>();
  const isSettled = (definition: string, reads: boolean): boolean => {
    if (settled.has(definition)) return true;
    settled.add(definition);
    const statements = bodyOf(definition);
    return statements?.every((one) => isQualified(one, reads)) === true;
  };
  const isKnown = (schema: string, name: string): boolean => {
    if (schema === "pg_catalog") return true;
    const called = texts.filter((one) => one.name === name);
    return (
      called.length > 0 &&
      called.every(({ text }) => /^ SET search_path /m.test(text) || isSettled(text, false))
    );
  };
  const isQualified = (statement: Node, reads: boolean): boolean => {
    let qualified = part(statement, "SelectStmt") !== undefined;
    const local = new Set<string>();
    walk(statement, (node) => {
      const cte = part(node, "CommonTableExpr")?.ctename;
      if (cte !== undefined) local.add(cte);
    });
    walk(statement, (node) => {
      const relation = part(node, "RangeVar");
      if (relation !== undefined && !local.has(relation.relname ?? ""))
        qualified &&=
          reads &&
          relation.schemaname !== undefined &&
          texts.every(({ name, view }) => name !== relation.relname || !view);
      const called = part(node, "FuncCall")?.funcname?.map(stringOf);
      if (called !== undefined && called.length > 1) qualified &&= isKnown(called[0] ?? "", called[1] ?? "");
      const bare = [
        called,
        part(node, "A_Expr")?.name?.map(stringOf),
        part(node, "SubLink")?.operName?.map(stringOf),
        part(node, "TypeCast")?.typeName?.names?.map(stringOf),
      ];
      for (const one of bare) qualified &&= one?.length !== 1 || !elsewhere.has(one[0] ?? "");
    });
    return qualified;
  };
  // Where policies apply to its owner, functions that they call are part of what it does.
  const reads = source.definer && !lent.includes(source.owner);
  return !elsewhere.has("=") && isSettled(source.definition, reads);
}

/** The statements of a function in SQL; of another language nothing is known. */
function bodyOf(definition: string): readonly Node[] | undefined {
  const options = part(tree(definition)?.[0], "CreateFunctionStmt")?.options ?? [];
  const valueOf = (name: string): Node | undefined => {
    const option = options.map((one) => part(one, "DefElem")).find((one) => one?.defname === name);
    return option?.arg;
  };
  if (stringOf(valueOf("language")) !== "sql") return undefined;
  return tree(stringOf(part(valueOf("as"), "List")?.items?.[0]));
}

function tree(sql: string | undefined): readonly Node[] | undefined {
  try {
    return sql === undefined || sql === "" ? undefined : parseStatements(sql);
  } catch {
    return undefined;
  }
}
