import { readFileSync, readdirSync } from "node:fs";
import { parse } from "yaml";
import { z } from "zod";
import type { Issue } from "../../../src/model/errors.ts";
import { IssuesError } from "../../../src/model/errors.ts";
import type { Declaration, Expectation, Matrix } from "../../../src/model/matrix.ts";
import { formatFunction, formatQualified } from "../../../src/lib/sql-text.ts";
import { parseMatrix } from "../../../src/matrix/parse.ts";

const folder = new URL("../../cases/", import.meta.url);
export const today = "2026-11-21";

/** The comment at the head of a case: what it must give. The case itself is the whole file, so that lines are real lines. */
const header = z.union([
  z.strictObject({
    wantIssues: z
      .array(
        z.strictObject({
          code: z.string(),
          line: z.number(),
          column: z.number(),
          messageIncludes: z.array(z.string()).min(1),
        }),
      )
      .min(1),
  }),
  z.strictObject({ wantDeclarations: z.array(z.string()).min(1) }),
]);

interface Case {
  readonly file: string;
  readonly text: string;
  readonly want: z.infer<typeof header>;
}

export const cases: readonly Case[] = readdirSync(folder)
  .filter((file) => file.endsWith(".yaml"))
  .map((file) => {
    const text = readFileSync(new URL(file, folder), "utf8");
    const head = /^(?:#.*\n)+/.exec(text)?.[0].replaceAll(/^# ?/gm, "") ?? "";
    return { file, text, want: header.parse(parse(head.slice(head.indexOf("want")))) };
  });

/** The issues of a text, or the matrix that it is. */
export function outcome(text: string, file = "m.yaml"): Matrix | readonly Issue[] {
  try {
    return parseMatrix(text, file, today);
  } catch (error) {
    if (error instanceof IssuesError) return error.issues;
    throw error;
  }
}

export function isMatrix(result: Matrix | readonly Issue[]): result is Matrix {
  return !Array.isArray(result);
}

/** `ana public.courses update rows own set title never away @12:3` */
export function declarationLines(matrix: Matrix): readonly string[] {
  const places = [
    ...matrix.relations.map((one) => ({ name: formatQualified(one), declarations: one.declarations })),
    ...matrix.functions.map((one) => ({ name: formatFunction(one), declarations: one.declarations })),
  ];
  return places.flatMap(({ name, declarations }) =>
    declarations.map((declaration) => {
      const { persona, operation, at } = declaration;
      const said = [expectationText(declaration.expectation), ...extras(declaration)].join(" ");
      return `${persona} ${name} ${operation} ${said} @${at.line}:${at.column}`;
    }),
  );
}

function expectationText(expectation: Expectation): string {
  switch (expectation.kind) {
    case "allow":
      return "allow";
    case "deny":
      return expectation.reason === undefined ? "deny" : `deny by ${expectation.reason}`;
    case "rows":
    case "within":
      return `rows ${expectation.name ?? `(${expectation.predicate})`}`;
    case "candidates": {
      const { accept, reject } = expectation;
      return [
        ...(accept.length > 0 ? ["accept", ...accept] : []),
        ...(reject.length > 0 ? ["reject", ...reject] : []),
      ].join(" ");
    }
  }
}

function named(word: string, list: readonly { readonly name: string }[] = []): readonly string[] {
  return list.length === 0 ? [] : [word, ...list.map(({ name }) => name)];
}

function extras(declaration: Declaration): readonly string[] {
  const { set, never, check, columns, calls, waiver, assignment, names, mayBecome, anyArgument } =
    declaration;
  const { returning, partial, observed } = declaration;
  return [
    ...(observed === true ? ["observed"] : []),
    ...(calls?.accept === undefined ? [] : ["by", ...calls.accept]),
    ...(calls === undefined || calls.reject.length === 0 ? [] : ["not", ...calls.reject]),
    ...(calls?.reason === undefined ? [] : [`else deny by ${calls.reason}`]),
    ...(set === undefined ? [] : ["set", ...Object.keys(set)]),
    ...(check === undefined ? [] : ["check", check.name ?? `(${check.predicate})`]),
    ...(never.length > 0 ? ["never", ...never.map(({ name }) => name)] : []),
    ...columns.flatMap(({ columns: of, shows, rows }) => [
      shows,
      ...of.map(({ name }) => name),
      ...(rows === undefined ? [] : ["in", rows.name ?? rows.predicate]),
    ]),
    ...named("fixed", assignment?.fixed),
    ...named("free", assignment?.free),
    ...named("names", names),
    ...(mayBecome === undefined
      ? []
      : ["may become", mayBecome.rows?.name ?? mayBecome.rows?.predicate, ...mayBecome.accept].filter(
          (one) => one !== undefined,
        )),
    ...named("by", mayBecome?.by),
    ...(returning === undefined
      ? []
      : ["returning", ...(returning.columns ?? [{ name: "all" }]).map(({ name }) => name)]),
    ...named("sends", partial?.sends),
    ...named("on conflict", partial?.onConflict),
    ...(anyArgument === undefined
      ? []
      : [
          `any argument ${anyArgument.kind === "rows" ? (anyArgument.name ?? anyArgument.predicate) : "allow"}`,
        ]),
    ...(waiver === undefined ? [] : [`waived until ${waiver.expires}`]),
  ];
}
