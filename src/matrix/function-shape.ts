import { z } from "zod";
import { columnShapes, headShapes } from "./forms.ts";
import { columns, leaves, names, relationName, survives, waiver, who } from "./leaves.ts";

const choice = {
  accept: names.optional().describe("Calls that go through; all others are refused."),
  reject: names.optional().describe("Calls that are refused."),
  deny: headShapes.deny["deny"]
    ?.optional()
    .describe("Why the calls that are not chosen are refused; `filter`, beside `rows`: these are withheld."),
  ...columnShapes,
  waive: waiver.optional(),
};

/** What stands under `expect: { <who>: … }` of a function. */
const expectation: z.ZodType = z
  .union([
    leaves.text,
    z.strictObject({ ...headShapes.deny, waive: waiver.optional() }),
    z.strictObject({ ...headShapes.rows, ...choice }),
    z.strictObject({ allow: z.literal(true).optional().describe("Every call goes through."), ...choice }),
  ])
  .meta({ id: "functionExpectation" });

export const functionShape: z.ZodObject = z
  .strictObject({
    calls: z
      .record(leaves.name, columns)
      .optional()
      .describe("Call → argument → value; a string that is one :parameter whole is bound."),
    key: z.array(leaves.text).min(1).optional().describe("Columns that name a returned row."),
    control: z
      .strictObject({ from: relationName })
      .optional()
      .describe("Where full sight reads the rows that the function may return."),
    survives,
    rows: z
      .record(leaves.name, leaves.text)
      .optional()
      .describe("Named row sets: SQL predicates over the control relation, with :args.<name> of the call."),
    raises: z
      .union([leaves.sqlstate, z.array(leaves.sqlstate).min(1)])
      .optional()
      .describe("SQLSTATEs besides 42501 with which the function's body refuses a call."),
    expect: z
      .record(who, expectation)
      .optional()
      .describe("Persona, group or '*' → what a call does. What is not listed is expected to be refused."),
  })
  .meta({ id: "function" });
