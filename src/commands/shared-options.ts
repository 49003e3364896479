import { type Command, Option } from "commander";
import { baselineNames, defaultPrivileges, layouts } from "../model/baseline.ts";

export function choice(flags: string, values: readonly string[], text: string): Option {
  return new Option(flags, text).choices([...values]);
}

/** How an embedded database is made: of every command that starts one. */
export const baselineOption: () => Option = () =>
  choice("--baseline <name>", baselineNames, "embedded: what the database holds at first");

export const defaultPrivilegesOption: () => Option = () =>
  choice("--default-privileges <state>", defaultPrivileges, "Supabase: on new tables (legacy)");

const standInsOption: () => Option = () =>
  new Option("--no-stand-ins", "embedded: fail where the SQL needs an extension that Postgres lacks");

const postgresBinOption: () => Option = () =>
  new Option(
    "--postgres-bin <folder>",
    "embedded: an installed Postgres with its extensions (ROWGATE_POSTGRES_BIN)",
  );

export const layoutOption: () => Option = () =>
  choice("--layout <name>", layouts, "how the SQL's folder orders its files (as it looks, else by number)");

export const configOption: () => Option = () =>
  new Option("--config <file>", "the configuration, instead of the first rowgate.yaml from here upwards");

/** All that decides how an embedded database is made. */
export function embeddedOptions(command: Command): Command {
  return command
    .addOption(layoutOption())
    .addOption(baselineOption())
    .addOption(defaultPrivilegesOption())
    .addOption(standInsOption())
    .addOption(postgresBinOption());
}

export const postgresImageOption: () => Option = () =>
  new Option("--postgres-image <name>", "container target: Postgres's image (ROWGATE_POSTGRES_IMAGE)");

export function imageOptions(command: Command): Command {
  return command
    .addOption(postgresImageOption())
    .option("--postgrest-image <name>", "container target: PostgREST's image (ROWGATE_POSTGREST_IMAGE)");
}

export function containerOptions(command: Command): Command {
  return imageOptions(command).option(
    "--reuse",
    "container target: take the Postgres that an earlier run left, and leave it",
    false,
  );
}
