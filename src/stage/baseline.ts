import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { detectLayout, type ProjectConfig, readProjectConfig } from "./apply-sql/layout.ts";
import type {
  Baseline,
  BaselineName,
  Captured,
  DefaultPrivileges,
  PrivilegesSource,
} from "../model/baseline.ts";
import { RowgateError } from "../model/errors.ts";

export interface BaselineWish {
  /** `undefined`: what the repository and the SQL look like. */
  readonly baseline: BaselineName | undefined;
  /** `undefined`: what `config.toml` says, or `legacy`, as on most projects. */
  readonly defaultPrivileges: Stated | undefined;
  /** What `as-captured` means. */
  readonly captured?: Captured | undefined;
}

interface Stated {
  readonly state: DefaultPrivileges;
  readonly from: PrivilegesSource;
}

/** What a system's database holds before its own SQL. */
export async function chooseBaseline(wish: BaselineWish, policies: string, cwd: string): Promise<Baseline> {
  const name = wish.baseline ?? ((await isSupabase(policies, cwd)) ? "supabase" : "plain");
  if (name === "plain") return { name };
  const project = await projectConfigOf(policies, cwd);
  const { state, from } = wish.defaultPrivileges ?? privilegesOf(project?.exposesNewTables);
  const { extraSearchPath } = project ?? {};
  const supabase = {
    name,
    defaultPrivileges: state,
    privilegesFrom: from,
    ...(extraSearchPath && { extraSearchPath }),
  } as const;
  if (state !== "as-captured") return supabase;
  if (wish.captured === undefined) throw notCaptured(from);
  return { ...supabase, captured: wish.captured };
}

function notCaptured(from: PrivilegesSource): RowgateError {
  return new RowgateError({
    code: "baseline/not-captured",
    message: `${from} asks for default privileges as captured, and no target's have been captured.`,
    hint: "run `rowgate capture <target>`, which writes rowgate.captured.json, and commit that file",
  });
}

/** What the `config.toml` beside the SQL, or of the current folder, says. */
export async function projectConfigOf(policies: string, cwd: string): Promise<ProjectConfig | undefined> {
  const folders = [policies, path.dirname(policies), path.join(cwd, "supabase")];
  const folder = folders.find((one) => existsSync(path.join(one, "config.toml")));
  return folder === undefined ? undefined : readProjectConfig(folder);
}

/** What `config.toml` says explicitly decides: `auto_expose_new_tables = false` is `none`. Unset, it is assumed to be as most projects are. */
function privilegesOf(exposesNewTables: boolean | undefined): Stated {
  if (exposesNewTables === undefined) return { state: "legacy", from: "assumed" };
  return { state: exposesNewTables ? "legacy" : "none", from: "config.toml" };
}

async function isSupabase(policies: string, cwd: string): Promise<boolean> {
  const marks = ["config.toml", "migrations"].map((name) => path.join(cwd, "supabase", name));
  return (
    marks.some((file) => existsSync(file)) ||
    (await detectLayout(policies)) === "supabase" ||
    mentionsPlatform(policies)
  );
}

/** What a plain Postgres with Supabase's roles and the helpers of `auth` does not have. */
const platform =
  /\b(?:storage\.(?:objects|buckets|foldername|filename|extension)|realtime\.(?:messages|topic|send|broadcast_changes)|vault\.(?:secrets|decrypted_secrets|create_secret)|cron\.(?:schedule|job)|net\.http_\w+|auth\.(?:identities|sessions|refresh_tokens|mfa_\w+|aal_level)|supabase_realtime|supabase_(?:\w+_)?admin|dashboard_user)\b|\bcreate\s+extension\s+(?:if\s+not\s+exists\s+)?(?:vector|postgis\w*|pg_cron|pg_net|http|pgjwt|pgmq|pg_graphql|pg_jsonschema|pg_hashids|pgsodium|pg_tle|supabase_vault|hypopg|index_advisor|wrappers)\b|\bschema\s+extensions\b|\bextensions\.\w+\s*\(/i;

/** SQL that brings its own copy of what the platform has was written for a Postgres without it. */
const ownCopy =
  /\bcreate\s+(?:table\s+(?:auth|storage|realtime|vault|cron|net)\.|schema\s+(?:auth|storage|realtime|vault|cron|net|extensions)\b)/i;

/** A folder that cannot be read is reported where it is applied. */
async function mentionsPlatform(folder: string): Promise<boolean> {
  const names = await readdir(folder).catch(() => []);
  const files = names.filter((name) => /\.sql$/i.test(name)).map((name) => path.join(folder, name));
  const texts = await Promise.all(files.map((file) => readFile(file, "utf8").catch(() => "")));
  const unquoted = texts.map((text) => text.replaceAll('"', ""));
  return unquoted.some((text) => platform.test(text)) && !unquoted.some((text) => ownCopy.test(text));
}
