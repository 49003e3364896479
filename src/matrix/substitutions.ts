import type { Issues } from "../yaml/issues.ts";
import type { MapTree, Tree } from "../yaml/tree.ts";

/** `${…}` is read in a persona's `token` and nowhere else: elsewhere it would reach the database as it stands. */
export function checkSubstitutions(root: MapTree, issues: Issues): void {
  const tokens = new Set(personas(root).flatMap(({ value }) => valueOf(value, "token") ?? []));
  const visit = (tree: Tree): void => {
    if (tokens.has(tree)) return;
    if (tree.kind === "list") for (const item of tree.items) visit(item);
    else if (tree.kind === "map") for (const { value } of tree.entries) visit(value);
    else if (typeof tree.value === "string" && /\$\{[^}]*\}/.test(tree.value)) {
      const hint = "a matrix says the same on every machine: use `vars:`, or write the value";
      issues.report("matrix/substitution", tree.at, "`${…}` is read in `token:` only", hint);
    }
  };
  visit(root);
}

function personas(root: MapTree): MapTree["entries"] {
  const node = valueOf(root, "personas");
  return node?.kind === "map" ? node.entries : [];
}

function valueOf(tree: Tree, key: string): Tree | undefined {
  return tree.kind === "map" ? tree.entries.find((entry) => entry.key === key)?.value : undefined;
}
