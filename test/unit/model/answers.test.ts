import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import {
  batchRules,
  decidingIndex,
  isStoppedAfterPolicy,
  isThroughOrRefused,
  type Meaning,
  meaningOf,
  ruleOf,
} from "../../../src/model/answers.ts";
import { type Channel, channels } from "../../../src/model/channels.ts";
import { type Operation, operations } from "../../../src/model/matrix.ts";
import type { Answer } from "../../../src/model/observation.ts";

/** For writes, upserts, TRUNCATE and calls on both channels, unless a cell says otherwise: `select`, `rest`, `select on rest`. */
type Row = readonly [code: string, writes: Meaning, others?: Readonly<Record<string, Meaning>>];

const table: readonly Row[] = [
  ["42501", "refused"],
  ["44000", "refused"],
  ["23000", "constraint"],
  ["23001", "constraint"],
  ["23502", "constraint"],
  ["23503", "constraint"],
  ["23505", "constraint"],
  ["23514", "constraint"],
  ["23P01", "constraint"],
  ["22000", "unreached", { select: "broken" }],
  ["22P02", "unreached", { select: "broken" }],
  ["22012", "unreached", { select: "broken" }],
  ["22023", "unreached", { select: "broken", rest: "credentials", "select on rest": "credentials" }],
  ["P0001", "unreached", { select: "broken" }],
  ["P0002", "unreached", { select: "broken" }],
  ["P0004", "unreached"],
  ["38000", "unreached", { select: "broken" }],
  ["39000", "unreached", { select: "broken" }],
  ["21000", "unreached"],
  ["27000", "unreached"],
  ["0A000", "impossible"],
  ["42809", "impossible"],
  ["55000", "impossible"],
  ["40001", "unreached"],
  ["40P01", "unreached"],
  ["55P03", "unreached"],
  ["57014", "unreached"],
  ["42703", "broken"],
  ["42P01", "broken"],
  ["42P17", "broken"],
  ["42883", "broken"],
  ["428C9", "broken"],
  ["25006", "broken"],
  ["40002", "broken"],
  ["53300", "broken"],
  ["54001", "broken"],
  ["57P01", "broken"],
  ["08006", "broken"],
  ["XX000", "broken"],
  ["PGRST300", "broken", { rest: "credentials", "select on rest": "credentials" }],
  ["PGRST301", "broken", { rest: "credentials", "select on rest": "credentials" }],
  ["PGRST302", "broken", { rest: "credentials", "select on rest": "credentials" }],
  ["PGRST303", "broken", { rest: "credentials", "select on rest": "credentials" }],
  ["PGRST002", "broken"],
  ["PGRST106", "broken"],
  ["PGRST205", "broken"],
];

test.each<[string, Meaning, Row[2]]>(table.map(([code, writes, others]) => [code, writes, others]))(
  "%s of each operation on each channel",
  (code, writes, others: Row[2] = {}) => {
    const inTable = (channel: Channel, operation: Operation): Meaning => {
      const read = operation === "select";
      const onRest = channel === "rest" ? others[read ? "select on rest" : "rest"] : undefined;
      return onRest ?? (read ? others["select"] : undefined) ?? writes;
    };
    const cells = channels.flatMap((channel) => operations.map((operation) => ({ channel, operation })));
    expect(cells.map((one) => ({ ...one, means: meaningOf(code, one.operation, one.channel) }))).toEqual(
      cells.map((one) => ({ ...one, means: inTable(one.channel, one.operation) })),
    );
  },
);

const nothing = { row: false, next: false, after: false, retried: false, momentary: false, lost: false };

test.each<[string, Partial<typeof nothing>]>([
  ["42501", { row: true, next: true }],
  ["44000", { row: true, next: true }],
  ["23505", { row: true, next: true, after: true }],
  ["22P02", { row: true, next: true }],
  ["P0001", { row: true }],
  ["P0004", { row: true }],
  ["38001", { row: true }],
  ["21000", {}],
  ["42P17", {}],
  ["40001", { retried: true, momentary: true }],
  ["40P01", { retried: true, momentary: true }],
  ["55P03", { retried: true, momentary: true }],
  ["55000", {}],
  ["57014", { momentary: true }],
  ["53300", { momentary: true }],
  ["57P01", { momentary: true, lost: true }],
  ["57P05", { momentary: true }],
  ["08006", { lost: true }],
])("what %s says besides", (code, wanted) => {
  const rule = ruleOf(code, "direct");
  expect({
    row: rule.stopsAtRow === true,
    next: rule.triesNextValue === true,
    after: rule.afterPolicy === true,
    retried: rule.retried === true,
    momentary: rule.momentary === true,
    lost: rule.lost === true,
  }).toEqual({ ...nothing, ...wanted });
});

test("the batch gets the same rules, by code and by class", () => {
  expect(batchRules).toEqual({
    refused: ["42501", "44000"],
    nextValue: ["23", "22", "42501", "44000"],
    afterPolicy: ["23"],
    withoutName: ["23502"],
    inPlace: ["23502", "23505", "23514", "23P01"],
    routineTells: ["42501"],
  });
});

const unique = { code: "23505", constraint: { name: "docs_pkey", table: "public.docs" } };

test.each<[string, Answer, "insert" | "update" | "delete" | "upsert", boolean]>([
  ["a unique key", unique, "update", true],
  ["a foreign key of a deleted row", { ...unique, code: "23503" }, "delete", true],
  ["a NOT NULL, which had no name before Postgres 18", { code: "23502" }, "insert", true],
  ["partition routing, which names no constraint", { code: "23514" }, "insert", false],
  ["a domain", { ...unique, code: "23514", dataType: "email" }, "insert", false],
  ["a trigger's own statement", { ...unique, foreignFrame: true }, "update", false],
  ["an upsert, of which only INSERT's policies were asked", unique, "upsert", false],
  ["a policy", { code: "42501" }, "update", false],
  ["no error", { code: null }, "update", false],
])("%s: whether the policies had let the row through", (_, answer, operation, wanted) => {
  expect(isStoppedAfterPolicy(answer, operation)).toBe(wanted);
});

test.each<[string, Answer, boolean]>([
  ["it went through", { code: null, rows: 0 }, true],
  ["a policy", { code: "42501" }, true],
  ["a function of a trigger's", { code: "42501", foreignFrame: true }, false],
  ["a view's check option", { code: "44000" }, true],
  ["safeupdate", { code: "21000", message: "UPDATE requires a WHERE clause" }, true],
  ["two rows for one value", { code: "21000", message: "more than one row returned by a subquery" }, false],
  ["a unique key, once the policies have let the row through", { code: "23505" }, false],
  ["a trigger", { code: "P0001", message: "locked" }, false],
])("%s: whether the write went through, or was refused", (_, answer, wanted) => {
  expect(isThroughOrRefused(answer)).toBe(wanted);
});

test.each<[string, readonly (string | null)[], number]>([
  ["what went through tells most", ["42501", null, "23505"], 1],
  ["then what a constraint stopped", ["23505", "42501", "22P02"], 0],
  ["then a refusal", ["22P02", "44000", "22P02"], 1],
  ["else the last", ["22P02", "P0001"], 1],
  ["nothing was tried", [], -1],
])("of several tries: %s", (_, codes, wanted) => {
  expect(decidingIndex(codes.map((code) => ({ code })))).toBe(wanted);
});

// PostgREST's own side maps codes to HTTP; the wording of errors hangs on codes, and no verdict does.
const mayHoldCodes = /^src\/(model\/answers\.ts|stage\/gateway\/|messages\/)/;
const root = path.resolve(import.meta.dirname, "../../..");
const known = [...table.map(([code]) => code), "28P01", "3D000"];

/** Code without comments and without sentences: a message may name a code. */
function decidingText(file: string): string {
  const text = readFileSync(path.join(root, file), "utf8")
    .replaceAll(/\/\*[\s\S]*?\*\//g, "")
    .replaceAll(file.endsWith(".sql") ? /--.*$/gm : /(?<![:"'`])\/\/.*$/gm, "");
  return file.endsWith(".sql")
    ? text
    : text.replaceAll(/(["`])(?:\\.|(?!\1)[^\\\n])* (?:\\.|(?!\1)[^\\\n])*\1/g, "");
}

function filesIn(folder: string): readonly string[] {
  const names = readdirSync(path.join(root, folder), { recursive: true, encoding: "utf8" });
  return names.map((name) => `${folder}/${name}`);
}

test("no file but the table decides by a code of its own", () => {
  const files = ["src", "sql"]
    .flatMap((folder) => filesIn(folder))
    .filter((file) => /\.(?:ts|sql)$/.test(file) && !mayHoldCodes.test(file));
  expect(files.length).toBeGreaterThan(200);
  const codes = new RegExp(`\\b(?:${known.join("|")})\\b|PGRST\\d`);
  const classes =
    /["'`](?:0A|08|2[1238]|3[89]|4[024]|5[3578]|P0)%?["'`]|\/\^(?:\(\?:)?(?:PGRST|0A|08|2[1238]|4[024]|5[3578]|P0)/;
  const found = files.flatMap((file) =>
    decidingText(file)
      .split("\n")
      .filter((line) => codes.test(line) || classes.test(line))
      .map((line) => `${file}: ${line.trim()}`),
  );
  expect(found).toEqual([]);
});
