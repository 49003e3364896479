import { z } from "zod";

const name: z.ZodString = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_.@-]*$/, "a name starts with a letter or _, then letters, digits and _ . @ -");
const text: z.ZodString = z.string().regex(/\S/, "must not be empty");

export type Leaf =
  | "name"
  | "text"
  | "varName"
  | "matrixName"
  | "role"
  | "setting"
  | "token"
  | "day"
  | "sqlstate";

/** What a scalar or a key may be; all of them are text. */
export const leaves: Readonly<Record<Leaf, z.ZodType<string>>> = {
  name,
  text,
  // What follows `:vars.` in SQL.
  varName: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "a var's name is made of letters, digits and _"),
  matrixName: z.string().regex(/^[a-z0-9-]+$/, "a matrix's name is made of a-z, 0-9 and -"),
  role: text.regex(
    /^(?!(?:none|public)$)/,
    "`none` and `public` are words of SQL, not roles one can switch to",
  ),
  // A setting without a dot is the server's own (`role`, `row_security`): a persona that sets it is not what it says.
  setting: z
    .string()
    .regex(
      /^[A-Za-z_][\w$]*(\.[A-Za-z_][\w$]*)+$/,
      "a persona's setting has a dot in its name, as `app.user_id`",
    )
    .regex(/^(?!request\.(?!jwt\.claim\.))/i, "`request.*` is set by the channel: write `claims:`"),
  token: z
    .string()
    .regex(/^\$\{[A-Za-z_][A-Za-z0-9_]*\}$/, "a token is only named, as `${VARIABLE}`, never written"),
  // What stops every caller (a lost connection, a timeout, a missing table) must not pass as a refusal.
  sqlstate: z
    .string()
    .regex(/^[0-9A-Z]{5}$/, "a SQLSTATE has five digits and capital letters, as `P0001`")
    .regex(
      /^(?:42501$|(?!00|01|02|03|08|25|40|42|53|54|55|57|58|F0|XX))/,
      "this SQLSTATE says that something is broken, for whoever calls",
    ),
  day: z.iso.date({ error: "a day is written YYYY-MM-DD" }),
};

/** Whom an expectation is of: a persona, a group, or everybody. */
export const who: z.ZodString = z.string().regex(/^(\*|[A-Za-z_][A-Za-z0-9_.@-]*)$/);
export const names: z.ZodType = z.array(name).min(1);
export const json: z.ZodType = z.json().meta({ id: "value" });
export const columns: z.ZodType = z
  .record(text, json)
  .meta({ id: "columns", description: "Column → value; a string that is one :parameter whole is bound." });
export const columnNames: z.ZodType = z.array(text).min(1);
export const relationName: z.ZodString = text.describe(
  "A relation, as `courses`, `schema.courses` or quoted as in SQL.",
);

export const functionName: z.ZodString = text.describe(
  "A function, as `profiles`, `schema.profiles`, or `profiles(uuid, text)` where there are overloads.",
);

export const survives: z.ZodOptional<z.ZodString> = text
  .optional()
  .describe("Why what a rollback does not undo (a mail, an HTTP call) may be reached on a shared target.");

export const waiver: z.ZodObject = z
  .strictObject({
    reason: text.describe("Why the failure is accepted."),
    expires: leaves.day.describe("The last day on which the waiver holds (UTC)."),
  })
  .meta({ id: "waiver" });
