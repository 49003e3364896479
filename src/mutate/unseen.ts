import { parseStatements } from "../lib/sql-tree.ts";
import { formatQualified, quoteIdent } from "../lib/sql-text.ts";
import type { Catalog, RelationInfo, RoleInfo } from "../model/catalog.ts";
import { isFor } from "../model/operations.ts";
import { functionRelation } from "../plan/routine.ts";
import { part } from "../prove/analyse/tree.ts";
import { alterSql, roleSql } from "./ddl.ts";
import type { Change, Mutant } from "./mutant.ts";
import { readersOf, type SqlText } from "./readers.ts";

/*
 * Changes that no cell can see: a cell asks about relations that exist, with statements that call no function which gives rows away.
 * They count as not covered, unless it is shown that no persona gains or loses by them.
 */

/** A view with security_barrier, and what it selects. */
export interface Barrier {
  readonly oid: string;
  readonly definition: string;
}

/** Without security_barrier a condition of the caller's may be asked about rows that the view hides. */
export function withoutBarrier(
  relation: RelationInfo,
  roles: readonly RoleInfo[],
  barriers: readonly Barrier[],
): readonly Change[] {
  const barrier = barriers.find(({ oid }) => oid === relation.oid);
  if (barrier === undefined) return [];
  const reading = roles.filter(({ name }) => (relation.privileges[name]?.select ?? []).length > 0);
  return [
    {
      subject: "view",
      from: "security_barrier",
      to: "security_barrier = false",
      alters: "select",
      roles: reading.map(({ name }) => name),
      ddl: [alterSql(relation, "set (security_barrier = false)")],
      after: relation,
      equivalent:
        reading.length === 0
          ? "no persona's role has SELECT on the view"
          : showsEveryRow(barrier)
            ? "the view shows every row of the one relation that it reads, so it hides none from a condition"
            : undefined,
      unseen:
        "a condition of the caller's may then read rows that the view hides, and no probe brings a function that does: keep security_barrier, or revoke CREATE and TEMPORARY from the roles that log in",
    },
  ];
}

/** Nothing of it leaves a row out or puts rows together. */
function showsEveryRow({ definition }: Barrier): boolean {
  const query = part(parseStatements(definition)[0], "SelectStmt");
  const [only, ...others] = query?.fromClause ?? [];
  if (query === undefined || others.length > 0 || part(only, "RangeVar") === undefined) return false;
  const { whereClause, havingClause, groupClause, distinctClause, limitCount, limitOffset } = query;
  return [whereClause, havingClause, groupClause, distinctClause, limitCount, limitOffset].every(
    (clause) => clause === undefined || (Array.isArray(clause) && clause.length === 0),
  );
}

/** SELECT on tables that an owner makes in a schema from now on. */
export interface DefaultGrant {
  readonly verb: "grant" | "revoke";
  readonly owner: string;
  readonly schema: string;
  readonly role: string;
  /** Given for this schema, not for all. */
  readonly here: boolean;
  /** A persona's role that it is about has USAGE on the schema. */
  readonly usable: boolean;
}

export function defaultMutants(defaults: readonly DefaultGrant[]): readonly Mutant[] {
  return defaults.map(({ verb, owner, schema, role, here, usable }): Mutant => {
    const [held, lacks] = [`${role} has SELECT on tables to come`, `${role} has no SELECT on tables to come`];
    const within = here ? ` in schema ${quoteIdent(schema)}` : "";
    return {
      operator: verb,
      relation: `schema ${schema}`,
      subject: `default privileges of ${owner}`,
      from: verb === "grant" ? lacks : held,
      to: verb === "grant" ? held : lacks,
      ddl: [
        `alter default privileges for role ${quoteIdent(owner)}${within} ${verb} select on tables ${verb === "grant" ? "to" : "from"} ${roleSql(role)}`,
      ],
      roles: [role],
      alters: "select",
      after: functionRelation({
        oid: `schema ${formatQualified({ schema, name: owner })}`,
        schema,
        name: owner,
        owner,
      }),
      equivalent: usable
        ? undefined
        : `${role} has no USAGE on the schema ${schema}, so it cannot name a table there`,
      unseen:
        "no cell is about tables that do not exist yet: rowgate gate compares default privileges, and creates a table to see who could read it",
    };
  });
}

/**
 * Why a privilege on a relation is of no use: the role cannot name what is in its schema, and nothing that it can name reads the
 * relation in its name. A view or policy, once made, needs no USAGE; the body of a function does, unless it was bound when it was made.
 */
export function unusable(
  { after, alters, roles }: Pick<Mutant, "after" | "alters" | "roles">,
  { relations, roles: known }: Pick<Catalog, "relations" | "roles">,
  texts: readonly SqlText[],
): string | undefined {
  if (typeof alters !== "string") return undefined;
  const holders = known.filter((role) => isFor(roles, role));
  const isClosed = (info: RelationInfo | undefined): boolean =>
    info !== undefined &&
    holders.every(({ name, superuser }) => !superuser && info.privileges[name]?.schemaUsage === false);
  if (holders.length === 0 || !isClosed(after)) return undefined;
  const readers = readersOf(after.oid, texts);
  const open = texts.some(
    ({ oid, bound }) => readers.has(oid) && bound && !isClosed(relations.find((one) => one.oid === oid)),
  );
  const names = holders.map(({ name }) => name).join(", ");
  return open
    ? undefined
    : `${names} has no USAGE on the schema ${after.schema}, and no view or policy outside of it reads the relation`;
}
