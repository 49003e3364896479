import type { EmbeddedServer } from "../../src/stage/postgres/server.ts";
import { type FuzzOptions, isUnsound, proveAndCheck } from "./fuzz.ts";
import { smaller } from "./grammar.ts";
import type { Sample } from "./sample.ts";

/** The smallest policy that goes wrong in the same way. */
export async function shrink(
  server: EmbeddedServer,
  sample: Sample,
  options: Omit<FuzzOptions, "count">,
): Promise<Sample> {
  let best = { ...sample, table: "f0" };
  for (let rounds = 0; rounds < 30; rounds++) {
    const tries = simpler(best)
      .slice(0, 24)
      .map((one, index) => ({ ...one, table: `f${index}` }));
    const outcomes = await proveAndCheck(server, tries, options);
    const next = outcomes.find(isUnsound)?.sample;
    if (next === undefined) return best;
    best = { ...next, table: "f0" };
  }
  return best;
}

function simpler(sample: Sample): readonly Sample[] {
  const { permissive, restrictive, declared, seen } = sample;
  const [first, ...others] = permissive;
  return [
    ...(others.length > 0 ? permissive.map((one) => ({ ...sample, permissive: [one] })) : []),
    ...restrictive.map((_, index) => ({
      ...sample,
      restrictive: restrictive.filter((_one, at) => at !== index),
    })),
    ...(seen.text === "true" ? [] : [{ ...sample, seen: { text: "true", parts: [] } }]),
    ...(sample.ungranted.length > 0 ? [{ ...sample, ungranted: [] }] : []),
    ...(sample.kind === "table" ? [] : [{ ...sample, kind: "table" } as const]),
    ...(sample.to === "public" ? [] : [{ ...sample, to: "public" } as const]),
    ...(first === undefined
      ? []
      : smaller(first).map((one) => ({ ...sample, permissive: [one, ...others] }))),
    ...restrictive.flatMap((one, index) =>
      smaller(one).map((less) => ({
        ...sample,
        restrictive: restrictive.map((each, at) => (at === index ? less : each)),
      })),
    ),
    ...(declared === undefined ? [] : smaller(declared).map((one) => ({ ...sample, declared: one }))),
  ];
}
