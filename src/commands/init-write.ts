import { appendFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import path from "node:path";
import { withEntries } from "../init/extend.ts";
import type { Cast } from "../init/personas.ts";
import type { MadeRows } from "../init/rows.ts";
import { Groups } from "../init/groups.ts";
import {
  type MatrixHead,
  type MatrixParts,
  matrixText,
  questionLines,
  relationEntries,
} from "../init/text.ts";
import { shellWord } from "../lib/shell-word.ts";
import { plural } from "../report/text.ts";
import type { Environment } from "./environment.ts";
import type { SystemFacts } from "./init-ask.ts";
import type { Ended } from "./init-observe.ts";
import type { InitPlace } from "./init-place.ts";
import type { RunOptions } from "./options.ts";

interface WriteTask {
  readonly place: InitPlace;
  readonly environment: Environment;
  readonly options: MakesDatabase;
}

type MakesDatabase = Pick<
  RunOptions,
  | "target"
  | "config"
  | "layout"
  | "baseline"
  | "defaultPrivileges"
  | "standIns"
  | "postgresBin"
  | "postgresImage"
>;

/** What decides how the database is made, as it was given: the next run needs it, too. */
function givenOptions({ standIns, ...options }: MakesDatabase): string {
  const values = [
    ["--target", options.target === "embedded" ? undefined : options.target],
    ["--config", options.config],
    ["--layout", options.layout],
    ["--baseline", options.baseline],
    ["--default-privileges", options.defaultPrivileges],
    ["--postgres-bin", options.postgresBin],
    ["--postgres-image", options.postgresImage],
  ] as const;
  const said = values.flatMap(([flag, value]) => (value === undefined ? [] : [flag, shellWord(value)]));
  return [...said, ...(standIns === false ? ["--no-stand-ins"] : [])].map((one) => ` ${one}`).join("");
}

export interface Written {
  readonly rows: MadeRows;
  readonly cast: Cast;
  readonly parts: MatrixParts;
  readonly questions: MatrixHead["questions"];
}

export async function write(
  task: WriteTask,
  { rows, cast, facts, parts, questions }: Written & { facts: SystemFacts },
): Promise<void> {
  const { place } = task;
  const relative = (file: string): string =>
    path.relative(path.dirname(place.matrix), file).split(path.sep).join("/");
  const schema = path.join(task.environment.cwd, "node_modules/rowgate/matrix.schema.json");
  const isUsual = place.policies === path.resolve(path.dirname(place.matrix), "..", "policies", place.name);
  const seed =
    rows.statements.length === 0 || path.dirname(place.rows) === place.policies
      ? undefined
      : relative(place.rows);
  if (rows.statements.length > 0) await addText(place.rows, rowsText(rows));
  if (place.known === undefined) {
    const policies = place.policies === undefined || isUsual ? undefined : relative(place.policies);
    const head: MatrixHead = {
      name: place.name,
      exposes: facts.exposes,
      tokens: cast.tokens,
      policies,
      seed,
      schemaFile: existsSync(schema) ? relative(schema) : undefined,
      questions,
    };
    await writeNew(place.matrix, matrixText(head, parts));
  } else {
    const groups = new Groups(parts.personas, new Map());
    const entries = [
      ...questionLines(questions).map((line) => (line === "" ? line : `  ${line}`)),
      ...relationEntries(parts, groups),
    ];
    const text = await readFile(place.matrix, "utf8");
    const shown = path.relative(task.environment.cwd, place.matrix);
    await writeFile(
      place.matrix,
      withEntries(
        text,
        shown,
        entries.filter((line) => line !== ""),
        place.known.seed === undefined ? seed : undefined,
      ),
    );
  }
  if (!existsSync(place.config)) await writeNew(place.config, configText);
}

/** Rows of an earlier time stay as they are. */
async function addText(file: string, text: string): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  await appendFile(file, text);
}

/** Never over what is there. */
async function writeNew(file: string, text: string): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, text, { flag: "wx" });
}

function rowsText({ statements, refused }: MadeRows): string {
  return [
    "-- Written by `rowgate init`: rows for tables that are empty after the migrations, so that policies have something to decide.",
    "-- Only the database that rowgate starts gets them. Change them as you like.",
    ...refused.map(
      ({ relation, because }) => `-- ${relation} stays empty: ${because.replaceAll(/\s+/g, " ")}`,
    ),
    ...statements,
    "",
  ].join("\n");
}

const configText = `# Targets that run already, for \`rowgate run --target <name>\`. The database that rowgate starts needs none.
#
# targets:
#   staging:
#     posture: staging
#     database: { url: '\${STAGING_DATABASE_URL}' }
targets: {}
`;

const endings: Readonly<Record<Ended, string | undefined>> = {
  passed: undefined,
  failed:
    "The last run was not green, and no line of a matrix would change that: `rowgate run` says what fails.",
  corrected:
    "The last run was not green: what failed in it is waived or a question, and was not run again. The first `rowgate run` may find more; `rowgate init --within 3600`, with these files deleted, takes more time.",
};

export function summary(
  { place, environment, options }: WriteTask,
  { rows, cast, parts, questions, ended }: Written & { readonly ended: Ended },
  milliseconds: number,
): string {
  const shown = (file: string): string => path.relative(environment.cwd, file);
  const waived = [...parts.declared.values()]
    .flatMap((by) => [...by.values()].flatMap((one) => [...one.values()]))
    .filter((one) => one.waived !== undefined).length;
  return [
    ...(questions.length === 0
      ? []
      : [
          "Intended?",
          ...questions.flatMap((lines, index) =>
            lines.map((line, at) => (at === 0 ? `  ${index + 1}. ${line}` : `     ${line}`)),
          ),
          "",
        ]),
    ...(rows.tables.length === 0
      ? []
      : [`${shown(place.rows)}: rows for ${plural(rows.tables.length, "empty table")}`]),
    ...rows.refused.map(({ relation, because }) => `  ${relation} stays empty: ${because}`),
    `${shown(place.matrix)}: ${plural(parts.relations.length, "relation")}, ${plural(cast.personas.length, "persona")}, as observed${waived === 0 ? "" : `; ${waived === 1 ? "1 cell is" : `${waived} cells are`} waived: no declaration of them passed`}`,
    ...(endings[ended] === undefined ? [] : [endings[ended]]),
    `in ${(milliseconds / 1000).toFixed(1)} s. An observation is no intention: answer the questions, correct the entries, and delete their lines \`observed: true\`.`,
    `next: rowgate run ${shellWord(shown(place.matrix))}${givenOptions(options)}`,
    "",
  ].join("\n");
}
