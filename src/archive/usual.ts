/**
 * What most cells have. A line leaves out a field that has its usual value, and `matrix` where it is that of the line before:
 * in a run it is in the first line alone.
 */
const usual = Object.entries({
  implied: false,
  waived: false,
  notOn: Object.freeze({}),
  inForce: Object.freeze([]),
});

type Fields = Readonly<Record<string, unknown>>;

/** A cell → the fields that its line has. */
export function createShortener(): (cell: object) => object {
  let matrix: unknown;
  return (cell) => {
    const short: Record<string, unknown> = {};
    for (const name in cell) {
      const value = (cell as Fields)[name];
      if (name === "matrix" ? value !== matrix : !isUsual(name, value)) short[name] = value;
    }
    matrix = (cell as Fields)["matrix"];
    return short;
  };
}

/** The way back; what is no object stays as it is. */
export function createCompleter(): (line: unknown) => unknown {
  let matrix: unknown;
  return (line) => {
    if (typeof line !== "object" || line === null || Array.isArray(line)) return line;
    const whole: Record<string, unknown> = { ...line };
    matrix = whole["matrix"] ??= matrix;
    for (const [name, value] of usual) whole[name] ??= value;
    return whole;
  };
}

function isUsual(name: string, value: unknown): boolean {
  if (name === "implied" || name === "waived") return value === false;
  if (name !== "notOn" && name !== "inForce") return false;
  for (const _ in value as object) return false;
  return true;
}
