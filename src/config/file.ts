import path from "node:path";
import { createReadStream, existsSync } from "node:fs";
import { boundedText } from "../lib/bounded-text.ts";
import { type Issue, IssuesError, messageOf, RowgateError, type SourcePosition } from "../model/errors.ts";
import { createHash } from "node:crypto";
import { collectIssues } from "../yaml/issues.ts";
import { didYouMean, nearest } from "../lib/nearest.ts";
import { readYaml } from "../yaml/read-yaml.ts";
import { checkShape } from "../yaml/check-shape.ts";
import { entryAt, type MapTree, plainOf } from "../yaml/tree.ts";
import { localStack, ownTargets } from "../model/target.ts";
import { type Config, configShape } from "./shape.ts";

const fileName = "rowgate.yaml";
/** In bytes, room for thousands of targets. */
const source = { noun: "configuration", mostBytes: 1024 * 1024, hint: "check that it is one" };

/**
 * The file that `--config` names, or the first `rowgate.yaml` from the current folder upwards, as far as the repository goes.
 * @throws RowgateError `config/no-file`, `config/unreadable`, `config/too-large`; IssuesError `config/invalid`
 */
export async function findConfig(
  named: string | undefined,
  cwd: string,
  target: string,
): Promise<ConfigFile> {
  const file = named === undefined ? upwards(cwd) : path.resolve(cwd, named);
  if (file === undefined) {
    throw new RowgateError({
      code: "config/no-file",
      message: `rowgate does not start a target ${target} itself, and there is no ${fileName} in ${cwd} or above it${meantTarget(target, [])}`,
      hint: `declare it in a ${fileName} (docs/targets.md shows one), or name that file with --config`,
    });
  }
  const shown = path.relative(cwd, file) || file;
  return readConfig(await readBounded(file, shown, source), shown, path.dirname(file));
}

/** As `findConfig` does; `undefined`: there is no such file. */
export async function findAnyConfig(named: string | undefined, cwd: string): Promise<ConfigFile | undefined> {
  return findConfig(named, cwd, "").catch((error: unknown) => {
    if (error instanceof RowgateError && error.code === "config/no-file") return undefined;
    throw error;
  });
}

/** Not above the repository: a file there may belong to another user, and decides what is sent where. */
function upwards(from: string): string | undefined {
  for (let folder = path.resolve(from); ; folder = path.dirname(folder)) {
    const file = path.join(folder, fileName);
    if (existsSync(file)) return file;
    if (existsSync(path.join(folder, ".git")) || path.dirname(folder) === folder) return undefined;
  }
}

/** A file that a person wrote, and no more of it than one can hold: it may have no end. @param noun what it is, in errors */
export async function readBounded(
  file: string,
  shown: string,
  { noun, mostBytes, hint }: { readonly noun: string; readonly mostBytes: number; readonly hint: string },
): Promise<string> {
  const area = noun === "configuration" ? "config" : noun;
  const text = await boundedText(createReadStream(file), mostBytes).catch((cause: unknown) => {
    throw new RowgateError({
      code: `${area}/unreadable`,
      message: `Cannot read the ${noun} ${shown}: ${messageOf(cause)}`,
      hint: "check the path: it is taken from the current folder",
      cause,
    });
  });
  if (text !== undefined) return text;
  throw new RowgateError({
    code: `${area}/too-large`,
    message: `The ${noun} ${shown} is larger than ${mostBytes / 1024 / 1024} MiB.`,
    hint,
  });
}

/** What a configuration file says, and where it says it. */
export interface ConfigFile {
  /** As a person would name it. */
  readonly file: string;
  /** Absolute; what relative paths in it start from. */
  readonly folder: string;
  readonly sha256: string;
  readonly config: Config;
  /** Of the value at `targets.<name>.<path>`, or of the nearest thing around it. */
  at(path: readonly string[]): SourcePosition;
}

const kind = { noun: "configuration", begins: "targets:" };
/** @throws IssuesError `config/invalid`, with every mistake at once */
export function readConfig(text: string, file: string, folder: string): ConfigFile {
  const collected = collectIssues("config");
  const root = readYaml(text, file, kind, collected);
  const sound =
    root !== undefined && checkShape(root, configShape, "the configuration", collected).broken.size === 0;
  const read = sound && collected.list().length === 0 ? configShape.parse(plainOf(root)) : undefined;
  const config = read && { ...read, targets: read.targets ?? {} };
  const issues = root && config ? contradictions(root, config) : collected.list();
  if (root === undefined || config === undefined || issues.length > 0)
    throw new IssuesError("config/invalid", `${file} holds mistakes.`, issues);
  const sha256 = createHash("sha256").update(text, "utf8").digest("hex");
  return { file, folder, sha256, config, at: (steps) => placeOf(root, ["targets", ...steps]) };
}

function placeOf(root: MapTree, steps: readonly string[]): SourcePosition {
  for (let length = steps.length; length > 0; length -= 1) {
    const found = entryAt(root, steps.slice(0, length));
    if (found !== undefined) return length === steps.length ? found.value.at : found.keyAt;
  }
  return root.at;
}

/** Keys that another key of the same target makes wrong. */
const exclusive: readonly (readonly [key: string, other: string, why: string])[] = [
  ...["host", "port", "name", "user", "service"].map(
    (part) => [`database.${part}`, "database.url", "the URL already names it"] as const,
  ),
  ["database.host", "database.service", "the service already names it"],
  ["jwt.private_key", "jwt.secret", "tokens have one key"],
];

/** What each key may say, and not together with another. */
function contradictions(root: MapTree, config: Config): readonly Issue[] {
  const issues: Issue[] = [];
  const report = (steps: readonly string[], code: string, message: string, hint?: string): void => {
    const entry = entryAt(root, ["targets", ...steps]);
    issues.push({ code: `config/${code}`, message, at: entry?.keyAt ?? root.at, hint });
  };
  for (const [name, { posture, writes, database = {} }] of Object.entries(config.targets)) {
    if (ownTargets.includes(name)) {
      const whose =
        name === localStack
          ? "the local stack that `supabase start` leaves"
          : "a target that rowgate starts itself";
      report([name], "bad-name", `\`${name}\` is ${whose}`, "choose another name");
    }
    if (posture === "production" && writes !== undefined && writes !== "none") {
      const hint = "leave `writes` out; to try writes, use a staging target";
      report([name, "writes"], "contradiction", `\`${name}\` is production, which takes no writes`, hint);
    }
    for (const [key, other, why] of exclusive) {
      const has = (one: string): boolean => entryAt(root, ["targets", name, ...one.split(".")]) !== undefined;
      if (!has(key) || !has(other)) continue;
      const [last, otherLast] = [key, other].map((one) => one.split(".").at(-1));
      report(
        [name, ...key.split(".")],
        "contradiction",
        `\`${last}\` cannot be combined with \`${otherLast}\`: ${why}`,
      );
    }
    if (database.sslmode === "disable" && database.sslrootcert !== undefined) {
      const message =
        "`sslrootcert` cannot be combined with `sslmode: disable`: nothing would be verified with it";
      report([name, "database", "sslrootcert"], "contradiction", message);
    }
  }
  return issues;
}

/** `; did you mean \`x\`?` among the targets of a file and those that rowgate starts. */
export function meantTarget(name: string, known: readonly string[]): string {
  return didYouMean(nearest(name, [...known, ...ownTargets]));
}
