import type { Channel } from "../model/cell.ts";
import { RowgateError } from "../model/errors.ts";
import type { Matrix, Persona } from "../model/matrix.ts";

/** What the matrix speaks of what was asked for. @throws RowgateError `run/no-such-channel` when that is nothing */
export function channelsOf(matrix: Matrix, asked: readonly Channel[]): readonly Channel[] {
  const spoken = asked.filter((channel) => matrix.channels.includes(channel));
  if (spoken.length > 0) return spoken;
  throw new RowgateError({
    code: "run/no-such-channel",
    message: `The matrix ${matrix.name} has no ${asked.join(", ")} channel: \`channels:\` in ${matrix.file} says ${matrix.channels.join(", ")}.`,
    hint: "leave --channel out, or name another matrix",
  });
}

/** Why no gateway can carry the persona's identity; `undefined` when it can. */
export function pastTheGateway({ name, login, settings }: Persona): string | undefined {
  if (login !== undefined) return `${name} logs in by itself, as ${login}, and not through a gateway`;
  const [setting] = Object.keys(settings);
  return setting === undefined
    ? undefined
    : `${name} is known by the session setting ${setting}, which no request carries`;
}
