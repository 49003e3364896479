import path from "node:path";
import { type CliOptions, type CliResult, rowgate } from "../support/cli.ts";
import { images } from "./build.ts";

export const root: string = path.resolve(import.meta.dirname, "../..");

/** `rowgate run … --target container` with the images of these tests, unless others are named. */
export async function runOnContainers(args: readonly string[], options: CliOptions): Promise<CliResult> {
  return onContainers("run", args, options);
}

/** The same of another command. */
export async function onContainers(
  command: "run" | "gate" | "init",
  args: readonly string[],
  { env, ...options }: CliOptions,
): Promise<CliResult> {
  return rowgate([command, ...args, "--target", "container"], {
    ...options,
    env: {
      ROWGATE_POSTGRES_IMAGE: images.postgres,
      ROWGATE_POSTGREST_IMAGE: images.gateway,
      ...(process.env["DOCKER_HOST"] === undefined ? {} : { DOCKER_HOST: process.env["DOCKER_HOST"] }),
      ...env,
    },
  });
}
