import { z } from "zod";
import { channels } from "../model/channels.ts";
import { relationOperations } from "../model/matrix.ts";
import { shapeWords, type ShapeWords } from "../yaml/check-shape.ts";
import {
  formNames,
  forms,
  statementShape,
  type Target,
  writtenCall,
  writtenForm,
  writtenStatement,
} from "./forms.ts";
import {
  columns,
  functionName,
  json,
  matrixName,
  name,
  names,
  predicate,
  relationName,
  role,
  setting,
  sqlstate,
  text,
  token,
  varName,
  observed,
  waiver,
  who,
} from "./leaves.ts";

// The language of a matrix, defined once: the reader checks a file by it once its shorthands are normalised, and the JSON
// Schema for editors, where shorthands are written, is generated from it.

/** Name → value. */
function named(keys: z.ZodString, value: z.ZodType, says: ShapeWords): z.ZodRecord<z.ZodString, z.ZodType> {
  return z.record(keys, value).register(shapeWords, says);
}

const persona = z
  .strictObject({
    role: role
      .optional()
      .describe("The Postgres role that PostgREST, or the direct channel, switches to; default: `login`."),
    login: role
      .optional()
      .describe("The role that the persona logs in as itself, without any gateway: session_user."),
    claims: z
      .record(z.string(), json)
      .optional()
      .describe("JWT claims; without any, the persona sends no token."),
    settings: named(
      setting,
      z.union([z.string(), z.number(), z.boolean()]).register(shapeWords, { is: "text" }),
      { keys: "a setting" },
    )
      .optional()
      .describe("Session settings, for systems whose identity is not a JWT."),
    token: token.optional().describe("A token taken from an environment variable: `${VARIABLE}`."),
  })
  .meta({ id: "persona" });

/** What relations and functions have in common. */
const common = {
  key: names.optional(),
  control: z.strictObject({ from: relationName }).optional(),
  carries: names
    .optional()
    .describe(
      "Columns that may carry values of other relations' rows, which its readers may not read there.",
    ),
  survives: text
    .register(shapeWords, { hint: "write why it may" })
    .optional()
    .describe(
      "Why a side effect outside the transaction (a mail, an HTTP call) may be caused on a shared target.",
    ),
  rows: named(name, predicate, { keys: "a row set", entry: "row set" }).optional(),
};

/** @param like whether a template may be named: the reader has put it in by the time that it checks the shape */
function relation(expectation: z.ZodType, raises: z.ZodType, like = false): z.ZodType {
  return z.strictObject({
    ...(like && {
      like: text
        .optional()
        .describe("The template whose row sets, candidates and expectations hold here: `owned_by(user_id)`."),
    }),
    key: common.key.describe("Columns that name a row; default: the primary key."),
    control: common.control.describe(
      "Where the privileged connection reads the rows of a view that filters by identity.",
    ),
    carries: common.carries,
    survives: common.survives,
    rows: common.rows.describe("Named row sets: SQL predicates with :parameters."),
    insert: named(name, columns, { keys: "a candidate", entry: "candidate" })
      .optional()
      .describe("Candidate rows for INSERT."),
    observed: observed.optional(),
    raises: raises
      .optional()
      .describe(
        "SQLSTATEs besides 42501 with which a trigger refuses a `reject` candidate or a `never` update.",
      ),
    expect: z
      .record(who, expectation)
      .optional()
      .describe("Persona, group or '*' → what it may do. What is not listed is expected to be denied."),
  });
}

function called(expectation: z.ZodType, raises: z.ZodType): z.ZodType {
  return z.strictObject({
    calls: named(name, columns, {
      keys: "a call",
      entry: "call",
      empty: "leave it out for the call without arguments",
    })
      .optional()
      .describe("Call → argument → value; a string that is one :parameter whole is bound."),
    key: common.key.describe("Columns that name a returned row."),
    control: common.control.describe(
      "Where the privileged connection reads the rows that the function may return.",
    ),
    carries: common.carries,
    survives: common.survives,
    rows: common.rows.describe(
      "Named row sets: SQL predicates over the control relation, with :args.<name> of the call.",
    ),
    raises: raises
      .optional()
      .describe("SQLSTATEs besides 42501 with which the function's body refuses a call."),
    expect: z
      .record(who, expectation)
      .optional()
      .describe("Persona, group or '*' → what a call does. What is not listed is expected to be refused."),
  });
}

function matrix(relationShape: z.ZodType, functionShape: z.ZodType, templateShape: z.ZodType): z.ZodType {
  return z.strictObject({
    matrix: matrixName.describe("The matrix's name."),
    schema: text.optional().describe("Schema of unqualified names; default: public."),
    exposes: names.optional().describe("Schemas whose every relation must be declared or waived."),
    channels: z
      .array(z.enum(channels).register(shapeWords, { values: "channel" }))
      .min(1)
      .register(shapeWords, { once: true })
      .optional()
      .describe("What the system offers; `[direct]`: a Postgres without PostgREST. Default: both."),
    policies: text.optional().describe("Folder of numbered SQL, relative to this file."),
    seed: text
      .optional()
      .describe("A file of SQL that is applied after `policies`, relative to this file: rows."),
    vars: named(varName, json, { keys: "a var" }).optional().describe("Values for :vars.name."),
    personas: named(name, persona, {
      keys: "a persona",
      entry: "persona",
      empty: "declare at least one persona",
    }).describe("Named identities."),
    groups: named(name, names, { keys: "a group", entry: "group" })
      .optional()
      .describe("Group → personas or other groups."),
    templates: z
      .record(text, templateShape)
      .register(shapeWords, { entry: "template" })
      .optional()
      .describe(
        "Name(parameters) → what relations that are `like` it have; `<parameter>` stands for an argument.",
      ),
    relations: z
      .record(relationName, relationShape)
      .register(shapeWords, { entry: "relation", empty: "declare at least one relation" })
      .optional()
      .describe("What is probed, besides functions."),
    functions: z
      .record(functionName, functionShape)
      .register(shapeWords, { entry: "function" })
      .optional()
      .describe("Functions that are called, each with its calls."),
    waive: z
      .record(relationName, waiver)
      .register(shapeWords, { entry: "the waiver of" })
      .optional()
      .describe(
        "Relations, and functions by name and types, left out on purpose; `gate: <what rowgate gate says>` for a change that it stops.",
      ),
  });
}

const targets: readonly Target[] = [...relationOperations, "*"];

function statements(shapeOf: (target: Target) => z.ZodType): Readonly<Record<string, z.ZodType>> {
  return Object.fromEntries(targets.map((target) => [target, shapeOf(target).optional()]));
}

const under = "write it under an operation, or under `'*'` for those that are not listed";
const expectation = z.strictObject(statements(statementShape)).register(shapeWords, {
  is: "`allow`, `deny` or a mapping of operations",
  words: ["allow", "deny"],
  hint: "a row set is named under an operation, as in `{ select: own }`",
  entry: "operation",
  empty: "name an operation, or write `deny`",
  unknown: { execute: "a function is declared under `functions:`" },
  elsewhere: Object.fromEntries(
    formNames.flatMap((form) => Object.keys(forms[form].keys)).map((key) => [key, under]),
  ),
});

/** A matrix whose shorthands are normalised. */
export const matrixShape: z.ZodType = matrix(
  relation(expectation, z.array(sqlstate).min(1)),
  called(statementShape("execute"), z.array(sqlstate).min(1)),
  relation(expectation, z.array(sqlstate).min(1)),
);

/** The text of `matrix.schema.json`. Draft 7, since that is what every YAML editor reads. */
export function matrixJsonSchema(): string {
  const direct = [writtenForm("allow", "*"), writtenForm("deny", "*")];
  const written = z
    .union([
      z.enum(["allow", "deny"]),
      z.strictObject({ ...statements(writtenStatement), observed: observed.optional() }),
      ...direct,
    ])
    .meta({ id: "expectation" });
  const raises = z.union([sqlstate, z.array(sqlstate).min(1)]);
  const whole = matrix(
    relation(written, raises, true).meta({ id: "relation" }),
    called(writtenCall().meta({ id: "functionExpectation" }), raises).meta({ id: "function" }),
    relation(written, raises).meta({ id: "template" }),
  ).meta({ title: "rowgate matrix" });
  return `${JSON.stringify(z.toJSONSchema(whole, { io: "input", target: "draft-7" }), null, 2)}\n`;
}
