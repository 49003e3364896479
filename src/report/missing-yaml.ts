import type { Finding } from "../model/finding.ts";
import { clean } from "./text.ts";

/** What the matrix leaves out, as entries to paste into it, all of it; empty: nothing. They deny everything: what is right is the reader's to say. */
export function missingYaml(findings: readonly Finding[]): string {
  const parts = {
    relations: findings.flatMap((one) =>
      one.kind === "undeclared-relation"
        ? `${key(one.relation)}: { expect: { '*': deny } } # a ${one.relationKind}`
        : [],
    ),
    functions: findings.flatMap((one) =>
      one.kind === "undeclared-function" ||
      one.kind === "undeclared-definer" ||
      one.kind === "undeclared-identity-setter"
        ? `${key(withoutNames(one.function))}: { expect: { '*': deny } } # callable by ${one.roles.join(", ")}`
        : [],
    ),
    personas: findings.flatMap((one) =>
      one.kind === "unprobed-role" || one.kind === "unprobed-anonymous-role"
        ? `${key(one.role)}: { role: ${key(one.role)} }`
        : [],
    ),
    exposes: findings.flatMap((one) =>
      one.kind === "undeclared-exposed-schema" ? `- ${key(one.schema)} # beside those that are listed` : [],
    ),
  };
  const blocks = Object.entries(parts).flatMap(([name, lines]) =>
    lines.length === 0 ? [] : [`${name}:`, ...lines.map((line) => `  ${clean(line)}`)],
  );
  if (blocks.length === 0) return "";
  return ["", "# missing from the matrix: paste these, and say who may do what", ...blocks, ""].join("\n");
}

/** `public.find(id uuid, note text)` as the matrix names it: with its types. */
function withoutNames(signature: string): string {
  const [, name = signature, list = ""] = /^(.*?)\((.*)\)$/.exec(signature) ?? [];
  if (list === "") return name;
  return `${name}(${list
    .split(", ")
    .map((one) => one.replace(/^\S+ (?=\S)/, ""))
    .join(",")})`;
}

/** As YAML: quoted unless it is a plain name. */
function key(text: string): string {
  return /^[a-z_][\w.]*$/i.test(text) ? text : JSON.stringify(text);
}
