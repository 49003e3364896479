import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type DatabaseAddress, defaultLimits, type Target } from "../dist/model/target.js";
import { matrixYaml } from "./matrix-yaml.ts";
import type { Shape } from "./shape.ts";

/** A private folder for matrices, archives and recordings; gone afterwards. */
export async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(path.join(tmpdir(), "rowgate-bench-"));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export function writeMatrix(folder: string, name: string, shape: Shape): string {
  const file = path.join(folder, `${name}.yaml`);
  writeFileSync(file, matrixYaml(shape));
  return file;
}

/** A target without a gateway: the direct channel alone. */
export function directTarget(database: DatabaseAddress): Target {
  return {
    name: "bench",
    posture: "container",
    database,
    rest: undefined,
    signingKey: undefined,
    schemas: ["public"],
    preRequest: undefined,
    limits: defaultLimits,
  };
}

/** Archives are large; one is looked at by nobody once its run is measured. */
export function forget(archive: string): void {
  rmSync(archive, { recursive: true, force: true });
}
