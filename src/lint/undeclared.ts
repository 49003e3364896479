import type { Catalog, RoutineInfo } from "../model/catalog.ts";
import type { Finding } from "../model/finding.ts";
import type { Matrix } from "../model/matrix.ts";
import { signatureOf } from "../model/routine.ts";
import { formatQualified } from "../lib/sql-text.ts";
import { holdsAnything, isExposed, mayCall } from "./within-reach.ts";

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

/** What can be called for a persona, and nobody has said what comes of it. */
export function undeclaredFunctions(
  matrix: Matrix,
  { routines, roles }: Catalog,
  { declared, direct }: { readonly declared: ReadonlySet<string>; readonly direct: ReadonlySet<string> },
): readonly Finding[] {
  const asking = [...new Set(matrix.personas.map(({ role }) => role))];
  const through = new Set(matrix.personas.flatMap(({ role, login }) => (login === undefined ? role : [])));
  const bound = new Set(roles.filter((one) => !one.superuser && !one.bypassRls).map(({ name }) => name));
  return routines
    .filter(({ oid }) => !declared.has(oid))
    .flatMap((one): readonly Finding[] => {
      const exposed = isExposed(one, matrix.exposes);
      const callers = asking.filter((role) => mayCall(one, role) && (exposed || direct.has(role)));
      if (callers.length === 0) return [];
      const name = signatureOf(one);
      const above = callers.filter((role) => bound.has(role));
      if (above.length > 0 && one.securityDefiner && !onlyHelps(one))
        return [{ kind: "undeclared-definer", function: name, owner: one.owner, roles: above }];
      // Who comes through no gateway sets settings as he likes.
      const setting = above.filter((role) => exposed && through.has(role));
      if (setting.length > 0 && one.sets && !one.helps)
        return [{ kind: "undeclared-identity-setter", function: name, roles: setting }];
      return [{ kind: "undeclared-function", function: name, roles: callers }];
    });
}

/** A policy needs a question answered, of which a value is enough. What hands out rows hands them to whoever calls it. */
function onlyHelps({ helps, returns, columns, result }: RoutineInfo): boolean {
  return helps && returns !== "record" && columns.length < 2 && !/\b(jsonb?|xml)\b/.test(result);
}
