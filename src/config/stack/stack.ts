import { RowgateError } from "../../model/errors.ts";
import { isLocal } from "../../lib/local.ts";
import { localStack } from "../../model/target.ts";
import { findAnyConfig } from "../find.ts";
import { parsePostgresUrl } from "../postgres-url.ts";
import type { ConfigFile } from "../read.ts";
import type { Variables } from "../settings.ts";
import type { TargetEntry } from "../shape.ts";
import { findStatus, type SaidStatus, statusCommand } from "./source.ts";
import type { StackName } from "./status.ts";

export interface Stack {
  /** A target `supabase` as if it stood in a `rowgate.yaml`, beside those of the one that is there. */
  readonly file: ConfigFile;
  /** What it takes its values from. */
  readonly variables: Variables;
}

/**
 * The local stack as a target. It is somebody's own, and may hold what they work with: `staging`, where writes are undone.
 * @throws RowgateError `config/…`; IssuesError where there is a `rowgate.yaml` that holds mistakes
 */
export async function findStack(
  named: string | undefined,
  cwd: string,
  variables: Variables,
): Promise<Stack> {
  const status = await findStatus(named, cwd, variables);
  const { values, from } = status;
  if (values.DB_URL === undefined) throw noStatus(from);
  for (const name of ["DB_URL", "REST_URL", "API_URL"] as const) onlyHere(values[name]?.text, name, from);
  return { file: await besideOthers(status, cwd), variables: { ...own(variables), ...texts(status) } };
}

/** Every part is named here, so that nothing of the environment leads elsewhere. */
function entryOf({ values }: SaidStatus): TargetEntry {
  const { REST_URL, API_URL } = values;
  const url = REST_URL?.text ?? (API_URL && `${API_URL.text.replace(/\/+$/, "")}/rest/v1`);
  const key = (["PUBLISHABLE_KEY", "ANON_KEY"] as const).find((name) => values[name] !== undefined);
  return {
    posture: "staging",
    database: { url: "${DB_URL}" },
    ...(url !== undefined && { rest: { url, ...(key !== undefined && { api_key: `\${${key}}` }) } }),
    ...(values.JWT_SECRET !== undefined && { jwt: { secret: "${JWT_SECRET}" } }),
  };
}

/** A `rowgate.yaml` may say what is production: a tunnel to it ends on this machine, too. */
async function besideOthers(status: SaidStatus, cwd: string): Promise<ConfigFile> {
  const others = await findAnyConfig(undefined, cwd);
  const config = others?.config ?? { targets: {} };
  return {
    file: status.from,
    folder: others?.folder ?? cwd,
    sha256: others?.sha256 ?? "",
    config: { ...config, targets: { ...config.targets, [localStack]: entryOf(status) } },
    at: ([name = "", ...path]) =>
      name === localStack || others === undefined
        ? { file: status.from, line: lineOf(status, path), column: 1 }
        : others.at([name, ...path]),
  };
}

function lineOf({ values }: SaidStatus, [part = "", key]: readonly string[]): number {
  const names: Readonly<Record<string, readonly StackName[]>> = {
    rest: key === "api_key" ? ["PUBLISHABLE_KEY", "ANON_KEY"] : ["REST_URL", "API_URL"],
    jwt: ["JWT_SECRET"],
  };
  const [said] = (names[part] ?? ["DB_URL"]).flatMap((name) => values[name] ?? []);
  return said?.line ?? 1;
}

/** libpq's variables are about other databases: the stack's has no TLS, and its password stands in its URL. */
function own(variables: Variables): Variables {
  return Object.fromEntries(Object.entries(variables).filter(([name]) => !name.startsWith("PG")));
}

function texts({ values }: SaidStatus): Variables {
  return Object.fromEntries(Object.entries(values).map(([name, { text }]) => [name, text]));
}

function noStatus(from: string): RowgateError {
  return new RowgateError({
    code: "config/no-stack",
    message: `No local Supabase stack is known: ${from} says no DB_URL.`,
    hint: `it must be what \`${statusCommand}\` prints, under the names that it gives by itself: no other format, and no --override-name`,
  });
}

function onlyHere(url: string | undefined, name: StackName, from: string): void {
  const host = url === undefined ? undefined : hostOf(url, name);
  // One that is no URL is told where URLs are read.
  if (host === undefined || isLocal(host)) return;
  throw new RowgateError({
    code: "config/not-local",
    message: `${name} of ${from} leads to ${host}, and \`--target ${localStack}\` is for a stack on this machine.`,
    hint: "name it in rowgate.yaml, where its posture is said (docs/targets.md)",
  });
}

/** A database's URL may name its host behind the question mark as well. */
function hostOf(url: string, name: StackName): string | undefined {
  if (name !== "DB_URL") return URL.canParse(url) ? new URL(url).hostname : undefined;
  const read = parsePostgresUrl(url);
  return "problem" in read ? undefined : read.host;
}
