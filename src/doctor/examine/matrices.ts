import { channels } from "../../model/cell.ts";
import { formatPosition, IssuesError, RowgateError } from "../../model/errors.ts";
import type { DatabaseFacts, MatrixFacts } from "../../model/examination.ts";
import type { Matrix } from "../../model/matrix.ts";
import { addressOf } from "../../model/posture.ts";
import type { Target } from "../../model/target.ts";
import { gatewayOf } from "../../run/request.ts";
import { preflightRun } from "../../run.ts";

/** Each matrix against what is there, as a run would do it before its first probe. */
export async function compareMatrices(
  matrices: readonly Matrix[],
  target: Target,
  database: DatabaseFacts,
): Promise<readonly MatrixFacts[]> {
  const found: MatrixFacts[] = [];
  for (const matrix of matrices) {
    found.push(
      database.kind === "reached"
        ? await compare(matrix, target)
        : {
            kind: "unfit",
            file: matrix.file,
            message: "the database was not reached",
            hint: undefined,
            mistakes: [],
          },
    );
  }
  return found;
}

async function compare(matrix: Matrix, target: Target): Promise<MatrixFacts> {
  const { file } = matrix;
  try {
    const { cells } = await preflightRun({
      matrix,
      filters: { only: [], personas: [], channels },
      database: addressOf(target),
      limits: target.limits,
      gateway: gatewayOf(target),
    });
    return { kind: "fits", file, cells };
  } catch (error) {
    if (!(error instanceof RowgateError)) throw error;
    const mistakes = error instanceof IssuesError ? error.issues.map(lineOf) : [];
    const message = error.message.replace(/\.$/, "");
    return { kind: "unfit", file, message, hint: error.hint, mistakes };
  }
}

function lineOf({ at, message, hint }: IssuesError["issues"][number]): string {
  return `${formatPosition(at)}: ${message}${hint === undefined ? "" : ` (${hint})`}`;
}
