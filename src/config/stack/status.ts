/** What a local Supabase stack says of itself, in so far as a run needs it. */
export interface StackStatus {
  readonly values: Readonly<Partial<Record<StackName, StackValue>>>;
}

export interface StackValue {
  readonly text: string;
  /** From 1. */
  readonly line: number;
}

/** The names that `supabase status -o env` prints; those of keys come and go with its versions. */
export const stackNames = [
  "DB_URL",
  "REST_URL",
  "API_URL",
  "PUBLISHABLE_KEY",
  "ANON_KEY",
  "JWT_SECRET",
] as const;
export type StackName = (typeof stackNames)[number];

/** `NAME="value"`, where the CLI puts a backslash before `\`, `"`, `!`, `$` and a backtick; numbers are bare. */
const assignment = /^\s*(?:export\s+)?([A-Z][A-Z0-9_]*)=(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([^\s"']*))\s*$/;

/**
 * Reads what `supabase status -o env` prints; lines of any other kind (what the CLI says beside it) are passed over.
 * Source: https://supabase.com/docs/reference/cli/supabase-status
 */
export function readStatus(text: string): StackStatus {
  const values: Partial<Record<StackName, StackValue>> = {};
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const [, name, quoted, plain, bare] = assignment.exec(line) ?? [];
    const value = quoted?.replaceAll(/\\(.)/g, (_, one: string) => escapes[one] ?? one) ?? plain ?? bare;
    if (value !== undefined && value !== "" && isStackName(name))
      values[name] = { text: value, line: index + 1 };
  }
  return { values };
}

const escapes: Readonly<Record<string, string>> = { n: "\n", r: "\r" };

function isStackName(name: string | undefined): name is StackName {
  return (stackNames as readonly string[]).includes(name ?? "");
}
