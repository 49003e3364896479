import { RowgateError, type RowgateErrorFacts } from "../model/errors.ts";

/** What would be ignored is a mistake: throws when one of these options was given. `one`: it is the only one. */
export function refuseGiven<Options extends object>(
  options: Options,
  names: readonly (keyof Options & string)[],
  error: (flags: string, one: boolean) => RowgateErrorFacts,
): void {
  const given = names.filter((name) => isGiven(options[name])).map(flagOf);
  if (given.length > 0) throw new RowgateError(error(given.join(", "), given.length === 1));
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== false && !(Array.isArray(value) && value.length === 0);
}

/** `postgresImage` → `--postgres-image`, as commander has it. */
function flagOf(name: string): string {
  return `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
