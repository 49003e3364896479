import type { ClientBase } from "pg";
import { readCatalog, readsSessionUser } from "../catalog/catalog.ts";
import { readLint, readLints, sideEffectsOf } from "../catalog/lints.ts";
import { type GatewaySettings, readGatewaySettings, readSettings } from "../catalog/settings.ts";
import type { Catalog } from "../model/catalog.ts";
import type { Lints, LintScope } from "../model/lint.ts";
import type { Issue } from "../model/errors.ts";
import type { Matrix } from "../model/matrix.ts";
import type { SettingsInForce } from "../model/settings.ts";
import type { SideEffect } from "../model/side-effect.ts";
import { patternIssues, withPatterns } from "../plan/patterns.ts";
import type { KnownAnswers } from "../prove/known-answers.ts";
import type { GatewayFacts } from "./request.ts";

/** A matrix, and what is in force in the database that it is about. */
export interface Loaded {
  /** With a relation for each one that a pattern matches. */
  readonly matrix: Matrix;
  /** What is wrong with its patterns. */
  readonly patternIssues: readonly Issue[];
  readonly gateway: GatewayFacts | undefined;
  /** What the database makes PostgREST do; `undefined`: there is no gateway. */
  readonly gatewaySettings: GatewaySettings | undefined;
  readonly catalog: Catalog;
  readonly settings: SettingsInForce;
  readonly lints: Lints;
  /** What a rollback does not undo, in these schemas. */
  readonly sideEffects: readonly SideEffect[];
  /** Some persona logs in by itself, and some policy or function asks who logged in, which on rowgate's connections is rowgate. */
  readonly asksWhoLoggedIn: boolean;
  /** Roles of the personas whose sessions come through no gateway: no list of exposed schemas limits them. */
  readonly directRoles: ReadonlySet<string>;
}

/** Stage 1: reads everything that the later stages know of the database. Decides nothing. */
export async function load(
  client: ClientBase,
  matrix: Matrix,
  gateway: GatewayFacts | undefined,
  {
    besides = [],
    known,
  }: {
    /** More schemas. */
    readonly besides?: readonly string[];
    readonly known?: KnownAnswers | undefined;
  } = {},
): Promise<Loaded> {
  const once = <T>(key: readonly unknown[], read: () => Promise<T>): Promise<T> =>
    known?.read(key, read) ?? read();
  const gatewaySettings = gateway && (await readGatewaySettings(client, gateway));
  const directRoles = new Set(
    matrix.personas.flatMap(({ role, login }) => (gateway === undefined || login !== undefined ? role : [])),
  );
  // Of the matrix, of the gateway, and those that sessions without a gateway can use.
  const schemas = unique([
    ...declaredSchemas(matrix, gateway),
    ...(await schemasInReach(client, [...directRoles])),
    ...besides,
  ]);
  const roles = unique([
    ...matrix.personas.flatMap(({ role, login }) => [role, login ?? role]),
    ...(gatewaySettings === undefined ? [] : [gatewaySettings.anonRole]),
  ]);
  const login = gateway?.login;
  const logIn = matrix.personas.some((persona) => persona.login !== undefined);
  const scope = { schemas, roles, ...sessionsOf(matrix) };
  const lints = await once(["lints", scope], () => readLints(client, scope));
  const settings = matrix.personas.flatMap((persona) => Object.keys(persona.settings));
  const catalog = await once(["catalog", schemas, roles, settings, logIn], () =>
    readCatalog(client, schemas, roles, { settings, logIn }),
  );
  return {
    matrix: withPatterns(matrix, catalog),
    patternIssues: patternIssues(matrix, catalog),
    gateway,
    gatewaySettings,
    catalog,
    settings: await readSettings(client, [...roles, ...(login === undefined ? [] : [login])], login),
    lints,
    sideEffects: sideEffectsOf(lints),
    asksWhoLoggedIn: await readsSessionUser(client),
    directRoles,
  };
}

async function schemasInReach(client: ClientBase, roles: readonly string[]): Promise<readonly string[]> {
  if (roles.length === 0) return [];
  const scope = { schemas: [], roles, sessions: [], logins: [] };
  return (await readLint(client, "undeclared-exposed-schema", scope)).map(({ name }) => name);
}

/** As whom personas work that log in by themselves. */
function sessionsOf({ personas }: Matrix): Pick<LintScope, "sessions" | "logins"> {
  const own = personas.flatMap(({ role, login }) => (login === undefined ? [] : [{ role, login }]));
  return {
    sessions: unique(own.flatMap(({ role, login }) => [login, role])),
    logins: unique(own.map(({ login }) => login)),
  };
}

function declaredSchemas(matrix: Matrix, gateway: GatewayFacts | undefined): readonly string[] {
  const specs = [...matrix.relations, ...(matrix.patterns ?? []), ...matrix.functions];
  const named = specs.flatMap(({ schema, control }) => [
    schema,
    ...(control === undefined ? [] : [control.from.schema]),
  ]);
  return unique([...named, ...matrix.exposes, ...(gateway?.schemas ?? [])]);
}

function unique(names: readonly string[]): readonly string[] {
  return [...new Set(names)];
}
