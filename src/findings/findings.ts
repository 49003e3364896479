import type { Catalog } from "../model/catalog.ts";
import type { Finding } from "../model/finding.ts";
import type { Matrix } from "../model/matrix.ts";
import { formatQualified } from "../model/sql-text.ts";

/** What a run has to tell besides its cells, as far as matrix and catalogue say. `functions` are IMMUTABLE and read settings. */
export function findFindings(
  matrix: Matrix,
  catalog: Catalog,
  functions: readonly string[],
): readonly Finding[] {
  return [
    ...fullSight(catalog),
    ...undeclared(matrix, catalog),
    ...bypassing(matrix, catalog),
    ...sessionUser(matrix, catalog),
    ...functions.map((name): Finding => ({ kind: "immutable-reads-setting", function: name })),
  ];
}

function fullSight({ login }: Catalog): readonly Finding[] {
  return login.superuser || login.bypassRls ? [] : [{ kind: "no-full-sight", login: login.name }];
}

/** PASS never means “what you happened to list”. */
function undeclared(matrix: Matrix, catalog: Catalog): readonly Finding[] {
  const known = new Set([...matrix.relations, ...matrix.waivedRelations].map((one) => formatQualified(one)));
  return catalog.relations
    .filter((info) => matrix.exposes.includes(info.schema) && !known.has(formatQualified(info)))
    .map((info) => ({
      kind: "undeclared-relation",
      relation: formatQualified(info),
      relationKind: info.kind,
    }));
}

function bypassing(matrix: Matrix, catalog: Catalog): readonly Finding[] {
  const declared = new Set(matrix.relations.map((one) => formatQualified(one)));
  return matrix.personas.flatMap((persona): readonly Finding[] => {
    const role = catalog.roles.find(({ name }) => name === persona.role);
    if (role === undefined) return [];
    if (role.superuser || role.bypassRls) {
      const why = role.superuser ? "superuser" : "bypassrls";
      return [{ kind: "superuser-persona", persona: persona.name, role: role.name, why }];
    }
    return catalog.relations
      .filter(
        (info) =>
          declared.has(formatQualified(info)) &&
          info.rls &&
          !info.forceRls &&
          role.inherits.includes(info.owner),
      )
      .map((info) => ({
        kind: "owner-bypasses-rls",
        persona: persona.name,
        role: role.name,
        relation: formatQualified(info),
      }));
  });
}

function sessionUser(matrix: Matrix, catalog: Catalog): readonly Finding[] {
  const declared = new Set(matrix.relations.map((one) => formatQualified(one)));
  return catalog.relations
    .filter((info) => declared.has(formatQualified(info)))
    .flatMap((info) =>
      info.policies
        .filter(({ using, check }) => /\bsession_user\b/i.test(`${using ?? ""} ${check ?? ""}`))
        .map(
          ({ name }): Finding => ({
            kind: "session-user-policy",
            relation: formatQualified(info),
            policy: name,
          }),
        ),
    );
}
