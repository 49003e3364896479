import type { RoutineInfo } from "../model/catalog.ts";
import type { Finding } from "../model/finding.ts";
import type { FunctionSpec } from "../model/matrix.ts";
import { signatureOf } from "../model/routine.ts";

interface Called {
  readonly spec: FunctionSpec;
  readonly routine: RoutineInfo;
}

/** Arguments that may be left out, and that every declared call leaves out: what they change has not been seen. */
export function untriedArguments(functions: readonly Called[]): readonly Finding[] {
  return functions.flatMap(({ spec, routine }): readonly Finding[] => {
    const untried = routine.arguments
      .map(({ name, required }, index) => ({ name: name === "" ? `$${index + 1}` : name, required }))
      .filter(
        ({ name, required }) => !required && !spec.calls.some((call) => Object.hasOwn(call.arguments, name)),
      )
      .map(({ name }) => name);
    return untried.length === 0
      ? []
      : [{ kind: "argument-untested", function: signatureOf(routine), arguments: untried }];
  });
}
