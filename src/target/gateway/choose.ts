import { accessSync, constants, statSync } from "node:fs";
import path from "node:path";
import { RowgateError } from "../../model/errors.ts";

export type GatewayWish = "auto" | "postgrest" | "builtin";

export type GatewayChoice =
  | { readonly kind: "builtin" }
  | { readonly kind: "postgrest"; readonly binary: string };

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * A real PostgREST where there is one: named by `ROWGATE_POSTGREST_BIN`, or on PATH. `auto` takes the builtin gateway
 * otherwise.
 * @throws {RowgateError} `gateway/no-postgrest`, `gateway/bad-postgrest`
 */
export function chooseGateway(wish: GatewayWish, environment: Environment): GatewayChoice {
  if (wish === "builtin") return { kind: "builtin" };
  const named = environment["ROWGATE_POSTGREST_BIN"];
  // A name that leads nowhere is a mistake; falling back would hide it.
  if (named !== undefined && named !== "") return { kind: "postgrest", binary: checked(named) };
  const binary = onPath(environment);
  if (binary !== undefined) return { kind: "postgrest", binary };
  if (wish === "auto") return { kind: "builtin" };
  throw new RowgateError({
    code: "gateway/no-postgrest",
    message: "there is no postgrest to run",
    hint: "install PostgREST (https://postgrest.org) so that `postgrest` is on PATH, name it with ROWGATE_POSTGREST_BIN, or use --gateway builtin",
  });
}

function checked(binary: string): string {
  if (isExecutable(binary)) return path.resolve(binary);
  throw new RowgateError({
    code: "gateway/bad-postgrest",
    message: `ROWGATE_POSTGREST_BIN names no program: ${binary}`,
    hint: "give the path of a postgrest that can be run, or unset it",
  });
}

function onPath(environment: Environment): string | undefined {
  const name = process.platform === "win32" ? "postgrest.exe" : "postgrest";
  const folders = (environment["PATH"] ?? "").split(path.delimiter).filter((folder) => folder !== "");
  return folders.map((folder) => path.resolve(folder, name)).find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
