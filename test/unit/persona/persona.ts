import type { Persona } from "../../../src/model/matrix.ts";

export function persona(over: Partial<Persona>): Persona {
  return {
    name: "ana",
    role: "authenticated",
    login: undefined,
    claims: undefined,
    settings: {},
    tokenFrom: undefined,
    at: { file: "m.yaml", line: 3, column: 5 },
    ...over,
  };
}
