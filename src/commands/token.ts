import { RowgateError } from "../model/errors.ts";
import { identityOf } from "../persona/identity.ts";
import type { Environment, ExitCode } from "./environment.ts";
import { findMatrices, loadMatrix } from "./load-matrix.ts";

export interface TokenOptions {
  readonly matrix: string | undefined;
  /** Seconds. */
  readonly lifetime: number;
}

const secretNames = ["ROWGATE_JWT_SECRET", "SUPABASE_JWT_SECRET"] as const;

/** `rowgate token <persona>`: one signed token on standard output, for curl. */
export async function tokenCommand(
  name: string,
  options: TokenOptions,
  environment: Environment,
): Promise<ExitCode> {
  const { cwd, variables, out } = environment;
  const files = await findMatrices(options.matrix === undefined ? [] : [options.matrix], cwd);
  const today = new Date().toISOString().slice(0, 10);
  for (const file of files) {
    const { matrix } = await loadMatrix(file, cwd, today);
    const persona = matrix.personas.find((one) => one.name === name);
    if (persona === undefined) continue;
    const issuedAt = Math.floor(Date.now() / 1000);
    const secret = secretNames
      .map((one) => variables[one])
      .find((value) => value !== undefined && value !== "");
    const { token } = identityOf(persona, {
      lifetime: { issuedAt, expiresAt: issuedAt + options.lifetime },
      anonRole: "anon",
      key: secret === undefined ? undefined : { algorithm: "HS256", secret },
      handedIn: persona.tokenFrom === undefined ? undefined : variables[persona.tokenFrom],
    });
    if (token === undefined) {
      throw new RowgateError({
        code: "token/none",
        message: `The persona ${name} sends no token: it is PostgREST's anonymous role.`,
        hint: "leave the Authorization header out",
      });
    }
    out.write(`${token}\n`);
    return 0;
  }
  throw new RowgateError({
    code: "token/unknown-persona",
    message: `No persona ${name} in ${files.join(", ")}.`,
    hint: "name one of the matrix's personas, or another matrix with --matrix",
  });
}
