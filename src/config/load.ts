import { IssuesError, RowgateError, byPosition, type Issue } from "../model/errors.ts";
import { listNames } from "../lib/nearest.ts";
import type { InputFingerprint } from "../model/run.ts";
import { defaultLimits, type Limits, localStack, ownTargets, type Target } from "../model/target.ts";
import { databaseOf, databaseVariables } from "./database.ts";
import type { Variables } from "./libpq.ts";
import { findConfig } from "./file.ts";
import { looksLikeProduction } from "./production.ts";
import { type ConfigFile, meantTarget, readConfig } from "./file.ts";
import { restOf, supabaseIssuer } from "./rest.ts";
import { Settings, type SettingSource } from "./settings.ts";
import type { TargetEntry } from "./shape.ts";
import { signingKeyOf } from "./signing-key.ts";
import { findStack } from "./local-stack.ts";

export interface LoadRequest {
  readonly name: string;
  /** `--config`; `undefined`: the first `rowgate.yaml` from `cwd` upwards, or for a local stack its own command. */
  readonly file: string | undefined;
  readonly cwd: string;
  readonly variables: Variables;
  /** A target that looks like production is meant to have another posture; the run says so. */
  readonly overrideGuard?: boolean | undefined;
}

/** A target of `rowgate.yaml`, ready to be asked. */
export interface LoadedTarget {
  readonly target: Target;
  /** What PostgREST exposes, where the file says it; else it is what the matrix says. `target.schemas` is `public` then. */
  readonly schemas: readonly string[] | undefined;
  /** Where each setting came from. Never what it is. */
  readonly sources: readonly SettingSource[];
  /** The file; a local stack has none. */
  readonly input: InputFingerprint | undefined;
}

/**
 * Finds the configuration, and resolves one of its targets with the environment. Connects to nothing.
 * @throws RowgateError `config/…`; IssuesError `config/invalid`, `config/unresolved`, with every mistake at once
 */
export async function loadTarget({
  name,
  file: named,
  cwd,
  variables: given,
  overrideGuard,
}: LoadRequest): Promise<LoadedTarget> {
  const { file, variables } =
    name === localStack
      ? await findStack(named, cwd, given)
      : { file: await findConfig(named, cwd, name), variables: given };
  return resolveTarget(file, name, variables, overrideGuard === true);
}

/** The configuration where there is no file: it only forbids writes. */
const unnamed = "targets: { environment: { posture: production } }";

/**
 * The database that the environment names, with the PostgREST and the keys that it names; `undefined`: it names none. Its
 * posture is unknown, so it is only read.
 * @throws IssuesError `config/unresolved`
 */
export async function loadFromEnvironment(
  cwd: string,
  variables: Variables,
): Promise<LoadedTarget | undefined> {
  if (databaseVariables.every((name) => (variables[name] ?? "") === "")) return undefined;
  return resolveTarget(readConfig(unnamed, "the environment", cwd), "environment", variables, false);
}

async function resolveTarget(
  file: ConfigFile,
  name: string,
  variables: Variables,
  overrideGuard: boolean,
): Promise<LoadedTarget> {
  const entry = Object.hasOwn(file.config.targets, name) ? file.config.targets[name] : undefined;
  if (entry === undefined) throw unknownTarget(name, file);
  const settings = new Settings(file, name, variables);
  const database = await databaseOf(settings);
  const rest = restOf(settings);
  const signingKey = signingKeyOf(settings);
  const live = entry.posture === "production" ? undefined : looksLikeProduction(file, name, variables);
  if (live !== undefined && !overrideGuard)
    settings.report(
      settings.place("posture"),
      "looks-like-production",
      `\`${name}\` has the posture ${entry.posture}, and ${live}`,
      "say `posture: production`; if it is not, pass --override-production-guard, which the archive records",
    );
  const issues = unique(settings.issues);
  if (database === undefined || issues.length > 0)
    throw new IssuesError("config/unresolved", `The target ${name} of ${file.file} cannot be used.`, issues);
  const target: Target = {
    name,
    posture: entry.posture,
    writes: entry.writes,
    database,
    rest,
    signingKey,
    schemas: entry.schemas ?? ["public"],
    preRequest: preRequest(entry),
    limits: limitsOf(entry),
    override: live,
    issuer: rest && supabaseIssuer(rest.url),
  };
  // A stack's status is no file to compare a later run's with: it may have come down a pipe, and holds secrets.
  const input = name === localStack ? undefined : { path: file.file, sha256: file.sha256 };
  return { target, schemas: entry.schemas, sources: settings.sources, input };
}

function unknownTarget(name: string, { file, config }: ConfigFile): RowgateError {
  const known = Object.keys(config.targets);
  return new RowgateError({
    code: "config/unknown-target",
    message: `${file} has no target \`${name}\`${meantTarget(name, known)}`,
    hint: `targets: ${listNames([...ownTargets, ...known])}`,
  });
}

function limitsOf({ limits = {} }: TargetEntry): Limits {
  return {
    statementTimeoutMs: limits.statement_timeout ?? defaultLimits.statementTimeoutMs,
    lockTimeoutMs: limits.lock_timeout ?? defaultLimits.lockTimeoutMs,
    idleInTransactionTimeoutMs:
      limits.idle_in_transaction_session_timeout ?? defaultLimits.idleInTransactionTimeoutMs,
    requestTimeoutMs: limits.request_timeout ?? defaultLimits.requestTimeoutMs,
  };
}

function preRequest({ pre_request: text }: TargetEntry): Target["preRequest"] {
  const [schema, name] = text?.split(".") ?? [];
  return schema === undefined || name === undefined ? undefined : { schema, name };
}

/** A setting may be looked at twice. */
function unique(issues: readonly Issue[]): readonly Issue[] {
  return [...new Map(issues.map((one) => [JSON.stringify([one.at, one.message]), one])).values()].toSorted(
    byPosition,
  );
}
