import type { ArgumentFinding } from "../model/finding.ts";

interface Message<Of> {
  readonly title: string;
  readonly facts: (of: Of) => string;
  readonly todo: string;
}

interface Answering {
  readonly function: string;
  readonly personas: readonly string[];
}

/** What calls with others' arguments, and values for columns, found that the matrix does not speak of. */
export const argumentMessages: {
  readonly "argument-leak": Message<ArgumentFinding>;
  readonly "argument-answer": Message<ArgumentFinding>;
  readonly "argument-writes": Message<ArgumentFinding>;
  readonly "answers-about-others": Message<Answering>;
  readonly "unlisted-assignable-columns": Message<{
    readonly relation: string;
    readonly columns: readonly string[];
  }>;
  readonly "columns-not-tried": Message<{ readonly relation: string; readonly columns: readonly string[] }>;
  readonly "arguments-not-varied": Message<{ readonly function: string; readonly because: string }>;
} = {
  "argument-leak": {
    title: "A function that the matrix does not declare returns rows that personas may not read",
    facts: (of) =>
      `${of.function} as ${of.personas.join(", ")}: called ${of.with} it returned ${rowsOf(of)}. Reproduce: ${of.sql}`,
    todo: "compare the argument with auth.uid() in the function's body, make it SECURITY INVOKER, or REVOKE EXECUTE",
  },
  "argument-answer": {
    title: "A function that the matrix does not declare answers from rows that personas may not read",
    facts: (of) =>
      `${of.function} as ${of.personas.join(", ")}: called ${of.with}, its answer depends on hidden rows of ${of.relation}. Reproduce: ${of.sql}`,
    todo: "compare the argument with auth.uid() in the function's body, return a boolean, or REVOKE EXECUTE; if it is intended, declare the function with `any_argument:`",
  },
  "argument-writes": {
    title: "A function that the matrix does not declare changes rows that personas may not change",
    facts: (of) =>
      `${of.function} as ${of.personas.join(", ")}: called ${of.with} it changed ${rowsOf(of)}. Reproduce: ${of.sql}`,
    todo: "compare the argument with auth.uid() in the function's body, make it SECURITY INVOKER, or REVOKE EXECUTE",
  },
  "answers-about-others": {
    title: "A function answers yes or no from rows that personas may not read",
    facts: (of) => `${of.function} as ${of.personas.join(", ")}`,
    todo: "if these personas need not ask about others, compare the argument with auth.uid() in the function's body",
  },
  "unlisted-assignable-columns": {
    title:
      "Users can choose the value of columns of their own rows, and the matrix does not say whether they may",
    facts: (of) => `${of.relation}: ${of.columns.join(", ")}`,
    todo: "list them beside `update:` under `columns: { free: […], fixed: […] }`; what must be fixed needs a column privilege, a trigger or a policy. A column that may hold another user's identity is listed under `names: […]`",
  },
  "columns-not-tried": {
    title: "Columns that the matrix does not list were not tried: the time for it was over",
    facts: (of) => `${of.relation}: ${of.columns.join(", ")}`,
    todo: "list them beside `update:` under `columns: { free: […], fixed: […] }`; listed columns are always tried",
  },
  "arguments-not-varied": {
    title: "A function was not called with other users' arguments",
    facts: (of) => `${of.function}: ${of.because}`,
    todo: "read its body: does it return or change what its caller may not?",
  },
};

/** `2 rows of public.orders ({"id":"2"})` */
function rowsOf({ relation, rows, keys }: ArgumentFinding): string {
  const which = `${rows} ${rows === 1 ? "row" : "rows"} of ${relation}`;
  return keys.length === 0 ? which : `${which} (${keys.join(", ")}${rows > keys.length ? ", …" : ""})`;
}
