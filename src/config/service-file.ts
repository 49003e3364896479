import { readFileSync } from "node:fs";
import path from "node:path";
import type { Variables } from "./settings.ts";
import { isPart, type Part } from "./postgres-url.ts";

export type Service = Readonly<Partial<Record<Part, { readonly text: string; readonly from: string }>>>;

/** Files that libpq looks into, the user's own first. */
export function serviceFiles(variables: Variables): readonly string[] {
  const { PGSERVICEFILE, HOME, PGSYSCONFDIR } = variables;
  const own = PGSERVICEFILE ?? (HOME === undefined ? undefined : path.join(HOME, ".pg_service.conf"));
  return [
    ...(own === undefined ? [] : [own]),
    ...(PGSYSCONFDIR === undefined ? [] : [path.join(PGSYSCONFDIR, "pg_service.conf")]),
  ];
}

/**
 * One service of a `pg_service.conf`: sections of `key=value`, everything behind `=` as it stands. (An INI reader would take
 * `;` and quotes in a password for its own.) Source: https://www.postgresql.org/docs/current/libpq-pgservice.html
 * @returns `undefined` when no file names the service; the names that are known, for a suggestion
 */
export function readService(
  name: string,
  files: readonly string[],
): { readonly service: Service | undefined; readonly known: readonly string[] } {
  const known: string[] = [];
  for (const file of files) {
    let section: string | undefined;
    let service: Record<string, { text: string; from: string }> | undefined;
    for (const [index, line] of linesOf(file).entries()) {
      const text = line.trim();
      if (text === "" || text.startsWith("#")) continue;
      const head = /^\[(.*)\]$/.exec(text)?.[1];
      if (head !== undefined) {
        section = head;
        known.push(head);
        if (section === name) service ??= {};
        continue;
      }
      const [, key = "", value = ""] = /^([^=]*)=(.*)$/.exec(text) ?? [];
      if (section === name && service !== undefined && isPart(key))
        service[key] ??= { text: value, from: `${file}:${index + 1}` };
    }
    if (service !== undefined) return { service, known };
  }
  return { service: undefined, known };
}

function linesOf(file: string): readonly string[] {
  try {
    return readFileSync(file, "utf8").split(/\r?\n/);
  } catch {
    return [];
  }
}
