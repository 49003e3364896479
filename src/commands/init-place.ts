import { existsSync } from "node:fs";
import { access, constants, readdir, readFile, stat } from "node:fs/promises";
import path from "node:path";
import { RowgateError } from "../model/errors.ts";
import { type LoadedMatrix, loadMatrix } from "./load-matrix.ts";

/** Where `rowgate init` reads and writes. */
export interface InitPlace {
  readonly name: string;
  /** The system's SQL; `undefined`: a database that runs already. */
  readonly policies: string | undefined;
  readonly matrix: string;
  /** SQL with rows for tables that are empty. */
  readonly rows: string;
  readonly config: string;
  /** The matrix that is there already: only what it lacks is written. */
  readonly known: LoadedMatrix | undefined;
}

/**
 * Before the time for observing is spent: whether what is written at the end can be written.
 * @throws RowgateError `init/not-writable`
 */
export async function requireWritable(
  { matrix, rows, config, policies }: InitPlace,
  cwd: string,
): Promise<void> {
  for (const file of [
    matrix,
    ...(policies === undefined ? [] : [rows]),
    ...(existsSync(config) ? [] : [config]),
  ]) {
    let at = existsSync(file) ? file : path.dirname(file);
    while (!existsSync(at) && at !== path.dirname(at)) at = path.dirname(at);
    const isFolder = (await stat(at)).isDirectory();
    if (at !== file && !isFolder)
      throw notWritable(file, cwd, `${path.relative(cwd, at)} is a file, and no folder`);
    if (at === file && isFolder) throw notWritable(file, cwd, "it is a folder");
    await access(at, constants.W_OK).catch((cause: unknown) => {
      throw notWritable(file, cwd, `there is no write access to ${path.relative(cwd, at) || at}`, cause);
    });
  }
}

function notWritable(file: string, cwd: string, because: string, cause?: unknown): RowgateError {
  return new RowgateError({
    code: "init/not-writable",
    message: `rowgate init cannot write ${path.relative(cwd, file)}: ${because}.`,
    hint: "it writes into the current folder: matrices/, policies/<name>/ and rowgate.yaml. Run it in a folder that you may write to",
    cause,
  });
}

/** @throws RowgateError `init/no-folder` */
export async function placeOf(
  given: string | undefined,
  target: string,
  cwd: string,
  today: string,
): Promise<InitPlace> {
  const started = given !== undefined || target === "embedded" || target === "container";
  const policies = started ? await findSql(given, cwd) : undefined;
  const usual = await nameOf(policies, target, cwd);
  const known = await knownMatrix(policies, usual, cwd, today);
  const name = known?.matrix.name ?? usual;
  const isOwn = policies !== undefined && path.dirname(policies) === path.join(cwd, "policies");
  return {
    name,
    policies,
    matrix: path.resolve(cwd, known?.matrix.file ?? path.join("matrices", `${name}.yaml`)),
    // A folder that another tool applies must not get rows of ours: they would go into production.
    rows:
      known?.seed ?? path.join(isOwn ? policies : path.join(cwd, "policies", name), "900_rowgate_rows.sql"),
    config: path.join(cwd, "rowgate.yaml"),
    known,
  };
}

/** The matrix of this SQL, whatever it is called; of a database that runs already, the one that has the target's name. */
async function knownMatrix(
  policies: string | undefined,
  name: string,
  cwd: string,
  today: string,
): Promise<LoadedMatrix | undefined> {
  const names = await readdir(path.join(cwd, "matrices")).catch(() => []);
  const files = names.filter((one) => /\.ya?ml$/.test(one)).map((one) => path.join("matrices", one));
  for (const file of files) {
    const usual = path.basename(file).replace(/\.ya?ml$/, "") === name;
    const loaded = await loadMatrix(file, cwd, today).catch((error: unknown) => {
      // Another system's matrix may hold mistakes; this one's must not.
      if (usual) throw error;
    });
    if (loaded !== undefined && (policies === undefined ? usual : loaded.policies === policies))
      return loaded;
  }
  return undefined;
}

async function findSql(given: string | undefined, cwd: string): Promise<string> {
  if (given !== undefined) {
    const folder = path.resolve(cwd, given);
    if (existsSync(folder)) return folder;
    throw noFolder(`There is no folder ${given}.`);
  }
  const found = (await candidates(cwd)).filter((folder, index, all) => all.indexOf(folder) === index);
  const [only, ...others] = found;
  if (only !== undefined && others.length === 0) return only;
  const listed = found.map((one) => path.relative(cwd, one)).join(", ");
  throw noFolder(
    found.length === 0
      ? `No folder was named, and there is no supabase/ and no policies/<name> in ${cwd}.`
      : `No folder was named, and there are several: ${listed}.`,
  );
}

/** `supabase/` here or in an app of a monorepo; else `policies/<name>` of which no matrix is written yet. */
async function candidates(cwd: string): Promise<readonly string[]> {
  const projects = await supabaseFolders(cwd, 4);
  if (projects.length > 0) return projects;
  const names = await readdir(path.join(cwd, "policies"), { withFileTypes: true }).catch(() => []);
  const folders = names.filter((one) => one.isDirectory()).map((one) => path.join(cwd, "policies", one.name));
  const fresh = folders.filter(
    (folder) => !existsSync(path.join(cwd, "matrices", `${path.basename(folder)}.yaml`)),
  );
  return fresh.length > 0 ? fresh : folders;
}

async function supabaseFolders(folder: string, depth: number): Promise<readonly string[]> {
  const own = path.join(folder, "supabase");
  if (["config.toml", "migrations", "schemas"].some((name) => existsSync(path.join(own, name)))) return [own];
  if (depth === 0) return [];
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const below = entries.filter(
    (one) => one.isDirectory() && !/^\.|^(?:node_modules|dist|build|vendor)$/.test(one.name),
  );
  return (
    await Promise.all(below.map((one) => supabaseFolders(path.join(folder, one.name), depth - 1)))
  ).flat();
}

async function nameOf(policies: string | undefined, target: string, cwd: string): Promise<string> {
  if (policies !== undefined && path.dirname(policies) === path.join(cwd, "policies"))
    return slug(path.basename(policies));
  if (policies === undefined) return slug(target);
  const text = await readFile(path.join(cwd, "package.json"), "utf8").catch(() => "{}");
  const named = /"name"\s*:\s*"([^"]+)"/.exec(text)?.[1];
  return slug(named ?? path.basename(cwd));
}

function slug(text: string): string {
  const plain = text
    .toLowerCase()
    .replace(/^@[^/]*\//, "")
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-+|-+$/g, "");
  return plain === "" ? "system" : plain;
}

function noFolder(message: string): RowgateError {
  return new RowgateError({
    code: "init/no-folder",
    message,
    hint: "name the folder with the system's SQL: rowgate init path/to/supabase; or a running database: --target <name>",
  });
}
