import { expect, test } from "vitest";
import type { Cell } from "../../../../src/model/cell.ts";
import type { Persona } from "../../../../src/model/matrix.ts";
import { batchSql, type Posted } from "../../../../src/probe/sql/batch.ts";
import type { SessionRules } from "../../../../src/probe/sessions.ts";

const people = ["ana", "bea"].map(
  (name): Persona => ({
    name,
    role: "authenticated",
    claims: { sub: name },
    login: undefined,
    settings: {},
    tokenFrom: undefined,
    at: { file: "matrix.yaml", line: 1, column: 1 },
  }),
);
const sessions: SessionRules = {
  identities: new Map(
    people.map((persona) => [
      persona.name,
      { persona, claims: persona.claims, settings: {}, token: undefined },
    ]),
  ),
  jwt: true,
  gateway: false,
  mixed: false,
  custom: [],
  known: [],
  base: new Map(),
  extraPath: ["public"],
  home: "postgres",
};

function posted(persona: Persona, schema: string): Posted {
  const relation = { info: { schema, name: "objects" } };
  const cell = { id: schema, persona, relation, operation: "delete" } as unknown as Cell;
  return { cell, request: { kind: "write", statements: ["delete"] } as unknown as Posted["request"] };
}

interface Sent {
  readonly settings: readonly string[];
  readonly personas: readonly { readonly values: readonly string[] }[];
  readonly probes: readonly { readonly persona: number }[];
}

/** What each probe's session holds. */
function sessionsOf(all: readonly Posted[]): readonly Readonly<Record<string, string | undefined>>[] {
  const sql = batchSql(all, {
    sessions,
    readOnly: false,
    statementTimeoutMs: 1000,
    keepsPlans: false,
    preRequest: undefined,
  });
  const { settings, personas, probes } = JSON.parse(/\$batch\$(.*)\$batch\$/s.exec(sql)?.[1] ?? "{}") as Sent;
  return probes.map(({ persona }) => {
    const { values = [] } = personas[persona - 1] ?? {};
    expect(values).toHaveLength(settings.length);
    return Object.fromEntries(settings.map((name, index) => [name, values[index]]));
  });
}

test.each([
  ["first", ["storage", "public"]],
  ["last", ["public", "storage"]],
])(
  "each session holds its persona's claims and what its relation takes, those of storage %s",
  (_, schemas) => {
    const all = schemas.flatMap((schema) => people.map((persona) => ({ schema, persona })));
    const seen = sessionsOf(all.map(({ schema, persona }) => posted(persona, schema)));
    expect(seen).toEqual(
      all.map(({ schema, persona }) => ({
        "request.jwt.claims": JSON.stringify(persona.claims),
        "storage.allow_delete_query": schema === "storage" ? "true" : "",
      })),
    );
  },
);
