import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import picomatch from "picomatch";
import { parse as parseToml } from "smol-toml";
import type { ConfiguredApi, Layout, SkippedStatement } from "../../model/baseline.ts";
import { messageOf, RowgateError } from "../../model/errors.ts";
import { bucketSource } from "./buckets.ts";
import { secretSource } from "./secrets.ts";
import { readSource, type SqlSource } from "./source.ts";

/** Files in the order in which they are applied, and what is to be said about that. */
export interface OrderedSql {
  readonly sources: readonly SqlSource[];
  readonly notes: readonly SkippedStatement[];
}

type Reader = (folder: string) => Promise<OrderedSql>;

/** What a folder unmistakably is; `undefined`: numbered files. */
export async function detectLayout(folder: string): Promise<Layout | undefined> {
  const has = (name: string): boolean => existsSync(path.join(folder, name));
  if (has("sqitch.plan")) return "sqitch";
  if (has("meta/_journal.json")) return "drizzle";
  if (has("migration_lock.toml")) return "prisma";
  if (has("config.toml") || path.basename(folder) === "supabase") return "supabase";
  const names = await sqlNames(folder);
  if (names.some((name) => flywayName.test(name))) return "flyway";
  const [first] = names;
  if (first === undefined) return undefined;
  return dbmateUp.test(await readFile(path.join(folder, first), "utf8").catch(() => ""))
    ? "dbmate"
    : undefined;
}

/** @throws {RowgateError} `sql/…` */
export async function readLayout(layout: Exclude<Layout, "numbered">, folder: string): Promise<OrderedSql> {
  const read = await readers[layout](folder);
  if (read.sources.length > 0) return read;
  throw new RowgateError({
    code: "sql/empty-folder",
    message: `the folder ${folder} holds no SQL in the layout ${layout}`,
    hint: "name the folder that holds it, or another --layout",
  });
}

const readers: Readonly<Record<Exclude<Layout, "numbered">, Reader>> = {
  supabase: readProject,
  sqitch: async (folder) => {
    const plan = await readFile(path.join(folder, "sqitch.plan"), "utf8").catch((cause: unknown) => {
      throw unreadable(path.join(folder, "sqitch.plan"), cause);
    });
    // A change is a line that starts with its name; `%` is a pragma, `@` a tag, `#` a comment.
    const names = plan.split("\n").flatMap((line) => /^[ \t]*\+?([^\s%@#-]\S*)/.exec(line)?.[1] ?? []);
    return ordered(
      names.map((name) => path.join(folder, "deploy", `${name}.sql`)),
      [],
    );
  },
  dbmate: async (folder) => {
    const { sources, notes } = await inOrderOfNumber(folder, "passed over");
    return { sources: sources.map(onlyUp), notes };
  },
  flyway: async (folder) => {
    const names = await sqlNames(folder);
    const versioned = names.filter((name) => flywayName.test(name)).toSorted(byVersion);
    const repeatable = names.filter((name) => name.startsWith("R__"));
    const left = names.filter((name) => !versioned.includes(name) && !repeatable.includes(name));
    const files = [...versioned, ...repeatable].map((name) => path.join(folder, name));
    const because = "its name is neither V<version>__ nor R__: Flyway does not migrate with it";
    return ordered(
      files,
      left.map((name) => note(path.join(folder, name), because)),
    );
  },
  prisma: async (folder) => {
    const entries = await readdir(folder, { withFileTypes: true });
    const files = entries
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => path.join(folder, name, "migration.sql"))
      .filter((file) => existsSync(file));
    return ordered(files.toSorted(), []);
  },
  drizzle: async (folder) => {
    const file = path.join(folder, "meta", "_journal.json");
    const text = await readFile(file, "utf8").catch((cause: unknown) => {
      throw unreadable(file, cause);
    });
    const { entries } = JSON.parse(text) as { entries: readonly { idx: number; tag: string }[] };
    const tags = entries.toSorted((a, b) => a.idx - b.idx).map(({ tag }) => tag);
    return ordered(
      tags.map((tag) => path.join(folder, `${tag}.sql`)),
      [],
    );
  },
};

const flywayName = /^V(\d+(?:[._]\d+)*)__.*\.sql$/i;
const dbmateUp = /^--[ \t]*migrate:up\b/m;

function byVersion(a: string, b: string): number {
  const [left = [], right = []] = [a, b].map((name) => flywayName.exec(name)?.[1]?.split(/[._]/).map(Number));
  const at = left.findIndex((part, index) => part !== (right[index] ?? 0));
  return at === -1 ? left.length - right.length : (left[at] ?? 0) - (right[at] ?? 0);
}

/** The part after `-- migrate:up`, at its place. */
function onlyUp(source: SqlSource): SqlSource {
  const down = /^--[ \t]*migrate:down\b[\s\S]*/m;
  return { ...source, text: source.text.replace(down, (part) => part.replaceAll(/[^\n]/g, " ")) };
}

/** A `supabase` folder as `supabase db reset` takes it: roles, migrations, seeds; without migrations its declarative schemas. */
async function readProject(folder: string): Promise<OrderedSql> {
  const config = await readProjectConfig(folder);
  const roles = path.join(folder, "roles.sql");
  const migrations = path.join(folder, "migrations");
  const made = existsSync(migrations)
    ? await inOrderOfNumber(migrations, "passed over")
    : { sources: [], notes: [] };
  const schemaFiles = await globbed(folder, config.schemaPaths ?? ["schemas/**/*.sql"]);
  const declared = made.sources.length > 0 ? [] : schemaFiles;
  const leftOut = made.sources.length > 0 ? schemaFiles : [];
  const seeds = config.seeded ? await globbed(folder, config.seedPaths, seedName) : [];
  return {
    sources: [
      ...(existsSync(roles) ? [await readSource(roles)] : []),
      ...made.sources,
      ...(await Promise.all([...declared, ...seeds].map(readSource))),
    ],
    notes: [
      ...made.notes,
      ...leftOut.map((file) => note(file, "a declarative schema: the migrations were applied instead")),
    ],
  };
}

/** What `config.toml` itself puts into the database. */
export interface ConfiguredSql {
  /** The secrets that it names: the first of all. */
  readonly secrets: readonly SqlSource[];
  /** The buckets: after the seeds. */
  readonly buckets: readonly SqlSource[];
}

/** @throws {RowgateError} `sql/config-toml` */
export async function configuredSql(folder: string): Promise<ConfiguredSql> {
  const file = path.join(folder, "config.toml");
  if (!existsSync(file)) return { secrets: [], buckets: [] };
  const config = await readSource(file);
  const { storage, db } = tomlOf(file, config.text);
  const secrets = secretSource(config, Object.keys(tableOf(tableOf(db)["vault"])));
  const buckets = bucketSource(config, tableOf(storage));
  return { secrets: secrets ? [secrets] : [], buckets: buckets ? [buckets] : [] };
}

export interface ProjectConfig {
  readonly schemaPaths: readonly string[] | undefined;
  readonly seeded: boolean;
  readonly seedPaths: readonly string[];
  /** `api.auto_expose_new_tables`; `undefined`: unset. */
  readonly exposesNewTables: boolean | undefined;
  readonly extraSearchPath: readonly string[] | undefined;
  /** Schemas that the API exposes, the default one first; `undefined`: it does not say. */
  readonly api: ConfiguredApi | undefined;
}

/** What `config.toml` says of a project's SQL. @throws {RowgateError} `sql/config-toml` */
export async function readProjectConfig(folder: string): Promise<ProjectConfig> {
  const file = path.join(folder, "config.toml");
  const text = await readFile(file, "utf8").catch(() => "");
  const { db, api } = tomlOf(file, text);
  const [seed, migrations] = [tableOf(tableOf(db)["seed"]), tableOf(tableOf(db)["migrations"])];
  const schemas = listed(tableOf(api)["schemas"]);
  const exposes = tableOf(api)["auto_expose_new_tables"];
  return {
    schemaPaths: listed(migrations["schema_paths"]),
    seeded: seed["enabled"] !== false,
    seedPaths: Array.isArray(seed["sql_paths"]) ? seed["sql_paths"].map(String) : ["./seed.sql"],
    exposesNewTables: typeof exposes === "boolean" ? exposes : undefined,
    extraSearchPath: listed(tableOf(api)["extra_search_path"]),
    api: schemas && { schemas, at: { file, line: lineOfSchemas(text), column: 1 } },
  };
}

/** The parser does not say where it read a key: that of `[api]`, or `api.schemas`. */
function lineOfSchemas(text: string): number {
  const lines = text.split("\n");
  let table = "";
  const found = lines.findIndex((line) => {
    table = /^\s*\[\s*([^\]]*?)\s*\]/.exec(line)?.[1] ?? table;
    return table === "api" ? /^\s*schemas\s*=/.test(line) : /^\s*api\s*\.\s*schemas\s*=/.test(line);
  });
  return Math.max(found, 0) + 1;
}

function listed(value: unknown): readonly string[] | undefined {
  return Array.isArray(value) && value.length > 0 ? value.map(String) : undefined;
}

function tomlOf(file: string, text: string): Readonly<Record<string, unknown>> {
  try {
    return parseToml(text);
  } catch (cause) {
    const { line = 1, column = 1 } = cause as { line?: number; column?: number };
    throw new RowgateError({
      code: "sql/config-toml",
      message: `config.toml cannot be read: ${messageOf(cause).split("\n", 1)[0]}`,
      at: { file, line, column },
      hint: "it decides which seeds are applied: fix it as Supabase's CLI would have it",
      cause,
    });
  }
}

function tableOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

/** A seed may be packed. */
const seedName = /\.sql(?:\.gz)?$/;

/** The files of such names that each pattern matches, sorted; patterns in their order. */
async function globbed(
  folder: string,
  patterns: readonly string[],
  name = /\.sql$/,
): Promise<readonly string[]> {
  const all = await readdir(folder, { recursive: true }).catch(() => []);
  const files = all
    .map((file) => file.replaceAll("\\", "/"))
    .filter((file) => name.test(file))
    .toSorted();
  const found = patterns.flatMap((pattern) => {
    const matches = picomatch(pattern.replace(/^\.\//, ""));
    return files.filter((file) => matches(file));
  });
  return [...new Set(found)].map((file) => path.join(folder, file));
}

/** What becomes of files without a number. */
type Unnumbered = "passed over" | "last";

/** By number, then by name; files with one number, and those without, are noted. */
export async function inOrderOfNumber(folder: string, unnumbered: Unnumbered): Promise<OrderedSql> {
  const names = await sqlNames(folder);
  const numbered = names.flatMap((name) => {
    const digits = /^(\d+)_/.exec(name)?.[1];
    return digits === undefined ? [] : [{ name, number: BigInt(digits) }];
  });
  const inTurn = numbered.toSorted((a, b) => Number(a.number > b.number) - Number(a.number < b.number));
  const alike = inTurn.flatMap(({ name, number }, index) =>
    inTurn[index - 1]?.number === number
      ? [
          note(
            path.join(folder, name),
            `applied after ${inTurn[index - 1]?.name}, by name: both have one number`,
          ),
        ]
      : [],
  );
  const taken = new Set(inTurn.map(({ name }) => name));
  const left = names.filter((name) => !taken.has(name));
  const files = [...inTurn.map(({ name }) => name), ...(unnumbered === "last" ? left : [])];
  const because = {
    "passed over": "its name has no number, so its tool passes it over too",
    last: "applied after the numbered files, by name: its own has no number",
  };
  return ordered(
    files.map((name) => path.join(folder, name)),
    [...left.map((name) => note(path.join(folder, name), because[unnumbered])), ...alike],
  );
}

async function ordered(files: readonly string[], notes: readonly SkippedStatement[]): Promise<OrderedSql> {
  return { sources: await Promise.all(files.map(readSource)), notes };
}

function note(file: string, because: string): SkippedStatement {
  return { file, line: 1, statement: path.basename(file), because };
}

async function sqlNames(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => !entry.isDirectory() && /^[^.].*\.sql$/i.test(entry.name))
    .map(({ name }) => name)
    .toSorted();
}

function unreadable(file: string, cause: unknown): RowgateError {
  return new RowgateError({
    code: "sql/unreadable",
    message: `${file} cannot be read: ${messageOf(cause)}`,
    hint: "it says in which order the files are applied; name another --layout where there is none",
    cause,
  });
}
