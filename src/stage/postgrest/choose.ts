import path from "node:path";
import { RowgateError } from "../../model/errors.ts";
import { type Environment, isExecutable, preferredPostgrest, programName } from "../gateway/install/cache.ts";

export type GatewayWish = "auto" | "postgrest" | "builtin";

export type GatewayChoice =
  | { readonly kind: "builtin" }
  | { readonly kind: "postgrest"; readonly binary: string };

/** A real PostgREST, and what led to it. */
export interface FoundPostgrest {
  readonly binary: string;
  readonly by: "ROWGATE_POSTGREST_BIN" | "PATH" | "cache";
}

/**
 * A real PostgREST where there is one: named by `ROWGATE_POSTGREST_BIN`, on PATH, or installed in the user's cache. `auto`
 * takes the builtin gateway otherwise.
 * @throws {RowgateError} `gateway/no-postgrest`, `gateway/bad-postgrest`
 */
export function chooseGateway(wish: GatewayWish, environment: Environment): GatewayChoice {
  if (wish === "builtin") return { kind: "builtin" };
  const found = findPostgrest(environment);
  if (found !== undefined) return { kind: "postgrest", binary: found.binary };
  if (wish === "auto") return { kind: "builtin" };
  throw new RowgateError({
    code: "gateway/no-postgrest",
    message: "there is no postgrest to run",
    hint: "fetch one with `rowgate gateway install`, put `postgrest` on PATH, name it with ROWGATE_POSTGREST_BIN, or use --gateway builtin",
  });
}

/** The one that `auto` takes; `undefined` where there is none. @throws {RowgateError} `gateway/bad-postgrest` */
export function findPostgrest(environment: Environment): FoundPostgrest | undefined {
  const named = environment["ROWGATE_POSTGREST_BIN"] ?? "";
  // A name that leads nowhere is a mistake; falling back would hide it.
  if (named !== "") return { binary: checked(named), by: "ROWGATE_POSTGREST_BIN" };
  const first = onPath(environment);
  if (first !== undefined) return { binary: first, by: "PATH" };
  const cached = preferredPostgrest(environment);
  return cached && { binary: cached.binary, by: "cache" };
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
  const folders = (environment["PATH"] ?? "").split(path.delimiter).filter((folder) => folder !== "");
  return folders.map((folder) => path.resolve(folder, programName())).find(isExecutable);
}
