import {
  type GeneratedPersona,
  type PersonaClass,
  personasOf,
  relationsOf,
  type Shape,
  stranger,
} from "./shape.ts";

const kinds: readonly PersonaClass[] = ["guest", "outsider", "member", "staff"];

/** The matrix of a generated system, as a person would write it: groups, row sets, candidates. */
export function matrixYaml(shape: Shape): string {
  const personas = personasOf(shape);
  return [
    "matrix: bench",
    "schema: public",
    "personas:",
    ...personas.map((persona) => `  ${persona.name}: ${personaYaml(persona)}`),
    "groups:",
    ...kinds.map((kind) => {
      const names = personas.filter((persona) => persona.class === kind).map(({ name }) => name);
      return `  ${kind}s: [${names.join(", ")}]`;
    }),
    "relations:",
    ...relationsOf(shape).map(relationYaml),
    "",
  ].join("\n");
}

function personaYaml({ role, sub, class: kind }: GeneratedPersona): string {
  if (sub === undefined) return `{ role: ${role} }`;
  const metadata = kind === "member" ? ", app_metadata: { role: member }" : "";
  return `{ role: ${role}, claims: { sub: ${sub}, aud: authenticated${metadata} } }`;
}

function relationYaml(name: string): string {
  return `  ${name}:
    rows:
      own: "owner_id = :sub"
    insert:
      own: { owner_id: ":sub", title: probe }
      other: { owner_id: ${stranger}, title: probe }
    expect:
      guests: deny
      outsiders: deny
      members: { select: own, insert: { accept: [own], reject: [other] }, update: own, delete: own }
      staffs: allow`;
}
