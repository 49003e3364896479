import path from "node:path";
import { readDefaultPrivileges } from "../catalog/catalog.ts";
import { writeCaptured } from "../config/captured.ts";
import { findAnyConfig } from "../config/file.ts";
import { loadTarget } from "../config/load.ts";
import { plural } from "../report/text.ts";
import { localStack } from "../model/target.ts";
import { addressOf } from "../model/posture.ts";
import { Control } from "../probe/sql/baseline.ts";
import type { Environment, ExitCode } from "./environment.ts";

export interface CaptureOptions {
  readonly config: string | undefined;
}

/**
 * `rowgate capture <target>`: writes down what a running target gives on new objects, so that embedded databases can stand for it
 * (`default_privileges: as-captured`), and runs say where they differ. It only reads there.
 */
export async function captureCommand(
  name: string,
  { config }: CaptureOptions,
  { cwd, variables, out }: Environment,
): Promise<ExitCode> {
  // It is only read, so the guard against production adds nothing.
  const { target } = await loadTarget({ name, file: config, cwd, variables, overrideGuard: true });
  const privileged = await Control.open({ ...addressOf(target), readOnly: true }, target.limits);
  try {
    const entries = await privileged.ask("while default privileges were read", readDefaultPrivileges);
    const folder = (await findAnyConfig(name === localStack ? undefined : config, cwd))?.folder ?? cwd;
    const file = await writeCaptured(folder, { target: name, capturedAt: new Date().toISOString(), entries });
    out.write(
      `${path.relative(cwd, file)}: ${plural(entries.length, "entry", "entries")} of default privileges of ${name}. Commit it; with \`default_privileges: as-captured\` in rowgate.yaml embedded databases start with them.\n`,
    );
    return 0;
  } finally {
    await privileged.close();
  }
}
