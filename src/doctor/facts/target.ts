import { jwtPayload } from "../../lib/jwt-payload.ts";
import { channels } from "../../model/cell.ts";
import { formatPosition, IssuesError, RowgateError } from "../../model/errors.ts";
import type { Matrix } from "../../model/matrix.ts";
import { addressOf, readsOnly } from "../../model/posture.ts";
import type { SigningKey, Target } from "../../model/target.ts";
import { gatewayOf } from "../../run/request.ts";
import { preflightRun } from "../../run.ts";
import type { ApiKeyFacts, DatabaseFacts, MatrixFacts, SigningFacts, TargetFacts } from "../facts.ts";

/** The target's settings without its secrets. */
export function readTarget(target: Target): TargetFacts {
  const { database, rest, signingKey } = target;
  return {
    posture: target.posture,
    readOnly: readsOnly(target),
    scratchRows: target.writes === "commit",
    host: database.host,
    port: database.port,
    database: database.database,
    user: database.user,
    tls: database.tls?.verify,
    timeout: Math.round(target.limits.requestTimeoutMs / 1000),
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

export function readApiKey(key: string): ApiKeyFacts {
  if (key.startsWith("sb_publishable_")) return { kind: "publishable" };
  if (key.startsWith("sb_secret_")) return { kind: "secret" };
  // Three parts make a JWT.
  const claims = key.split(".").length === 3 ? jwtPayload(key) : undefined;
  if (claims === undefined) return { kind: "unknown" };
  const { role, ref, exp } = claims;
  return {
    kind: "legacy",
    role: typeof role === "string" ? role : undefined,
    project: typeof ref === "string" ? ref : undefined,
    expires: typeof exp === "number" ? exp * 1000 : undefined,
  };
}

export function readSigningKey(key: SigningKey): SigningFacts {
  const secret = key.algorithm === "HS256" ? key.secret : undefined;
  return {
    algorithm: key.algorithm,
    keyId: key.keyId,
    isApiKey: secret !== undefined && readApiKey(secret).kind !== "unknown",
    isShort: secret !== undefined && new TextEncoder().encode(secret).length < 32,
  };
}

/** Compares each matrix with the database, as a run does before its first probe. */
export async function compareMatrices(
  matrices: readonly Matrix[],
  target: Target,
  database: DatabaseFacts,
): Promise<readonly MatrixFacts[]> {
  const found: MatrixFacts[] = [];
  for (const matrix of matrices)
    found.push(database.kind === "connected" ? await compare(matrix, target) : unreached(matrix));
  return found;
}

function unreached({ file }: Matrix): MatrixFacts {
  return {
    kind: "unfit",
    file,
    message: "no connection to the database was made",
    hint: undefined,
    mistakes: [],
  };
}

async function compare(matrix: Matrix, target: Target): Promise<MatrixFacts> {
  const { file } = matrix;
  try {
    const { cells } = await preflightRun({
      matrix,
      filters: { only: [], personas: [], channels },
      database: addressOf(target),
      limits: target.limits,
      gateway: gatewayOf(target),
    });
    return { kind: "fits", file, cells };
  } catch (error) {
    if (!(error instanceof RowgateError)) throw error;
    const mistakes = error instanceof IssuesError ? error.issues.map(lineOf) : [];
    const message = error.message.replace(/\.$/, "");
    return { kind: "unfit", file, message, hint: error.hint, mistakes };
  }
}

function lineOf({ at, message, hint }: IssuesError["issues"][number]): string {
  return `${formatPosition(at)}: ${message}${hint === undefined ? "" : ` (${hint})`}`;
}
