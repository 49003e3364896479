import { readApiKey, readSigningKey } from "../keys.ts";
import type { TargetFacts } from "../../model/examination.ts";
import { readsOnly } from "../../model/posture.ts";
import type { Target } from "../../model/target.ts";

/** What the target says of itself, its secrets left out. */
export function readTarget(target: Target): TargetFacts {
  const { database, rest, signingKey } = target;
  return {
    posture: target.posture,
    readOnly: readsOnly(target),
    ownRows: target.writes === "commit",
    host: database.host,
    port: database.port,
    database: database.database,
    user: database.user,
    tls: database.tls?.verify,
    patience: Math.round(target.limits.requestTimeoutMs / 1000),
    schemas: target.schemas,
    rest: rest && {
      url: rest.url,
      anonRole: rest.anonRole,
      login: rest.login,
      isBuiltin: rest.gateway.kind === "builtin",
      apiKey: rest.apiKey === undefined ? undefined : readApiKey(rest.apiKey),
    },
    signing: signingKey && readSigningKey(signingKey),
  };
}
