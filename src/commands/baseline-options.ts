import { Option } from "commander";
import { baselineNames, defaultPrivileges } from "../model/baseline.ts";

export function choice(flags: string, values: readonly string[], text: string): Option {
  return new Option(flags, text).choices([...values]);
}

/** What an embedded database holds at first: of every command that starts one. */
export const baselineOption: () => Option = () =>
  choice("--baseline <name>", baselineNames, "embedded: what the database holds at first");

export const defaultPrivilegesOption: () => Option = () =>
  choice("--default-privileges <state>", defaultPrivileges, "Supabase: on new tables (legacy)");
