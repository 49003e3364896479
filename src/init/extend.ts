import { isMap, isPair, parseDocument } from "yaml";
import { RowgateError } from "../model/errors.ts";
import type { Matrix, Persona } from "../model/matrix.ts";
import { flattenedClaims, type InitPersona } from "./personas.ts";

/** A matrix that is there keeps every character that it has; what is new comes after its relations. */
export function withEntries(
  text: string,
  file: string,
  entries: readonly string[],
  seed: string | undefined,
): string {
  const root = parseDocument(text).contents;
  const pair = isMap(root)
    ? root.items.find((one) => isPair(one) && String(one.key) === "relations")
    : undefined;
  const relations = pair?.value;
  const [first] = isMap(relations) ? relations.items : [];
  const range = isMap(relations) ? relations.range : undefined;
  if (
    !isMap(relations) ||
    relations.flow === true ||
    first === undefined ||
    range === undefined ||
    range === null
  )
    throw new RowgateError({
      code: "init/no-place",
      message: `${file} has no \`relations:\` with a line for each, so that there is no place for what is new.`,
      hint: `add these lines to it:\n${entries.join("\n")}`,
    });
  const at = (first.key as { readonly range?: readonly [number, number, number] }).range?.[0] ?? 0;
  const indent = at - (text.lastIndexOf("\n", at - 1) + 1);
  const shifted = entries.map((line) => `${" ".repeat(Math.max(0, indent - 2))}${line}`);
  const before = text.slice(0, range[1]).trimEnd();
  const after = text.slice(before.length);
  const seeded = seed === undefined ? before : before.replace(/^(?=personas:)/m, `seed: ${seed}\n`);
  return `${seeded}\n${shifted.join("\n")}${after.startsWith("\n") ? after : `\n${after}`}`;
}

/** Personas of a matrix that is there; one whose token is handed in cannot be asked as here. */
export function personasFrom({ personas }: Matrix): readonly InitPersona[] {
  return personas.filter(({ tokenFrom }) => tokenFrom === undefined).map(asInitPersona);
}

function asInitPersona({ name, role, login, claims, settings }: Persona): InitPersona {
  const values = new Map([["role", role], ...flattenedClaims(claims ?? {})]);
  for (const [key, value] of Object.entries(settings)) values.set(`settings.${key}`, value);
  const hasIdentity = claims !== undefined || Object.keys(settings).length > 0;
  return {
    name,
    is: `role ${role}`,
    standing: role === "service_role" ? "above" : hasIdentity ? "user" : "no-token",
    declaration: {
      ...(login === undefined ? { role } : { login, role }),
      ...(claims !== undefined && { claims }),
      ...(Object.keys(settings).length > 0 && { settings }),
    },
    values,
  };
}
