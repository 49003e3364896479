import { randomUUID } from "node:crypto";
import { loadTarget } from "../config/load.ts";
import { RowgateError } from "../model/errors.ts";
import { identityOf } from "../persona/identity.ts";
import { issuedClaims } from "../persona/supabase.ts";
import type { Persona } from "../model/matrix.ts";
import type { SigningKey } from "../model/target.ts";
import { pastTheGateway } from "../plan/channels.ts";
import type { Environment, ExitCode } from "./environment.ts";
import { findMatrices, loadMatrix } from "./load-matrix.ts";
import { isStarted } from "./options.ts";

export interface TokenOptions {
  readonly matrix: string | undefined;
  /** Seconds. */
  readonly lifetime: number;
  /** Of `rowgate.yaml`; `undefined`: the environment has the secret. */
  readonly target: string | undefined;
  readonly config: string | undefined;
}

const secretNames = ["ROWGATE_JWT_SECRET", "SUPABASE_JWT_SECRET"] as const;

/** `rowgate token <persona>`: one signed token on standard output, for curl. */
export async function tokenCommand(
  name: string,
  options: TokenOptions,
  environment: Environment,
): Promise<ExitCode> {
  const { cwd, variables, out } = environment;
  const { key, anonRole, issuer } = await signerOf(options, environment);
  const files = await findMatrices(options.matrix === undefined ? [] : [options.matrix], cwd);
  const today = new Date().toISOString().slice(0, 10);
  let none: RowgateError | undefined;
  for (const file of files) {
    const { matrix } = await loadMatrix(file, cwd, today);
    const persona = matrix.personas.find((one) => one.name === name);
    if (persona === undefined) continue;
    const past = matrix.channels.includes("rest")
      ? pastTheGateway(persona)
      : `${file} speaks to Postgres directly, without PostgREST`;
    if (past !== undefined) {
      none ??= noToken(persona, past);
      continue;
    }
    const issuedAt = Math.floor(Date.now() / 1000);
    const { token } = identityOf(persona, {
      lifetime: { issuedAt, expiresAt: issuedAt + options.lifetime },
      anonRole,
      key,
      defaults: issuedClaims(
        persona,
        issuer,
        { sessionId: randomUUID(), signedInAt: issuedAt },
        matrix.personas,
      ),
      handedIn: persona.tokenFrom === undefined ? undefined : variables[persona.tokenFrom],
    });
    if (token === undefined) throw noToken(persona, undefined);
    out.write(`${token}\n`);
    return 0;
  }
  if (none !== undefined) throw none;
  throw new RowgateError({
    code: "token/unknown-persona",
    message: `No persona ${name} in ${files.join(", ")}.`,
    hint: "name one of the matrix's personas, or another matrix with --matrix",
  });
}

const configAlone = new RowgateError({
  code: "usage/only-remote",
  message: "--config goes with a target of rowgate.yaml.",
  hint: "add --target <name>",
});

interface Signer {
  readonly key: SigningKey | undefined;
  readonly anonRole: string;
  readonly issuer: string | undefined;
}

async function signerOf(
  { target: name, config }: TokenOptions,
  { cwd, variables }: Environment,
): Promise<Signer> {
  if (name !== undefined && !isStarted(name)) {
    // Nothing is sent there: what it looks like does not matter.
    const { target } = await loadTarget({ name, file: config, cwd, variables, overrideGuard: true });
    return {
      key: target.signingKey,
      anonRole: target.rest?.anonRole ?? "anon",
      issuer: target.issuer,
    };
  }
  if (config !== undefined) throw configAlone;
  const secret = secretNames
    .map((one) => variables[one])
    .find((value) => value !== undefined && value !== "");
  return {
    key: secret === undefined ? undefined : { algorithm: "HS256", secret },
    anonRole: "anon",
    issuer: undefined,
  };
}

function noToken({ name, login, settings }: Persona, past: string | undefined): RowgateError {
  if (past === undefined) {
    return new RowgateError({
      code: "token/none",
      message: `The persona ${name} sends no token: it is PostgREST's anonymous role.`,
      hint: "leave the Authorization header out",
    });
  }
  const known = Object.keys(settings);
  const how = [
    ...(login === undefined ? [] : [`log in as ${login}`]),
    ...known.map((setting) => `set ${setting}`),
  ];
  return new RowgateError({
    code: "token/none",
    message: `The persona ${name} has no token: ${past}.`,
    hint: `to act as ${name} yourself, ${how.join(" and ") || "SET ROLE to its role"} in psql; a failing cell's “reproduce” lines show it`,
  });
}
