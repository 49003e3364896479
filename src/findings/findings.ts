import type { Catalog, RoutineInfo } from "../model/catalog.ts";
import type { Finding } from "../model/finding.ts";
import type { Matrix } from "../model/matrix.ts";
import { signatureOf } from "../model/routine.ts";
import { formatQualified } from "../model/sql-text.ts";
import { policiesReadingLogin } from "./session-user.ts";

export interface FindingInput {
  /** Functions that are IMMUTABLE and read settings. */
  readonly immutable: readonly string[];
  /** Oids of the functions that the matrix declares. */
  readonly declared: ReadonlySet<string>;
}

/** What a run has to tell besides its cells, as far as matrix and catalogue say. */
export function findFindings(
  matrix: Matrix,
  catalog: Catalog,
  { immutable, declared }: FindingInput,
): readonly Finding[] {
  return [
    ...fullSight(catalog),
    ...undeclared(matrix, catalog),
    ...openFunctions(matrix, catalog, declared),
    ...bypassing(matrix, catalog),
    ...policiesReadingLogin(matrix, catalog).map(
      (about): Finding => ({ kind: "session-user-policy", ...about }),
    ),
    ...immutable.map((name): Finding => ({ kind: "immutable-reads-setting", function: name })),
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

/** What PostgREST would call for a persona, and nobody has said what comes of it. */
function openFunctions(
  matrix: Matrix,
  { routines }: Catalog,
  declared: ReadonlySet<string>,
): readonly Finding[] {
  const asking = [...new Set(matrix.personas.map(({ role }) => role))];
  return routines
    .filter((one) => matrix.exposes.includes(one.schema) && !declared.has(one.oid) && isCalled(one))
    .flatMap((one): readonly Finding[] => {
      const roles = asking.filter((role) => {
        const held = one.privileges[role];
        return held?.schemaUsage === true && held.execute;
      });
      return roles.length === 0 ? [] : [{ kind: "undeclared-function", function: signatureOf(one), roles }];
    });
}

/** By name, or with a body for one argument without a name. */
function isCalled({ kind, arguments: all }: RoutineInfo): boolean {
  const unnamed = all.filter(({ name }) => name === "");
  return kind === "function" && (unnamed.length === 0 || all.length === 1);
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
