import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { messageOf, RowgateError } from "../model/errors.ts";
import type { MutationRecord } from "../model/mutation.ts";
import { mutationDocument } from "../report/mutation-json.ts";
import type { Environment } from "./environment.ts";
import type { FileReport } from "./report.ts";

/** What `rowgate mutate --report` writes. */
export const mutationFormats = ["mutation-json", "mutation-html"] as const;
export type MutationFormat = (typeof mutationFormats)[number];

/** Without `--min-score`, the page is green from the score that a matrix should reach, and red where half of it is lost. */
const usual = 95;

/** One document of all matrices. @throws RowgateError `report/disk` */
export async function writeMutationReports(
  reports: readonly FileReport<MutationFormat>[],
  records: readonly MutationRecord[],
  minScore: number | undefined,
  { cwd }: Pick<Environment, "cwd">,
): Promise<void> {
  const high = Math.round(minScore ?? usual);
  const document = mutationDocument(records, { high, low: Math.floor(high / 2) });
  for (const { format, file } of reports) {
    const text =
      format === "mutation-json"
        ? `${JSON.stringify(document, undefined, 2)}\n`
        : await (await import("../report/html/mutation.ts")).mutationPage(document);
    try {
      const target = path.resolve(cwd, file);
      await mkdir(path.dirname(target), { recursive: true });
      await writeFile(target, text);
    } catch (cause) {
      throw new RowgateError({
        code: "report/disk",
        message: `Could not write the report ${file}: ${messageOf(cause)}`,
        hint: "check the path and its permissions",
        cause,
      });
    }
  }
}
