import { findAnyConfig } from "../config/file.ts";
import { type LoadedTarget, loadFromEnvironment, loadTarget } from "../config/load.ts";
import { listNames } from "../lib/nearest.ts";
import { RowgateError } from "../model/errors.ts";
import type { StartedTarget } from "../model/target.ts";
import type { Environment } from "./environment.ts";
import { isStarted } from "./options.ts";

export interface TargetChoice {
  /** `undefined`: the only one of `rowgate.yaml`, or what the environment names, or the embedded one. */
  readonly name: string | undefined;
  readonly config: string | undefined;
  readonly overrideProductionGuard: boolean;
}

export type ChosenTarget =
  | { readonly kind: "started"; readonly name: StartedTarget }
  | { readonly kind: "running"; readonly loaded: LoadedTarget };

/** The target that the command line, rowgate.yaml or the environment names. Does not connect. @throws RowgateError, IssuesError `config/…` */
export async function chooseTarget(choice: TargetChoice, environment: Environment): Promise<ChosenTarget> {
  const { cwd, variables } = environment;
  if (choice.name !== undefined && isStarted(choice.name)) return { kind: "started", name: choice.name };
  const name = choice.name ?? (await onlyTarget(choice.config, cwd));
  if (name === undefined) {
    const loaded = await loadFromEnvironment(cwd, variables);
    return loaded === undefined ? { kind: "started", name: "embedded" } : { kind: "running", loaded };
  }
  const { config: file, overrideProductionGuard: overrideGuard } = choice;
  return { kind: "running", loaded: await loadTarget({ name, file, cwd, variables, overrideGuard }) };
}

/** `undefined`: there is no file. @throws RowgateError `usage/which-target` where it names several */
async function onlyTarget(config: string | undefined, cwd: string): Promise<string | undefined> {
  const found = await findAnyConfig(config, cwd);
  const [name, ...more] = Object.keys(found?.config.targets ?? {});
  if (found === undefined || more.length === 0) return name;
  throw new RowgateError({
    code: "usage/which-target",
    message: `${found.file} names several targets.`,
    hint: `rowgate doctor <target>: ${listNames([name ?? "", ...more])}, or embedded`,
  });
}
