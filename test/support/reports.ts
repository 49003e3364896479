import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import Ajv from "ajv";
import AjvDraft4 from "ajv-draft-04";
import addFormats from "ajv-formats";
import { schema as ctrfSchema } from "ctrf";
import { validateXML } from "xmllint-wasm";
import type { Recorded } from "../fixtures/runs/build.ts";
import { render } from "../unit/report/render.ts";

const require = createRequire(import.meta.url);
type Shape = Record<string, unknown> & { readonly properties: Record<string, Shape> };
/**
 * The schema of SARIF 2.1.0 as Microsoft's SARIF SDK ships it (rtm.5), brought to the one that OASIS published with errata 01
 * (docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json). These are all the differences but
 * descriptions, and `"type": "string"` beside an enum of strings.
 */
const sarifSchema = JSON.parse(
  readFileSync(require.resolve("@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json"), "utf8"),
) as Shape & { definitions: Record<"region" | "run" | "toolComponent", Shape> };
const { region, run, toolComponent } = sarifSchema.definitions;
region["anyOf"] = ["startLine", "charOffset", "byteOffset"].map((name) => ({ required: [name] }));
for (const { properties } of [run, toolComponent])
  Object.assign(properties["language"] ?? {}, { pattern: "^[a-zA-Z]{2}(-[a-zA-Z]{2})?$" });
Object.assign(sarifSchema.properties["runs"] ?? {}, { type: ["array", "null"] });
const ajv = new AjvDraft4.default({ strict: false, allErrors: true, unicodeRegExp: false });
addFormats.default(ajv as never);
const isSarif = ajv.compile(sarifSchema as object);

export interface SarifRun {
  readonly tool: { readonly driver: { readonly rules: readonly { readonly id: string }[] } };
  readonly invocations: readonly [
    { readonly exitCode: number; readonly toolExecutionNotifications: readonly object[] },
  ];
  readonly results: readonly {
    readonly ruleId: string;
    readonly ruleIndex: number;
    readonly level: string;
    readonly message: { readonly text: string };
    readonly partialFingerprints: Readonly<Record<string, string>>;
    readonly relatedLocations?: readonly object[];
    readonly suppressions?: readonly object[];
    readonly properties?: { readonly cell: string; readonly verdict: string };
  }[];
}

/** @throws what does not fit the schema */
export async function sarifOf(of: Recorded): Promise<SarifRun> {
  const log: unknown = JSON.parse(await render("sarif", of));
  if (!isSarif(log)) throw new Error(`no SARIF: ${JSON.stringify(isSarif.errors, undefined, 2)}`);
  return (log as { readonly runs: readonly [SarifRun] }).runs[0];
}

export interface Ctrf {
  readonly summary: Readonly<Record<string, number>>;
  readonly tests: readonly { readonly testId: string; readonly status: string; readonly rawStatus: string }[];
}

// The package's own `validate` compiles the schema again for each report.
const ctrfAjv = new Ajv.default({ allErrors: true });
addFormats.default(ctrfAjv);
const isCtrf = ctrfAjv.compile(ctrfSchema as object);

/** @throws what does not fit the schema of the package `ctrf` */
export async function ctrfOf(of: Recorded): Promise<Ctrf> {
  const report = JSON.parse(await render("ctrf", of)) as { readonly results: Ctrf };
  if (!isCtrf(report)) throw new Error(`no CTRF: ${JSON.stringify(isCtrf.errors, undefined, 2)}`);
  return report.results;
}

const junitSchema = readFileSync(new URL("schemas/junit.xsd", import.meta.url), "utf8");

/** What Jenkins would not accept. */
export async function junitProblems(documents: readonly string[]): Promise<readonly string[]> {
  const xml = documents.map((contents, index) => ({ fileName: `${index}.xml`, contents }));
  const { valid, errors } = await validateXML({ xml, schema: junitSchema });
  return valid ? [] : errors.map(({ message }) => message);
}
