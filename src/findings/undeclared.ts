import type { Catalog, Privileges, RoutineInfo } from "../model/catalog.ts";
import type { Finding } from "../model/finding.ts";
import type { Matrix } from "../model/matrix.ts";
import { signatureOf } from "../model/routine.ts";
import { formatQualified } from "../model/sql-text.ts";

/** PASS never means “what you happened to list”: what a gateway shows, and what sessions without one can reach. */
export function undeclaredRelations(
  matrix: Matrix,
  { relations, roles }: Catalog,
  direct: ReadonlySet<string>,
): readonly Finding[] {
  // A superuser reaches everything, which is told of him.
  const asking = new Set(
    roles.filter(({ name, superuser }) => direct.has(name) && !superuser).map(({ name }) => name),
  );
  const known = new Set([...matrix.relations, ...matrix.waivedRelations].map((one) => formatQualified(one)));
  return relations
    .filter(
      ({ schema, privileges }) =>
        matrix.exposes.includes(schema) ||
        Object.entries(privileges).some(([role, held]) => asking.has(role) && holdsAnything(held)),
    )
    .filter((info) => !known.has(formatQualified(info)))
    .map((info) => ({
      kind: "undeclared-relation",
      relation: formatQualified(info),
      relationKind: info.kind,
    }));
}

function holdsAnything(held: Privileges): boolean {
  const columns = held.select.length + held.insert.length + held.update.length;
  return held.schemaUsage && (columns > 0 || held.delete || held.truncate);
}

/** What can be called for a persona, and nobody has said what comes of it. */
export function undeclaredFunctions(
  matrix: Matrix,
  { routines, roles }: Catalog,
  { declared, direct }: { readonly declared: ReadonlySet<string>; readonly direct: ReadonlySet<string> },
): readonly Finding[] {
  const asking = [...new Set(matrix.personas.map(({ role }) => role))];
  const bound = new Set(roles.filter((one) => !one.superuser && !one.bypassRls).map(({ name }) => name));
  return routines
    .filter(({ oid }) => !declared.has(oid))
    .flatMap((one): readonly Finding[] => {
      const exposed = one.computes || (matrix.exposes.includes(one.schema) && isCalled(one));
      const callers = asking.filter((role) => mayCall(one, role) && (exposed || direct.has(role)));
      if (callers.length === 0) return [];
      const above = one.securityDefiner && !one.helps ? callers.filter((role) => bound.has(role)) : [];
      return above.length > 0
        ? [{ kind: "undeclared-definer", function: signatureOf(one), owner: one.owner, roles: above }]
        : [{ kind: "undeclared-function", function: signatureOf(one), roles: callers }];
    });
}

function mayCall({ privileges }: RoutineInfo, role: string): boolean {
  const held = privileges[role];
  return held?.schemaUsage === true && held.execute;
}

/** By PostgREST: by name, or with a body for one argument without a name. */
function isCalled({ kind, arguments: all }: RoutineInfo): boolean {
  const unnamed = all.filter(({ name }) => name === "");
  return kind === "function" && (unnamed.length === 0 || all.length === 1);
}
