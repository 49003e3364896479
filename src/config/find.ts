import { createReadStream, existsSync } from "node:fs";
import path from "node:path";
import { boundedText } from "../lib/bounded-text.ts";
import { RowgateError } from "../model/errors.ts";
import { type ConfigFile, meantTarget, readConfig } from "./read.ts";

const fileName = "rowgate.yaml";
/** Bytes: room for thousands of targets. */
const mostBytes = 1024 * 1024;

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
      message: `The target ${target} is none that rowgate starts itself, and there is no ${fileName} in ${cwd} or above it${meantTarget(target, [])}`,
      hint: `name its targets in a ${fileName} (docs/targets.md shows one), or the file with --config`,
    });
  }
  const shown = path.relative(cwd, file) || file;
  return readConfig(await readText(file, shown), shown, path.dirname(file));
}

/** As `findConfig` does; `undefined`: there is none. */
export async function findAnyConfig(named: string | undefined, cwd: string): Promise<ConfigFile | undefined> {
  return findConfig(named, cwd, "").catch((error: unknown) => {
    if (error instanceof RowgateError && error.code === "config/no-file") return undefined;
    throw error;
  });
}

/** Not above the repository: what lies there may be somebody else's, and names what is sent where. */
function upwards(from: string): string | undefined {
  for (let folder = path.resolve(from); ; folder = path.dirname(folder)) {
    const file = path.join(folder, fileName);
    if (existsSync(file)) return file;
    if (existsSync(path.join(folder, ".git")) || path.dirname(folder) === folder) return undefined;
  }
}

/** No more of it than one can hold: a file may have no end. */
async function readText(file: string, shown: string): Promise<string> {
  const text = await boundedText(createReadStream(file), mostBytes).catch((cause: unknown) => {
    throw new RowgateError({
      code: "config/unreadable",
      message: `Cannot read the configuration ${shown}: ${cause instanceof Error ? cause.message : String(cause)}`,
      hint: "check the path: it is taken from the current folder",
      cause,
    });
  });
  if (text === undefined) throw tooLarge(shown);
  return text;
}

function tooLarge(shown: string): RowgateError {
  return new RowgateError({
    code: "config/too-large",
    message: `The configuration ${shown} is larger than ${mostBytes / 1024 / 1024} MiB.`,
    hint: "check that it is one",
  });
}
