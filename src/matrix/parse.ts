import { createHash } from "node:crypto";
import { IssuesError } from "../model/errors.ts";
import type { Matrix } from "../model/matrix.ts";
import { collectIssues } from "../yaml/issues.ts";
import { readMatrix } from "./read-matrix.ts";
import { readYaml } from "../yaml/read-yaml.ts";

/**
 * The text of a matrix file → what it says.
 * @param file the path as a person would write it: it stands in every position
 * @param today `YYYY-MM-DD`, for examples in hints: whether a waiver has expired is the run's question
 * @throws IssuesError `matrix/invalid`, with every lie of the matrix at once
 */
export function parseMatrix(text: string, file: string, today: string): Matrix {
  const issues = collectIssues();
  const root = readYaml(text, file, issues);
  const body = root && readMatrix(root, today, issues);
  const found = issues.list();
  if (found.length > 0 || body === undefined) {
    const count = found.length === 1 ? "1 mistake" : `${found.length} mistakes`;
    throw new IssuesError("matrix/invalid", `${file}: ${count} in the matrix`, found);
  }
  return { ...body, file, sha256: createHash("sha256").update(text, "utf8").digest("hex") };
}
