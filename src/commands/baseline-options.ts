import { Option } from "commander";
import { baselineNames, defaultPrivileges, layouts } from "../model/baseline.ts";

export function choice(flags: string, values: readonly string[], text: string): Option {
  return new Option(flags, text).choices([...values]);
}

/** How an embedded database is made: of every command that starts one. */
export const baselineOption: () => Option = () =>
  choice("--baseline <name>", baselineNames, "embedded: what the database holds at first");

export const defaultPrivilegesOption: () => Option = () =>
  choice("--default-privileges <state>", defaultPrivileges, "Supabase: on new tables (legacy)");

export const standInsOption: () => Option = () =>
  new Option("--no-stand-ins", "embedded: fail where the SQL needs an extension that Postgres lacks");

export const postgresBinOption: () => Option = () =>
  new Option(
    "--postgres-bin <folder>",
    "embedded: an installed Postgres with its extensions (ROWGATE_POSTGRES_BIN)",
  );

export const layoutOption: () => Option = () =>
  choice("--layout <name>", layouts, "how the SQL's folder orders its files (as it looks, else by number)");
