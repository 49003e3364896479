declare module "pgpass" {
  import type { Writable } from "node:stream";

  interface Login {
    readonly host: string;
    readonly port: number;
    readonly database: string;
    readonly user: string;
  }
  function pgpass(login: Login, found: (password: string | undefined) => void): void;
  namespace pgpass {
    /** Where warnings go, instead of this process's stderr; returns where they went before. */
    function warnTo(stream: Writable): Writable;
  }
  export = pgpass;
}
