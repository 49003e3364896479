import { access, readdir } from "node:fs/promises";
import path from "node:path";
import { parseMatrix } from "../matrix/parse.ts";
import { readBounded } from "../config/file.ts";
import { RowgateError } from "../model/errors.ts";
import type { Matrix } from "../model/matrix.ts";
import { allOrErrors } from "./errors.ts";

/** A matrix and the folder of its SQL. */
export interface LoadedMatrix {
  readonly matrix: Matrix;
  readonly policies: string;
  /** A file of SQL that is applied after the folder's. */
  readonly seed?: string | undefined;
}

/** Files as given, or every `matrices/*.yaml` of the current folder. @throws RowgateError `matrix/no-file` */
export async function findMatrices(given: readonly string[], cwd: string): Promise<readonly string[]> {
  if (given.length > 0) return given;
  const folder = path.join(cwd, "matrices");
  const names = await readdir(folder).catch(() => []);
  const found = names.filter((name) => /\.ya?ml$/.test(name)).toSorted();
  if (found.length > 0) return found.map((name) => path.join("matrices", name));
  throw new RowgateError({
    code: "matrix/no-file",
    message: `No matrix was named, and there is no matrices/*.yaml in ${cwd}.`,
    hint: "rowgate run path/to/matrix.yaml",
  });
}

/**
 * Reads and parses all; the mistakes of one file do not hide those of another.
 * @param needsFolder whether each must have the folder of its SQL
 * @throws IssuesError, RowgateError, or both
 */
export async function loadMatrices(
  given: readonly string[],
  cwd: string,
  today: string,
  needsFolder: boolean,
): Promise<readonly LoadedMatrix[]> {
  const files = await findMatrices(given, cwd);
  const settled = await Promise.allSettled(
    files.map(async (file) => {
      const loaded = await loadMatrix(file, cwd, today);
      if (needsFolder) await requireFolder(loaded.policies, loaded.matrix);
      return loaded;
    }),
  );
  return allOrErrors(settled, "These matrices hold mistakes.");
}

/** Bytes: room for 30,000 relations. To parse a file takes several hundred times its size in memory. */
const mostBytes = 4 * 1024 * 1024;

/** Reads and parses one. @throws IssuesError with every mistake in it; RowgateError `matrix/unreadable` */
export async function loadMatrix(file: string, cwd: string, today: string): Promise<LoadedMatrix> {
  const absolute = path.resolve(cwd, file);
  const shown = path.relative(cwd, absolute) || file;
  const text = await readBounded(absolute, shown, {
    noun: "matrix",
    mostBytes,
    hint: "check that it is a matrix; one for so many relations is several, which run side by side",
  });
  const matrix = parseMatrix(text, shown, today);
  return {
    matrix,
    policies: path.resolve(
      path.dirname(absolute),
      matrix.policies ?? path.join("..", "policies", matrix.name),
    ),
    seed: matrix.seed && path.resolve(path.dirname(absolute), matrix.seed),
  };
}

/** @throws RowgateError `policies/missing` */
async function requireFolder(folder: string, matrix: Matrix): Promise<void> {
  await access(folder).catch((cause: unknown) => {
    throw new RowgateError({
      code: "policies/missing",
      message: `The matrix ${matrix.name} (${matrix.file}) needs the SQL of its system, and there is no folder ${folder}.`,
      hint: "put numbered SQL there (010_tables.sql …), name another folder with `policies:` in the matrix, or with --policies",
      cause,
    });
  });
}
