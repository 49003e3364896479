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
export function unprivilegedAccount(): Account | undefined {
  if (process.geteuid?.() !== 0) return undefined;
  const account = chooseAccount(readPasswd());
  if (account !== undefined) return account;
  throw new RowgateError({
    code: "embedded/no-account",
    message: "Postgres does not run as root, and there is no unprivileged account to run it as",
    details: `looked for ${candidates.join(", ")} in /etc/passwd`,
    hint: "run rowgate as an ordinary user, or add the account `nobody`",
  });
}

/** The first candidate that a text in the form of `/etc/passwd` lists without root's rights. */
export function chooseAccount(passwd: string): Account | undefined {
  const accounts = passwd.split("\n").flatMap((line) => {
    const [name, , uid, gid] = line.split(":");
    if (name === undefined || uid === undefined || gid === undefined) return [];
    // macOS writes nobody as -2, which the system calls know as 4294967294.
    return [{ name, uid: Number(uid) >>> 0, gid: Number(gid) >>> 0 }];
  });
  const known = candidates.map((name) => accounts.find((account) => account.name === name));
  return known.find((account) => account !== undefined && account.uid !== 0);
}

function readPasswd(): string {
  try {
    return readFileSync("/etc/passwd", "utf8");
  } catch {
    return "";
  }
}
