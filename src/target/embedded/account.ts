import { readFileSync } from "node:fs";
import { RowgateError } from "../../model/errors.ts";

/** The user that Postgres runs as, when that is not the user who runs rowgate. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

// initdb asks getpwuid() for its own user's name, so a bare number without an account would not do.
const candidates = ["nobody", "daemon", "postgres"];

/**
 * Postgres refuses to run as root: the account to run it as instead, or `undefined` when this process is not root
 * (or the platform has no such thing). No account is created.
 * @throws {RowgateError} `embedded/no-account`
 */
export function unprivilegedAccount(passwd = "/etc/passwd"): Account | undefined {
  if (process.geteuid?.() !== 0) return undefined;
  const accounts = readPasswd(passwd);
  for (const name of candidates) {
    const account = accounts.find((one) => one.name === name && one.uid !== 0);
    if (account !== undefined) return account;
  }
  throw new RowgateError({
    code: "embedded/no-account",
    message: "Postgres does not run as root, and there is no unprivileged account to run it as",
    details: `looked for ${candidates.join(", ")} in ${passwd}`,
    hint: "run rowgate as an ordinary user, or add the account `nobody`",
  });
}

function readPasswd(file: string): Account[] {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch {
    return [];
  }
  return text.split("\n").flatMap((line) => {
    const [name, , uid, gid] = line.split(":");
    if (name === undefined || uid === undefined || gid === undefined) return [];
    // macOS writes nobody as -2, which the system calls know as 4294967294.
    return [{ name, uid: Number(uid) >>> 0, gid: Number(gid) >>> 0 }];
  });
}
