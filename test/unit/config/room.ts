import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type LoadedTarget, loadTarget } from "../../../src/config/load.ts";
import { IssuesError, RowgateError } from "../../../src/model/errors.ts";

/** A folder with files in it. */
export interface Room {
  readonly folder: string;
  put(name: string, text: string): string;
  load(name: string, variables?: Readonly<Record<string, string>>, over?: Over): Promise<LoadedTarget>;
  /** Each mistake as `line:column message`. */
  mistakes(
    name: string,
    variables?: Readonly<Record<string, string>>,
    over?: Over,
  ): Promise<readonly string[]>;
  clear(): void;
}

interface Over {
  readonly cwd?: string;
  readonly file?: string;
  readonly overrideGuard?: boolean;
}

function loadIn(folder: string): Room["load"] {
  return (name, variables = {}, { cwd = folder, file, overrideGuard } = {}) =>
    loadTarget({ name, file, cwd, variables, overrideGuard });
}

export function openRoom(): Room {
  const folder = mkdtempSync(path.join(tmpdir(), "rowgate config "));
  const put = (name: string, text: string): string => {
    const file = path.join(folder, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text);
    return file;
  };
  const load = loadIn(folder);
  return {
    folder,
    put,
    load,
    mistakes: async (...args) => {
      try {
        await load(...args);
        return [];
      } catch (error) {
        if (error instanceof IssuesError)
          return error.issues.map(
            ({ at, message, hint }) =>
              `${at.line}:${at.column} ${message}${hint === undefined ? "" : ` (${hint})`}`,
          );
        if (error instanceof RowgateError)
          return [`${error.message}${error.hint === undefined ? "" : ` (${error.hint})`}`];
        throw error;
      }
    },
    clear: () => rmSync(folder, { recursive: true, force: true }),
  };
}
