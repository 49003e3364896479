import { execFile } from "node:child_process";
import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { RowgateError } from "../model/errors.ts";
import type { SqlSource } from "../stage/apply-sql/source.ts";

/** The files of a commit, in a temporary folder. */
export interface Base extends AsyncDisposable {
  /** As it was named. */
  readonly name: string;
  /** The same place in the commit. */
  readonly at: (file: string) => string;
}

/**
 * The commit from which this branch began, as files: nothing of the checkout, its index or its worktrees is changed.
 * @throws RowgateError `gate/base`
 */
export async function openBase(name: string, cwd: string): Promise<Base> {
  const top = await git(["rev-parse", "--show-toplevel"], cwd, name);
  const tip = await git(["rev-parse", "--verify", "--quiet", `${name}^{commit}`], cwd, name);
  // Without a common history (a shallow checkout) the named commit itself is compared with.
  const commit = await git(["merge-base", tip, "HEAD"], cwd, name).catch(() => tip);
  const root = await mkdtemp(path.join(await realpath(tmpdir()), "rowgate-base-"));
  const dispose = (): Promise<void> => rm(root, { recursive: true, force: true });
  try {
    const index = { GIT_INDEX_FILE: path.join(root, ".index") };
    const files = path.join(root, "files");
    await git(["read-tree", commit], top, name, index);
    await git(["checkout-index", "--all", `--prefix=${files}${path.sep}`], top, name, index);
    return {
      name,
      at: (file) => path.join(files, path.relative(top, path.resolve(cwd, file))),
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

async function git(
  args: readonly string[],
  cwd: string,
  name: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<string> {
  try {
    const options = { cwd, env: { ...process.env, ...environment }, maxBuffer: 2 ** 28 };
    return (await promisify(execFile)("git", [...args], options)).stdout.trim();
  } catch (cause) {
    throw new RowgateError({
      code: "gate/base",
      message: `--base ${name}: git ${args[0] ?? ""} failed in ${cwd}: ${cause instanceof Error ? (cause.message.split("\n")[1] ?? "there is no such commit") : String(cause)}`,
      hint: "name a branch, tag or commit of this repository that was fetched; in GitHub Actions: actions/checkout with fetch-depth: 0",
      cause,
    });
  }
}

interface Compared {
  readonly before: readonly SqlSource[];
  readonly now: readonly SqlSource[];
  /** The same file in the base. */
  readonly at: (file: string) => string;
  readonly base: string;
}

/** The SQL files that are new since the base, in their order. @throws RowgateError `gate/edited-migration` */
export function newSince({ before, now, at, base }: Compared): readonly string[] {
  const known = new Map(before.map((one) => [path.resolve(one.path), one]));
  const inBase = now.map((one) => ({ one, was: known.get(path.resolve(at(one.path))) }));
  const edited = inBase.find(
    ({ one, was }) => was !== undefined && was.sha256 !== one.sha256 && isMigration(one.path),
  );
  if (edited !== undefined) throw editedMigration(edited.one.path, "was changed", base);
  const there = new Set(now.map((one) => path.resolve(at(one.path))));
  const gone = before.find((one) => !there.has(path.resolve(one.path)) && isMigration(one.path));
  if (gone !== undefined) throw editedMigration(gone.path, "was deleted", base);
  return inBase.flatMap(({ one, was }) => (was === undefined && isMigration(one.path) ? [one.path] : []));
}

/** Roles, rows for tests and what `config.toml` says are applied beside migrations, and change with them. */
function isMigration(file: string): boolean {
  return (
    /\.sql$/i.test(file) &&
    !/(?:^|[\\/])(?:seeds?|roles)(?:[\\/]|[^\\/]*\.sql$)/i.test(file) &&
    !/seed[^\\/]*\.sql$/i.test(file)
  );
}

function editedMigration(file: string, what: string, base: string): RowgateError {
  return new RowgateError({
    code: "gate/edited-migration",
    message: `${path.basename(file)} ${what} since ${base}: a migration that is applied is not applied again, so nothing says what this does to access.`,
    hint: "put the change into a new migration; or, where this SQL describes the whole state, archive a run of each side and compare them: rowgate diff",
  });
}
