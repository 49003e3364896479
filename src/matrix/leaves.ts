import { z } from "zod";
import { declarableRefusal, waivableError } from "../model/answers.ts";
import { shapeWords } from "../yaml/check-shape.ts";

// What a scalar, a key, or a small part of a matrix may be. The reader and the JSON Schema take it from here.

export const text: z.ZodString = z.string().regex(/\S/, "must not be empty");

export const name: z.ZodString = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_.@-]*$/, "a name starts with a letter or _, then letters, digits and _ . @ -")
  .refine((value) => value !== "allow" && value !== "deny", "it is a keyword of the matrix");

/** What follows `:vars.` in SQL. */
export const varName: z.ZodString = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "a var's name consists of letters, digits and _");

export const matrixName: z.ZodString = z
  .string()
  .regex(/^[a-z0-9-]+$/, "a matrix's name consists of a-z, 0-9 and -");

export const role: z.ZodString = text.regex(
  /^(?!(?:none|public)$)/,
  "`none` and `public` are keywords of SQL, not roles that a session can switch to",
);

/** A setting without a dot is the server's own (`role`, `row_security`): with it, a persona would be another one than declared. */
export const setting: z.ZodString = z
  .string()
  .regex(
    /^[A-Za-z_][\w$]*(\.[A-Za-z_][\w$]*)+$/,
    "the name of a persona's setting has a dot, as `app.user_id`",
  )
  .regex(/^(?!request\.(?!jwt\.claim\.))/i, "the channel sets `request.*`: write `claims:`");

export const token: z.ZodString = z
  .string()
  .refine((value) => value.includes("${"), {
    error: "is written out, and a matrix is committed: it must not hold secrets",
    params: { code: "secret" },
    abort: true,
  })
  .regex(/^\$\{[A-Za-z_][A-Za-z0-9_]*\}$/, "a token is only named, as `${VARIABLE}`, never written")
  .register(shapeWords, {
    hint: "write `token: '${NAME}'` and put the token into that environment variable",
  });

/** What stops every caller (a lost connection, a timeout, a missing table) must not pass as a refusal. */
export const sqlstate: z.ZodString = z
  .string()
  .regex(/^[0-9A-Z]{5}$/, "a SQLSTATE has five digits and capital letters, as `P0001`")
  .regex(declarableRefusal, "this SQLSTATE says that something is broken, for every caller");

const day: z.ZodISODate = z.iso
  .date({ error: "a day is written YYYY-MM-DD" })
  .register(shapeWords, { is: "text", hint: "write the last day on which it holds, as `{today}`" });

export const predicate: z.ZodString = text.clone().register(shapeWords, {
  is: "a SQL predicate",
  code: "predicate",
  hint: "`allow` means every row, `deny` means no row",
});

/** Whose expectation it is: a persona, a group, or everybody. */
export const who: z.ZodString = z.string().regex(/^(\*|[A-Za-z_][A-Za-z0-9_.@-]*)$/);

export const names: z.ZodArray<z.ZodString> = z.array(text).min(1).register(shapeWords, { once: true });

export const json: z.ZodType = z.json().meta({ id: "value" });

export const columns: z.ZodType = z
  .record(text, json)
  .meta({ id: "columns", description: "Column → value; a string that is one :parameter whole is bound." });

export const relationName: z.ZodString = text.describe(
  "A relation, as `courses`, `schema.courses` or quoted as in SQL; `audit_*` for all that have no entry of their own.",
);

export const functionName: z.ZodString = text.describe(
  "A function, as `profiles`, `schema.profiles`, or `profiles(uuid, text)` where there are overloads.",
);

export const waiver: z.ZodObject = z
  .strictObject({
    reason: text.describe("Why the failure is accepted."),
    expires: day.describe("The last day on which the waiver holds (UTC)."),
    error: z
      .string()
      .regex(waivableError, "a waiver covers errors of the SQL itself, of class 42, as `42883`")
      .optional()
      .describe("SQLSTATE of an error that every such statement ends in, and that the waiver covers too."),
  })
  .meta({ id: "waiver" });

export const observed: z.ZodType = z
  .literal(true)
  .register(shapeWords, { is: "`true`", hint: "delete `observed` once a person has confirmed what it marks" })
  .describe("What was observed, and no person has confirmed; delete it to confirm.");
