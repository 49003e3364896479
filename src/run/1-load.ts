import type { ClientBase } from "pg";
import { readCatalog } from "../catalog/catalog.ts";
import { type GatewaySettings, readGatewaySettings } from "../catalog/gateway-settings.ts";
import { schemasInReach } from "../catalog/reach.ts";
import { readSettings } from "../catalog/settings.ts";
import { readSurvivors } from "../catalog/side-effects.ts";
import type { Catalog } from "../model/catalog.ts";
import type { Matrix } from "../model/matrix.ts";
import type { SettingsInForce } from "../model/settings.ts";
import type { SideEffect } from "../model/side-effect.ts";
import type { GatewayFacts } from "./request.ts";

/** A matrix, and what is in force in the database that it is about. */
export interface Loaded {
  readonly matrix: Matrix;
  readonly gateway: GatewayFacts | undefined;
  /** What the database makes PostgREST do; `undefined`: there is no gateway. */
  readonly gatewaySettings: GatewaySettings | undefined;
  readonly catalog: Catalog;
  readonly settings: SettingsInForce;
  /** What a rollback does not undo, in these schemas. */
  readonly sideEffects: readonly SideEffect[];
  /** Those of the matrix, of the gateway, and those that sessions without a gateway can use. */
  readonly schemas: readonly string[];
  /** Roles of the personas whose sessions come through no gateway: no list of exposed schemas limits them. */
  readonly directRoles: ReadonlySet<string>;
}

/** Stage 1: reads everything that the later stages know of the database. Decides nothing. */
export async function load(
  client: ClientBase,
  matrix: Matrix,
  gateway: GatewayFacts | undefined,
): Promise<Loaded> {
  const gatewaySettings = gateway && (await readGatewaySettings(client, gateway));
  const directRoles = new Set(
    matrix.personas.flatMap(({ role, login }) => (gateway === undefined || login !== undefined ? role : [])),
  );
  const declared = declaredSchemas(matrix, gateway);
  const schemas = [...declared, ...(await schemasInReach(client, declared, [...directRoles]))];
  const roles = unique([
    ...matrix.personas.flatMap(({ role, login }) => [role, login ?? role]),
    ...(gatewaySettings === undefined ? [] : [gatewaySettings.anonRole]),
  ]);
  const login = gateway?.login;
  return {
    matrix,
    gateway,
    gatewaySettings,
    catalog: await readCatalog(client, schemas, roles, {
      settings: matrix.personas.flatMap((persona) => Object.keys(persona.settings)),
      logIn: matrix.personas.some((persona) => persona.login !== undefined),
    }),
    settings: await readSettings(client, [...roles, ...(login === undefined ? [] : [login])], login),
    sideEffects: await readSurvivors(client, schemas),
    schemas,
    directRoles,
  };
}

function declaredSchemas(matrix: Matrix, gateway: GatewayFacts | undefined): readonly string[] {
  const named = [...matrix.relations, ...matrix.functions].flatMap(({ schema, control }) => [
    schema,
    ...(control === undefined ? [] : [control.from.schema]),
  ]);
  return unique([...named, ...matrix.exposes, ...(gateway?.schemas ?? [])]);
}

function unique(names: readonly string[]): readonly string[] {
  return [...new Set(names)];
}
