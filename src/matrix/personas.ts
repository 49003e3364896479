import type { Persona } from "../model/matrix.ts";
import { checkName, expectMap, readFields, readLeaf } from "./fields.ts";
import type { Issues } from "../yaml/issues.ts";
import { leaves } from "./leaves.ts";
import { keysOf } from "./shapes.ts";
import type { Entry, Tree } from "../yaml/tree.ts";
import { describe } from "../yaml/tree.ts";
import { readJsonMap } from "./values.ts";

/** By name; `undefined` for one that is declared but broken, so that nobody calls it unknown. */
export type Personas = ReadonlyMap<string, Persona | undefined>;

export function readPersonas({ value, keyAt }: Entry, issues: Issues): Personas {
  const map = expectMap(value, "`personas`", issues);
  if (map?.entries.length === 0) {
    issues.report("matrix/empty", keyAt, "`personas` names nobody", "declare one persona at least");
  }
  return new Map(
    (map?.entries ?? []).map((entry) => [entry.key, issues.clean(() => readPersona(entry, issues))]),
  );
}

function readPersona(entry: Entry, issues: Issues): Persona | undefined {
  const name = entry.key;
  checkName(entry, "a persona", issues);
  const fields = readFields(entry.value, keysOf.persona, `persona \`${name}\``, entry.keyAt, issues);
  const loginNode = fields?.get("login")?.value;
  const roleNode = fields?.get("role")?.value ?? loginNode;
  const claimsNode = fields?.get("claims")?.value;
  const settingsNode = fields?.get("settings")?.value;
  const tokenNode = fields?.get("token")?.value;
  const login = loginNode && readLeaf(loginNode, "role", `\`login\` of \`${name}\``, issues);
  const role =
    roleNode === loginNode
      ? login
      : roleNode && readLeaf(roleNode, "role", `\`role\` of \`${name}\``, issues);
  if (fields !== undefined && roleNode === undefined)
    issues.report("matrix/missing-key", entry.keyAt, `persona \`${name}\` has no \`role\` and no \`login\``);
  const claims = claimsNode && readClaims(claimsNode, name, role, issues);
  const settings = settingsNode && readSettings(settingsNode, name, issues);
  const tokenFrom = tokenNode && readToken(tokenNode, name, issues);
  if (loginNode !== undefined && tokenNode !== undefined) {
    const message = `\`${name}\` both logs in by itself and sends a token`;
    issues.report(
      "matrix/contradiction",
      tokenNode.at,
      message,
      "a token goes to a gateway, which logs in itself",
    );
  }
  if (role === undefined) return undefined;
  return { name, role, login, claims, settings: settings ?? {}, tokenFrom, at: entry.keyAt };
}

function readClaims(
  tree: Tree,
  persona: string,
  role: string | undefined,
  issues: Issues,
): Persona["claims"] {
  const map = expectMap(tree, `\`claims\` of \`${persona}\``, issues);
  const claimed = map?.entries.find(({ key }) => key === "role")?.value;
  // PostgREST switches to the role that the token names: with two, the channels would be two identities.
  if (claimed !== undefined && role !== undefined && (claimed.kind !== "scalar" || claimed.value !== role)) {
    const message = `the claim \`role\` of \`${persona}\` is not its \`role\`, \`${role}\``;
    issues.report(
      "matrix/contradiction",
      claimed.at,
      message,
      "leave the claim out: it follows from `role:`",
    );
  }
  return map && readJsonMap(map, issues);
}

function readSettings(
  tree: Tree,
  persona: string,
  issues: Issues,
): Readonly<Record<string, string>> | undefined {
  const map = expectMap(tree, `\`settings\` of \`${persona}\``, issues);
  const settings = (map?.entries ?? []).map(({ key, keyAt, value }): [string, string] => {
    const named = leaves.setting.safeParse(key);
    if (!named.success) {
      issues.report(
        "matrix/bad-name",
        keyAt,
        `\`${key}\`: ${named.error.issues[0]?.message ?? "is no setting"}`,
      );
    }
    if (value.kind === "scalar" && value.value !== null) {
      return [key, typeof value.value === "string" ? value.value : value.source];
    }
    issues.report("matrix/wrong-type", value.at, `setting \`${key}\` must be text; found ${describe(value)}`);
    return [key, ""];
  });
  return map && Object.fromEntries(settings);
}

/** The name of the environment variable. A token that is written out is never repeated in a message. */
function readToken(tree: Tree, persona: string, issues: Issues): string | undefined {
  const hint = "write `token: '${NAME}'` and put the token into that environment variable";
  if (tree.kind === "scalar" && typeof tree.value === "string" && !tree.value.includes("${")) {
    const message = `\`token\` of \`${persona}\` is written out: a matrix is committed, so it may not hold secrets`;
    issues.report("matrix/secret", tree.at, message, hint);
    return undefined;
  }
  return readLeaf(tree, "token", `\`token\` of \`${persona}\``, issues, hint)?.slice(2, -1);
}
