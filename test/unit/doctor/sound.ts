import type { RelationInfo, RoleInfo } from "../../../src/model/catalog.ts";
import type {
  DatabaseFacts,
  Examination,
  PersonaFacts,
  ProbeReply,
  ReachedDatabase,
  SpeakingGateway,
  TargetFacts,
} from "../../../src/doctor/facts.ts";
import type { SessionFacts } from "../../../src/probe/sql/server-session.ts";

const milliseconds = {
  statement_timeout: 10_000,
  lock_timeout: 2000,
  idle_in_transaction_session_timeout: 60_000,
};

function role(name: string, over: Partial<RoleInfo> = {}): RoleInfo {
  return {
    name,
    superuser: false,
    bypassRls: false,
    canLogin: false,
    inherits: [name],
    mayBecome: [name],
    ...over,
  };
}

export function reply(code: string | undefined, over: Partial<ProbeReply> = {}): ProbeReply {
  return {
    status: code === undefined ? 200 : 400,
    code,
    message: "said",
    rows: code === undefined,
    clockAhead: 0,
    location: undefined,
    ...over,
  };
}

export const table: RelationInfo = {
  oid: "1",
  schema: "public",
  name: "notes",
  kind: "table",
  owner: "owner",
  rls: true,
  forceRls: false,
  securityInvoker: false,
  isPartition: false,
  accepts: ["insert", "update", "delete"],
  columns: [],
  primaryKey: [],
  uniqueKeys: [],
  constraints: [],
  policies: [],
  triggers: [],
  rules: [],
  reads: [],
  privileges: {},
  acl: [],
};

const session: SessionFacts = {
  version: "17.4",
  versionNum: 170_004,
  inRecovery: false,
  readOnly: false,
  limits: milliseconds,
  requested: milliseconds,
  clockAhead: 0,
  clockUncertainty: 5,
  safeupdate: false,
  safeupdateOf: [],
};

const database: ReachedDatabase = {
  kind: "connected",
  session,
  pooling: { kind: "known", direct: true, shared: false, statementMode: false, setLocalHolds: true },
  catalog: {
    serverVersion: "17.4",
    serverVersionNum: 170_004,
    database: "app",
    login: role("postgres", { bypassRls: true }),
    roles: [
      role("anon"),
      role("authenticated"),
      role("authenticator", { canLogin: true, mayBecome: ["anon", "authenticated"] }),
    ],
    relations: [table],
    sessionFacts: [],
    routines: [],
  },
  becomes: new Map([
    ["anon", null],
    ["authenticated", null],
  ]),
  users: { kind: "read", isEmpty: false, missing: [] },
  unreadable: [],
  schemas: ["public"],
};

const gateway: SpeakingGateway = {
  kind: "speaking",
  first: reply("PGRST205"),
  tokens: {
    tampered: reply("PGRST301"),
    ours: reply("22023"),
    dated: reply("22023"),
    withoutKeyId: undefined,
    jwks: undefined,
  },
  personas: new Map([["ana", reply(undefined)]]),
  schemas: new Map([["public", reply("PGRST205")]]),
  cache: { asked: 1, existing: 1, unknown: [] },
  sameness: { seen: "seen", row: undefined },
  checks: {
    distrust: undefined,
    unswitched: new Map(),
    anonymous: { kind: "as declared" },
    rollback: "honoured",
  },
};

function persona(name: string, roleName: string, sub: string | undefined): PersonaFacts {
  return {
    name,
    role: roleName,
    login: undefined,
    sub,
    throughGateway: true,
    needsKey: sub !== undefined,
    unready: undefined,
  };
}

/** Of a target on which every check is ok. */
export const sound: Examination = {
  now: Date.UTC(2026, 10, 21),
  target: {
    posture: "staging",
    readOnly: false,
    scratchRows: false,
    host: "db.example.com",
    port: 5432,
    database: "app",
    user: "postgres",
    tls: "chain and host",
    timeout: 15,
    schemas: ["public"],
    rest: {
      url: "https://api.example.com",
      anonRole: "anon",
      login: "authenticator",
      isBuiltin: false,
      apiKey: { kind: "publishable" },
    },
    signing: { algorithm: "ES256", keyId: "kid", isApiKey: false, isShort: false },
  },
  personas: [persona("anon", "anon", undefined), persona("ana", "authenticated", "ana's")],
  database,
  gateway,
  matrices: [{ kind: "fits", file: "matrices/notes.yaml", cells: 4 }],
  restMatrices: ["matrices/notes.yaml"],
};

export function unreached(code: string, loggedIn = false): DatabaseFacts {
  return { kind: "unreached", failure: { code, message: "said" }, loggedIn };
}

export const withTarget = (over: Partial<TargetFacts>): Examination => ({
  ...sound,
  target: { ...sound.target, ...over },
});
export const withDatabase = (over: Partial<ReachedDatabase>): Examination => ({
  ...sound,
  database: { ...database, ...over },
});
export const withSession = (over: Partial<SessionFacts>): Examination =>
  withDatabase({ session: { ...session, ...over } });
export const withCatalog = (over: Partial<ReachedDatabase["catalog"]>): Examination =>
  withDatabase({ catalog: { ...database.catalog, ...over } });
export const withRoles = (...over: readonly RoleInfo[]): Examination =>
  withCatalog({
    roles: [...database.catalog.roles.filter(({ name }) => over.every((one) => one.name !== name)), ...over],
  });
export const withGateway = (over: Partial<SpeakingGateway>): Examination => ({
  ...sound,
  gateway: { ...gateway, ...over },
});
export const withTokens = (over: Partial<SpeakingGateway["tokens"]>): Examination =>
  withGateway({ tokens: { ...gateway.tokens, ...over } });
export const silent = (over: Partial<ProbeReply>): Examination => ({
  ...sound,
  gateway: { kind: "silent", first: reply(undefined, { rows: false, ...over }) },
});
export const gatewayUnreached = (code: string): Examination => ({
  ...sound,
  gateway: { kind: "unreached", failure: { code, message: "said" } },
});
export { role };
