import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { docker } from "./engine.ts";

const root = path.resolve(import.meta.dirname, "../..");
/** What the images are made of: what is written here, and the gateway with what that imports. */
const sources = [
  path.join(import.meta.dirname, "images"),
  path.join(root, "sql"),
  ...["stage/gateway", "model", "lib"].map((name) => path.join(root, "dist", name)),
];

/** images/build.sh's exit code when Debian's packages cannot be had here. */
const noPackages = 3;

/** By what stands in for what: see images/build.sh. */
export const images = {
  postgres: "rowgate-test/postgres:debian",
  supabase: "rowgate-test/postgres:supabase",
  /** Writes its password to its log, and ends. */
  ends: "rowgate-test/postgres:ends",
  /** Never serves. */
  slow: "rowgate-test/postgres:slow",
  /** Has another password than the one that it was given. */
  other: "rowgate-test/postgres:other",
  gateway: "rowgate-test/gateway:builtin",
  gatewayEnds: "rowgate-test/gateway:ends",
  /** Answers 200 to everything, and does not say who it is. */
  gatewayOther: "rowgate-test/gateway:other",
  /** Its program is not in it. */
  gatewayMissing: "rowgate-test/gateway:missing",
} as const;

/**
 * Builds the images of these tests unless the engine has those of the same sources. They stay, so that the next test finds
 * them: `docker image ls 'rowgate-test/*'`.
 * @returns why they cannot be built here, where that is not these tests' fault
 */
export async function buildImages(): Promise<string | undefined> {
  const mark = `rowgate-test/built:${digest()}`;
  if ((await docker("image", "ls", "--quiet", mark)) !== "") return undefined;
  const work = mkdtempSync(path.join(tmpdir(), "rowgate-images-"));
  const build = path.join(import.meta.dirname, "images/build.sh");
  try {
    const { status, error } = spawnSync(build, [root, work], {
      stdio: ["ignore", "ignore", "inherit"],
      timeout: 10 * 60_000,
    });
    if (status === noPackages) return "Debian's packages for their images cannot be had here";
    if (status !== 0) throw new Error(`${build} ended with ${status ?? error?.message ?? "a signal"}`);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  // Those of other sources: a tag is all that keeps them.
  const old = await docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}", "rowgate-test/built");
  for (const name of old.split("\n").filter((one) => one !== "")) await docker("image", "rm", name);
  await docker("tag", images.gateway, mark);
  return undefined;
}

function digest(): string {
  const hash = createHash("sha256");
  for (const file of sources.flatMap(filesOf)) hash.update(file).update(readFileSync(path.join(root, file)));
  return hash.digest("hex").slice(0, 16);
}

function filesOf(source: string): readonly string[] {
  const inside = statSync(source).isDirectory()
    ? readdirSync(source, { recursive: true, encoding: "utf8" }).map((name) => path.join(source, name))
    : [source];
  return inside
    .filter((file) => !/\.(map|d\.ts)$/.test(file) && statSync(file).isFile())
    .map((file) => path.relative(root, file))
    .toSorted();
}
