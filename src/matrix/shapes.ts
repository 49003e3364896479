import { z } from "zod";
import { channels } from "../model/channels.ts";
import { expectation } from "./forms.ts";
import { functionShape } from "./function-shape.ts";
import { columns, functionName, json, leaves, names, relationName, survives, waiver, who } from "./leaves.ts";

/**
 * The language of a matrix, defined once: the reader takes its keys and its leaves from here, and the JSON Schema for
 * editors is generated from the whole. The reader does not validate with the whole, since a union that fails says
 * "invalid input" of the parent and loses the place of the mistake.
 */
const persona = z
  .strictObject({
    role: leaves.role
      .optional()
      .describe("The Postgres role that PostgREST, or the direct channel, switches to; default: `login`."),
    login: leaves.role
      .optional()
      .describe("The role that the persona logs in as by itself, past any gateway: session_user."),
    claims: z
      .record(z.string(), json)
      .optional()
      .describe("JWT claims; none: the persona signs in with nothing."),
    settings: z
      .record(leaves.setting, z.union([z.string(), z.number(), z.boolean()]))
      .optional()
      .describe("Session settings, for systems whose identity is not a JWT."),
    token: leaves.token.optional().describe("A token handed in by an environment variable: `${VARIABLE}`."),
  })
  .meta({ id: "persona" });

const relation = z
  .strictObject({
    key: z
      .array(leaves.text)
      .min(1)
      .optional()
      .describe("Columns that name a row; default: the primary key."),
    control: z
      .strictObject({ from: relationName })
      .optional()
      .describe("Where full sight reads the rows of a view that filters by identity."),
    survives,
    rows: z
      .record(leaves.name, leaves.text)
      .optional()
      .describe("Named row sets: SQL predicates with :parameters."),
    insert: z.record(leaves.name, columns).optional().describe("Candidate rows for INSERT."),
    expect: z
      .record(who, expectation)
      .optional()
      .describe("Persona, group or '*' → what it may do. What is not listed is expected to be denied."),
  })
  .meta({ id: "relation" });

const matrix = z
  .strictObject({
    matrix: leaves.matrixName.describe("The matrix's name."),
    schema: leaves.text.optional().describe("Schema of unqualified names; default: public."),
    exposes: z
      .array(leaves.text)
      .min(1)
      .optional()
      .describe("Schemas whose every relation must be declared or waived."),
    channels: z
      .array(z.enum(channels))
      .min(1)
      .optional()
      .describe("What the system speaks; `[direct]`: a Postgres without PostgREST. Default: both."),
    policies: leaves.text.optional().describe("Folder of numbered SQL, relative to this file."),
    vars: z.record(leaves.varName, json).optional().describe("Values for :vars.name."),
    personas: z.record(leaves.name, persona).describe("Named identities."),
    groups: z.record(leaves.name, names).optional().describe("Group → personas or other groups."),
    relations: z.record(relationName, relation).optional().describe("What is probed, besides functions."),
    functions: z
      .record(functionName, functionShape)
      .optional()
      .describe("Functions that are called, each with its calls."),
    waive: z.record(relationName, waiver).optional().describe("Relations left out on purpose."),
  })
  .meta({ title: "rowgate matrix" });

export const wholeMatrix: z.ZodType = matrix;

/** The keys that each mapping of fixed keys may have, and those that it must have. */
export const keysOf: Readonly<
  Record<"matrix" | "persona" | "relation" | "function" | "control" | "waiver", Keys>
> = {
  matrix: keys(matrix),
  persona: keys(persona),
  relation: keys(relation),
  function: keys(functionShape),
  control: { all: ["from"], required: ["from"] },
  waiver: keys(waiver),
};

export interface Keys {
  readonly all: readonly string[];
  readonly required: readonly string[];
}

function keys(shape: z.ZodObject): Keys {
  const all = Object.keys(shape.shape);
  return {
    all,
    required: all.filter((key) => !z.safeParse(shape.shape[key] ?? z.never(), undefined).success),
  };
}
