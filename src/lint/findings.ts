import type { Catalog } from "../model/catalog.ts";
import type { Finding } from "../model/finding.ts";
import type { Matrix } from "../model/matrix.ts";
import { formatQualified } from "../lib/sql-text.ts";
import { policiesReadingLogin } from "./session-user.ts";
import { unprobedAnon, unprobedRoles } from "./unprobed.ts";
import { undeclaredFunctions, undeclaredRelations } from "./undeclared.ts";

export interface FindingInput {
  /** Functions that are IMMUTABLE and read settings. */
  readonly immutable: readonly string[];
  /** Oids of the functions that the matrix declares. */
  readonly declared: ReadonlySet<string>;
  /** Personas' roles whose sessions come through no gateway, so that every schema is open to them which they may use. */
  readonly direct: ReadonlySet<string>;
  /** Whom the gateway takes for whoever sends no token; `undefined`: there is no gateway. */
  readonly anonRole: string | undefined;
}

/** What a run has to tell besides its cells, as far as matrix and catalogue say. */
export function findFindings(
  matrix: Matrix,
  catalog: Catalog,
  { immutable, declared, direct, anonRole }: FindingInput,
): readonly Finding[] {
  return [
    ...fullSight(catalog),
    ...undeclaredRelations(matrix, catalog, direct),
    ...undeclaredFunctions(matrix, catalog, { declared, direct }),
    ...unprobedRoles(matrix, catalog, anonRole),
    ...unprobedAnon(matrix, catalog, anonRole, declared),
    ...bypassing(matrix, catalog),
    ...policiesReadingLogin(matrix, catalog).map(
      (about): Finding => ({ kind: "session-user-policy", ...about }),
    ),
    ...immutable.map((name): Finding => ({ kind: "immutable-reads-setting", function: name })),
  ];
}

function fullSight({ login }: Catalog): readonly Finding[] {
  return login.superuser || login.bypassRls ? [] : [{ kind: "no-privileged-connection", login: login.name }];
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
