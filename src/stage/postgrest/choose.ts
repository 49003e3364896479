import { accessSync, constants, statSync } from "node:fs";
import path from "node:path";
import { RowgateError } from "../../model/errors.ts";

export type GatewayWish = "auto" | "postgrest" | "builtin";

export type GatewayChoice =
  | { readonly kind: "builtin" }
  | { readonly kind: "postgrest"; readonly binary: string };

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * A real PostgREST where there is one: named by `ROWGATE_POSTGREST_BIN`, or on PATH. `auto` uses the builtin gateway
 * otherwise.
 * @throws {RowgateError} `gateway/no-postgrest`, `gateway/bad-postgrest`
 */
export function chooseGateway(wish: GatewayWish, environment: Environment): GatewayChoice {
  if (wish === "builtin") return { kind: "builtin" };
  const binary = findPostgrest(environment);
  if (binary !== undefined) return { kind: "postgrest", binary };
  if (wish === "auto") return { kind: "builtin" };
  throw new RowgateError({
    code: "gateway/no-postgrest",
    message: "no postgrest program was found on PATH, and ROWGATE_POSTGREST_BIN is not set",
    hint: "put `postgrest` on PATH, set ROWGATE_POSTGREST_BIN to its path, or use --gateway builtin (docs/gateway.md says where to get it)",
  });
}

function findPostgrest(environment: Environment): string | undefined {
  const named = environment["ROWGATE_POSTGREST_BIN"] ?? "";
  // A path that leads nowhere is a mistake; falling back would hide it.
  if (named !== "") return requireExecutable(named);
  const name = process.platform === "win32" ? "postgrest.exe" : "postgrest";
  const folders = (environment["PATH"] ?? "").split(path.delimiter).filter((folder) => folder !== "");
  return folders.map((folder) => path.resolve(folder, name)).find(isExecutable);
}

function requireExecutable(binary: string): string {
  if (isExecutable(binary)) return path.resolve(binary);
  throw new RowgateError({
    code: "gateway/bad-postgrest",
    message: `ROWGATE_POSTGREST_BIN is not an executable file: ${binary}`,
    hint: "set it to the path of a postgrest program that this user can run, or unset it",
  });
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
