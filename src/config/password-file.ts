import { Writable } from "node:stream";
import pgpass from "pgpass";

export interface PasswordAnswer {
  readonly password: string | undefined;
  /** Why the file was not read, where there is one. */
  readonly warning: string | undefined;
}

/** What the password file (PGPASSFILE, else `~/.pgpass`) says for a login, as libpq and `pg` read it. */
export async function passwordFromFile(login: {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
}): Promise<PasswordAnswer> {
  let warning = "";
  const before = pgpass.warnTo(
    new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        warning += chunk.toString();
        done();
      },
    }),
  );
  try {
    // A socket is `localhost` there.
    const host = login.host.startsWith("/") ? "localhost" : login.host;
    const password = await new Promise<string | undefined>((resolve) => pgpass({ ...login, host }, resolve));
    return { password, warning: warning.trim().replace(/^WARNING: /, "") || undefined };
  } finally {
    pgpass.warnTo(before);
  }
}
