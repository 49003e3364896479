import { z } from "zod";
import type { RelationOperation } from "../model/matrix.ts";
import { denyReasons } from "../model/matrix.ts";
import { columnNames, columns, leaves, names, waiver } from "./leaves.ts";

/** What can be said of an operation, besides `waive`. */
export type Form = "allow" | "deny" | "rows" | "candidates" | "moves" | "columns";

/** `*` stands for select, insert, update and delete, as far as they are not listed. */
export type Target = RelationOperation | "*";

export const formsOf: Readonly<Record<Target, readonly Form[]>> = {
  select: ["allow", "deny", "rows", "columns"],
  insert: ["allow", "deny", "candidates"],
  update: ["allow", "deny", "rows", "moves"],
  delete: ["allow", "deny", "rows"],
  blind_update: ["allow", "deny", "rows"],
  blind_delete: ["allow", "deny", "rows"],
  upsert: ["allow", "deny", "rows"],
  truncate: ["allow", "deny"],
  "*": ["allow", "deny", "rows"],
};

export const headShapes: Readonly<
  Record<Exclude<Form, "moves" | "columns">, Readonly<Record<string, z.ZodType>>>
> = {
  allow: { allow: z.literal(true).describe("Every row; for insert every candidate.") },
  deny: {
    deny: z.union([z.literal(true), z.enum(denyReasons)]).describe("No row, refused for this reason."),
  },
  rows: { rows: leaves.text.describe("Exactly these rows: a row set's name, or a SQL predicate.") },
  candidates: {
    accept: names.optional().describe("Candidates that are accepted as written; all others are refused."),
    reject: names.optional().describe("Candidates that are refused."),
  },
};

const moveShapes = {
  set: columns.optional().describe("What to write instead of the row's own values."),
  never: z.record(leaves.name, columns).optional().describe("Moves that must be refused for every row."),
};

const columnRule = z
  .strictObject({
    rows: leaves.text
      .optional()
      .describe(
        "Exactly in these of the declared rows: a row set's name, or a predicate that may use :column.",
      ),
    visible: columnNames
      .optional()
      .describe("Columns that show their values; all that nobody lists are hidden then."),
    hidden: columnNames.optional().describe("Columns that are refused, absent or NULL."),
  })
  .meta({ id: "columnRule" });

/** The keys of one entry of `columns:`. */
export const columnRuleKeys: readonly string[] = Object.keys(columnRule.shape);

export const columnShapes: Readonly<Record<string, z.ZodType>> = {
  columns: z
    .union([columnRule, z.array(columnRule).min(1)])
    .optional()
    .describe("Column cells: which columns show their values, and in which rows."),
};

/** Which form each key of an operation's mapping belongs to. */
export const formOfKey: Readonly<Record<string, Form | "waive">> = {
  allow: "allow",
  deny: "deny",
  rows: "rows",
  accept: "candidates",
  reject: "candidates",
  set: "moves",
  never: "moves",
  columns: "columns",
  waive: "waive",
};

function operationShape(operation: Target): z.ZodType {
  const forms = formsOf[operation];
  const extras = {
    ...(forms.includes("moves") ? moveShapes : {}),
    ...(forms.includes("columns") ? columnShapes : {}),
    waive: waiver.optional(),
  };
  const heads = forms.filter((form) => form !== "moves" && form !== "columns");
  const word =
    forms.includes("rows") || forms.includes("candidates") ? leaves.text : z.enum(["allow", "deny"]);
  return z.union([word, ...heads.map((head) => z.strictObject({ ...headShapes[head], ...extras }))]);
}

const operationShapes = Object.fromEntries(
  (Object.keys(formsOf) as Target[]).map((operation) => [operation, operationShape(operation).optional()]),
);
/** What stands under `expect: { <who>: … }`. */
export const expectation: z.ZodType = z
  .union([z.enum(["allow", "deny"]), z.strictObject(operationShapes)])
  .meta({ id: "expectation" });
