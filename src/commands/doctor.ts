import { exitCodeOf } from "../doctor/diagnose.ts";
import { renderDoctor } from "../report/doctor.ts";
import { safeJson } from "../report/text.ts";
import { refuseGiven } from "./errors.ts";
import { type DoctorTask, type Examined, examineRunning, examineStarted } from "./doctor-examine.ts";
import { type ChosenTarget, chooseTarget, type TargetChoice } from "./doctor-target.ts";
import type { Environment, ExitCode } from "./environment.ts";

export interface DoctorOptions extends DoctorTask, Omit<TargetChoice, "name"> {
  readonly json: boolean;
}

/** `rowgate doctor [target]`: checks everything that a run needs, and explains what is wrong. */
export async function doctorCommand(
  name: string | undefined,
  options: DoctorOptions,
  environment: Environment,
): Promise<ExitCode> {
  const chosen = await chooseTarget({ ...options, name }, environment);
  refuseMisplaced(chosen, options);
  const examined =
    chosen.kind === "started"
      ? await examineStarted(chosen.name, options, environment)
      : [await examineRunning(chosen.loaded, options, environment)];
  show(examined, options, environment);
  return exitCodeOf(examined.flatMap(({ diagnoses }) => diagnoses));
}

function refuseMisplaced(chosen: ChosenTarget, options: DoctorOptions): void {
  const isStarted = chosen.kind === "started";
  const name = isStarted ? chosen.name : chosen.loaded.target.name;
  refuseGiven(
    options,
    isStarted ? ["config", "overrideProductionGuard"] : ["gateway", "postgresImage", "postgrestImage"],
    (flags, one) => ({
      code: "usage/misplaced",
      message: `${flags} ${one ? "applies" : "apply"} only to targets that ${isStarted ? "run already" : "rowgate starts"}; ${name} is not one of them.`,
      hint: "remove it, or name another target: rowgate doctor <target>",
    }),
  );
}

function show(examined: readonly Examined[], { json }: DoctorOptions, { out, variables }: Environment): void {
  if (json) {
    const all = examined.map(({ target, sources, diagnoses }) => ({
      target: target.name,
      posture: target.posture,
      exitCode: exitCodeOf(diagnoses),
      sources,
      checks: diagnoses,
    }));
    out.write(`${safeJson(all.length === 1 ? all[0] : all)}\n`);
    return;
  }
  const looks = {
    width: out.isTerminal ? out.columns : 80,
    colour: out.isTerminal && (variables["NO_COLOR"] ?? "") === "",
  };
  out.write(examined.map((one) => renderDoctor(headOf(one), one.diagnoses, looks)).join("\n"));
}

/** What was examined, and where each of its settings came from. */
function headOf({ target, sources }: Examined): readonly string[] {
  const { name, posture, database, rest } = target;
  const what = name === posture ? name : `${name} (${posture})`;
  const gateway = rest === undefined ? "no PostgREST" : rest.url;
  return [
    `${what}: ${database.host}:${database.port}/${database.database}, ${gateway}`,
    ...(sources.length === 0
      ? []
      : [`settings: ${sources.map(({ setting, from }) => `${setting} from ${from}`).join("; ")}`]),
  ];
}
