import { createHash } from "node:crypto";
import { collectIssues } from "../yaml/issues.ts";
import { didYouMean, nearest } from "../lib/nearest.ts";
import { readYaml } from "../yaml/read-yaml.ts";
import { checkShape } from "../yaml/check-shape.ts";
import { entryAt, type MapTree, plainOf } from "../yaml/tree.ts";
import { type Issue, IssuesError, type SourcePosition } from "../model/errors.ts";
import { localStack, ownTargets } from "../model/target.ts";
import { type Config, configShape } from "./shape.ts";

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
  const config = sound && collected.list().length === 0 ? configShape.parse(plainOf(root)) : undefined;
  const issues = root && config ? contradictions(root, config) : collected.list();
  if (root === undefined || config === undefined || issues.length > 0)
    throw new IssuesError("config/invalid", `${file} holds mistakes.`, issues);
  const sha256 = createHash("sha256").update(text, "utf8").digest("hex");
  return { file, folder, sha256, config, at: (path) => placeOf(root, ["targets", ...path]) };
}

function placeOf(root: MapTree, path: readonly string[]): SourcePosition {
  for (let length = path.length; length > 0; length -= 1) {
    const found = entryAt(root, path.slice(0, length));
    if (found !== undefined) return length === path.length ? found.value.at : found.keyAt;
  }
  return root.at;
}

/** What each part may say, and not beside the other. */
function contradictions(root: MapTree, config: Config): readonly Issue[] {
  const issues: Issue[] = [];
  const report = (path: readonly string[], code: string, message: string, hint?: string): void => {
    const entry = entryAt(root, ["targets", ...path]);
    issues.push({ code: `config/${code}`, message, at: entry?.keyAt ?? root.at, hint });
  };
  for (const [name, { posture, writes, database = {}, jwt = {} }] of Object.entries(config.targets)) {
    if (ownTargets.includes(name))
      report(
        [name],
        "bad-name",
        name === localStack
          ? `\`${name}\` is the local stack that \`supabase start\` leaves`
          : `\`${name}\` is a target that rowgate starts itself`,
        "name yours otherwise",
      );
    if (posture === "production" && writes !== undefined && writes !== "none")
      report(
        [name, "writes"],
        "contradiction",
        `\`${name}\` is production, which takes no writes`,
        "leave `writes` out; to try writes, use a staging target",
      );
    for (const part of ["host", "port", "name", "user", "service"] as const)
      if (database.url !== undefined && database[part] !== undefined)
        report([name, "database", part], "contradiction", `\`${part}\` stands beside \`url\`, which says it`);
    if (database.service !== undefined && database.host !== undefined)
      report([name, "database", "host"], "contradiction", "`host` stands beside `service`, which says it");
    if (database.sslmode === "disable" && database.sslrootcert !== undefined)
      report(
        [name, "database", "sslrootcert"],
        "contradiction",
        "`sslrootcert` stands beside `sslmode: disable`: nothing would be verified with it",
      );
    if (jwt.secret !== undefined && jwt.private_key !== undefined)
      report(
        [name, "jwt", "private_key"],
        "contradiction",
        "`private_key` stands beside `secret`: tokens have one key",
      );
  }
  return issues;
}

/** `; did you mean \`x\`?` among the targets of a file and those that rowgate starts. */
export function meantTarget(name: string, known: readonly string[]): string {
  return didYouMean(nearest(name, [...known, ...ownTargets]));
}
