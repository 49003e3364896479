import { z } from "zod";
import { denyReasons, type RelationOperation, relationOperations } from "../model/matrix.ts";
import { listNames } from "../lib/nearest.ts";
import { shapeWords } from "../yaml/check-shape.ts";
import type { Fields } from "../yaml/tree.ts";
import { columns, name, names, observed, predicate, text, waiver } from "./leaves.ts";
import {
  readAnyArgument,
  readAssignment,
  readMayBecome,
  readNameColumns,
  readPartialUpsert,
  readReturning,
} from "./read-bounds.ts";
import {
  readAllow,
  readCandidates,
  readCheck,
  readChoice,
  readColumnRules,
  readDeny,
  readForbidden,
  readRows,
  readSet,
  readWaiver,
} from "./read-forms.ts";
import type { Scope, Statement } from "./scope.ts";

/** What a statement is about; `*`: select, insert, update and delete, unless listed. */
export type Target = RelationOperation | "*" | "execute";

/** What can be stated about an operation. */
export interface Form {
  /** It says what is expected: a statement holds exactly one such form. */
  readonly says: boolean;
  readonly on: readonly Target[];
  readonly keys: Readonly<Record<string, z.ZodType>>;
  /** For the JSON Schema, where people may write more than what shorthands are normalised to. */
  readonly written?: Readonly<Record<string, z.ZodType>>;
  /** `undefined`: broken, which has been reported. */
  readonly read: (fields: Fields, scope: Scope, target: Target) => Partial<Statement> | undefined;
}

const everywhere: readonly Target[] = [...relationOperations, "*", "execute"];
const choice = names.describe("Candidates, or calls, that are accepted; all others are refused.");
const rejection = names.describe("Candidates, or calls, that are refused.");

const newRows = predicate.describe(
  "Exactly these rows may be written: a row set's name, or a SQL predicate over the new row.",
);

const columnRule = z
  .strictObject({
    rows: predicate
      .optional()
      .describe(
        "Exactly in these of the declared rows: a row set's name, or a predicate that may use :column.",
      ),
    visible: names
      .optional()
      .describe("Columns that show their values; columns that no list names are hidden then."),
    hidden: names.optional().describe("Columns that are refused, absent or NULL."),
  })
  .meta({ id: "columnRule" });

const mayBecome = z
  .strictObject({
    rows: predicate
      .optional()
      .describe(
        "SELECT, UPDATE, DELETE: rows that may come into reach, at the most; a row set's name or a predicate.",
      ),
    accept: names
      .optional()
      .describe("INSERT and functions: candidates, or calls, that may be accepted afterwards."),
    by: names
      .optional()
      .describe("The steps that may do so: `relation`, `relation.column` or `function`; default: any step."),
  })
  .meta({ id: "mayBecome" });

export type FormName =
  | "allow"
  | "deny"
  | "rows"
  | "candidates"
  | "calls"
  | "set"
  | "never"
  | "check"
  | "columns"
  | "assignment"
  | "names"
  | "mayBecome"
  | "returning"
  | "partial"
  | "anyArgument"
  | "waive"
  | "observed";

/** Every form. A new one is an entry here and a field of `Declaration`. */
export const forms: Readonly<Record<FormName, Form>> = {
  allow: {
    says: true,
    on: everywhere,
    keys: {
      allow: z
        .literal(true)
        .register(shapeWords, { hint: "the opposite is `deny`" })
        .describe("Every row; for insert every candidate, for a function every call."),
    },
    read: readAllow,
  },
  deny: {
    says: true,
    on: everywhere,
    keys: {
      deny: z
        .union([
          z.literal(true),
          z.enum(denyReasons).register(shapeWords, { values: "reason", code: "unknown-reason" }),
        ])
        .register(shapeWords, { is: "a reason or `true`", hint: `reasons: ${listNames(denyReasons)}` })
        .describe(
          "No row, refused for this reason. Of a function, beside a choice: why the others are refused.",
        ),
    },
    read: readDeny,
  },
  rows: {
    says: true,
    on: ["select", "update", "delete", "blind_update", "blind_delete", "upsert", "*", "execute"],
    keys: { rows: predicate.describe("Exactly these rows: a row set's name, or a SQL predicate.") },
    read: readRows,
  },
  candidates: {
    says: true,
    on: ["insert"],
    keys: { accept: choice, reject: rejection, check: newRows },
    read: readCandidates,
  },
  calls: { says: false, on: ["execute"], keys: { accept: choice, reject: rejection }, read: readChoice },
  set: {
    says: false,
    on: ["update"],
    keys: { set: columns.describe("What to write instead of the row's own values.") },
    read: readSet,
  },
  never: {
    says: false,
    on: ["update"],
    keys: {
      never: z
        .record(name, columns)
        .register(shapeWords, { keys: "a forbidden update", entry: "forbidden update" })
        .describe("Forbidden updates: they must be refused for every row."),
    },
    read: readForbidden,
  },
  check: { says: false, on: ["update", "blind_update"], keys: { check: newRows }, read: readCheck },
  columns: {
    says: false,
    on: ["select", "execute"],
    keys: { columns: z.array(columnRule).min(1) },
    written: {
      columns: z
        .union([columnRule, z.array(columnRule).min(1)])
        .describe("Column cells: which columns show their values, and in which rows."),
    },
    read: readColumnRules,
  },
  assignment: {
    says: false,
    on: ["insert", "update"],
    keys: {
      columns: z
        .strictObject({
          fixed: names.optional().describe("Columns whose value the persona must not be able to choose."),
          free: names.optional().describe("Columns whose value the persona may choose."),
        })
        .register(shapeWords, { is: "a mapping of `fixed` and `free`" })
        .describe("Mass assignment: which columns of the persona's own rows accept a value of its choice."),
    },
    read: readAssignment,
  },
  names: {
    says: false,
    on: ["insert", "update"],
    keys: { names: names.describe("Columns that may hold another's identity.") },
    read: readNameColumns,
  },
  mayBecome: {
    says: false,
    on: ["select", "insert", "update", "delete", "execute"],
    keys: {
      may_become: mayBecome.describe(
        "What the persona may gain by its own allowed writes and calls, at the most.",
      ),
    },
    read: readMayBecome,
  },
  returning: {
    says: false,
    on: ["insert"],
    keys: {
      returning: z
        .union([z.literal(true), names])
        .register(shapeWords, { is: "`true` or a list of columns" })
        .describe("The accepted row must come back: INSERT … RETURNING these columns, or `true` for all."),
    },
    read: readReturning,
  },
  partial: {
    says: false,
    on: ["upsert"],
    keys: {
      sends: names.optional().describe("Columns that the upsert sends; default: all that may be inserted."),
      on_conflict: names.optional().describe("ON CONFLICT (columns); default: the relation's key."),
    },
    read: readPartialUpsert,
  },
  anyArgument: {
    says: false,
    on: ["execute"],
    keys: {
      any_argument: predicate.describe(
        "What a call with any other argument may return: `allow`, a row set's name, or a predicate over the control relation.",
      ),
    },
    read: readAnyArgument,
  },
  waive: { says: false, on: everywhere, keys: { waive: waiver }, read: readWaiver },
  observed: { says: false, on: everywhere, keys: { observed }, read: () => ({ observed: true }) },
};

export const formNames: readonly FormName[] = Object.keys(forms) as FormName[];

/** Whether the form is written here. */
export function isWritten(form: FormName, fields: Fields): boolean {
  return Object.keys(forms[form].keys).some((key) => fields.has(key));
}

export function formsOn(target: Target): readonly FormName[] {
  return formNames.filter((form) => forms[form].on.includes(target));
}

/** For messages: what can be stated about an operation. */
export function waysOf(target: Target): string {
  if (target === "execute") return "`allow`, `deny`, a row set, or which calls to `accept` or `reject`";
  const all = formsOn(target);
  if (all.includes("candidates")) return "`allow`, `deny` or candidates";
  return all.includes("rows") ? "`allow`, `deny` or a row set" : "`allow` or `deny`";
}

/** A statement with its shorthands normalised. */
export function statementShape(target: Target): z.ZodType {
  const fields = formsOn(target).flatMap((form) => Object.entries<z.ZodType>(forms[form].keys));
  const shape = Object.fromEntries(fields.map(([key, one]) => [key, one.optional()]));
  return z.strictObject(shape).register(shapeWords, {
    is: waysOf(target),
    words: ["allow", "deny"],
    elsewhere: target === "execute" ? {} : elsewhere(Object.keys(shape)),
  });
}

/** The keys of other operations → to which they belong. */
function elsewhere(here: readonly string[]): Readonly<Record<string, string>> {
  const keys = new Set(formNames.flatMap((form) => Object.keys(forms[form].keys)));
  const others = [...keys].map((key) => {
    const of = formNames.filter((form) => Object.hasOwn(forms[form].keys, key));
    return [
      key,
      relationOperations.filter((one) => of.some((form) => forms[form].on.includes(one))),
    ] as const;
  });
  return Object.fromEntries(
    others
      .filter(([key, owners]) => !here.includes(key) && owners.length > 0)
      .map(([key, owners]) => [key, `it belongs to ${listNames(owners)}`]),
  );
}

/** A statement as people write it, for the JSON Schema: a word, or one mapping for each form that says what is expected. */
export function writtenStatement(target: Target): z.ZodType {
  const on = formsOn(target);
  const word = on.includes("rows") || on.includes("candidates") ? text : z.enum(["allow", "deny"]);
  return z.union([word, ...on.filter((form) => forms[form].says).map((form) => writtenForm(form, target))]);
}

export function writtenForm(form: FormName, target: Target): z.ZodType {
  const besides = formsOn(target).filter((one) => !forms[one].says);
  const extras = Object.assign({}, ...besides.map((one) => optional(writtenKeys(one))));
  const own = writtenKeys(form);
  return z.strictObject({ ...(form === "candidates" ? optional(own) : own), ...extras });
}

/** What a function's `expect` holds: `deny` may be combined with a choice of calls, or with rows. */
export function writtenCall(): z.ZodType {
  const { allow, deny, rows } = forms;
  const always = {
    ...forms.mayBecome.keys,
    ...forms.anyArgument.keys,
    ...forms.waive.keys,
    ...forms.observed.keys,
  };
  const beside = optional({ ...deny.keys, ...forms.calls.keys, ...writtenKeys("columns"), ...always });
  return z.union([
    text,
    z.strictObject({ ...deny.keys, ...optional(always) }),
    z.strictObject({ ...rows.keys, ...beside }),
    z.strictObject({ ...optional(allow.keys), ...beside }),
  ]);
}

function writtenKeys(form: FormName): Readonly<Record<string, z.ZodType>> {
  return forms[form].written ?? forms[form].keys;
}

function optional(keys: Readonly<Record<string, z.ZodType>>): Readonly<Record<string, z.ZodType>> {
  return Object.fromEntries(Object.entries(keys).map(([key, shape]) => [key, shape.optional()]));
}
