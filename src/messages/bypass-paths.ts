import type { BypassPath } from "../model/bypass-path.ts";

export interface BypassMessage {
  readonly what: string;
  readonly why: string;
  readonly closedBy: string;
  readonly facts: (place: string, of: string) => string;
}

/** What a session that sends its own SQL can do past policies, and the statement that prevents it. */
export const bypassPaths: Readonly<Record<BypassPath["way"], BypassMessage>> = {
  replication: {
    what: "REPLICATION",
    why: "streams every row of every table",
    closedBy: "`ALTER ROLE … NOREPLICATION`, and another login for replication",
    facts: () => "REPLICATION streams every row of every table",
  },
  trigger: {
    what: "TRIGGER on a table",
    why: "a trigger that it creates runs with the rights of the next user who writes, and sees what that user writes",
    closedBy: "`REVOKE TRIGGER`",
    facts: (place) =>
      `TRIGGER on ${place}: a trigger that it creates runs with the rights of the user who writes`,
  },
  schema: {
    what: "ownership of the schema",
    why: "the owner of a schema may drop the objects in it, whichever role owns them",
    closedBy: "`ALTER SCHEMA … OWNER TO` (since Postgres 15 the owner of the database owns `public`)",
    facts: (place, of) => `owns the schema ${place}, and may drop ${of}`,
  },
  force: {
    what: "ownership of a table under FORCE",
    why: "the owner may remove FORCE ROW LEVEL SECURITY",
    closedBy: "`ALTER TABLE … OWNER TO`",
    facts: (place) => `owns ${place}, and may remove FORCE ROW LEVEL SECURITY`,
  },
  shadow: {
    what: "a function that finds relations by search_path",
    why: "policies or views call it, or it runs with its owner's rights, and it names a relation without its schema. Postgres searches temporary tables first unless search_path names `pg_temp`, so a temporary table of the session replaces that relation",
    closedBy:
      "writing the schema in the function; or `SET search_path = public, pg_temp`; or `REVOKE TEMPORARY ON DATABASE … FROM PUBLIC`",
    facts: (place, of) =>
      `function ${place} finds ${of} by search_path, which searches temporary tables first`,
  },
  create: {
    what: "CREATE on a schema that such a function searches first",
    why: "a function or table that the session creates there replaces the one that the function names without its schema (of two functions in one schema, Postgres takes the one whose argument types fit best)",
    closedBy: "`REVOKE CREATE ON SCHEMA …`; or writing the schema in the function",
    facts: (place, of) =>
      `function ${place} finds ${of} by search_path, and the role may create its namesake in a schema that is searched first`,
  },
  barrier: {
    what: "a view without `security_barrier`",
    why: "the view reads with its owner's rights and hides rows; Postgres may evaluate the caller's conditions on hidden rows first, and a function in such a condition can reveal them",
    closedBy: "`ALTER VIEW … SET (security_barrier = true)`",
    facts: (place) => `view ${place} hides rows without security_barrier`,
  },
  leakproof: {
    what: "a LEAKPROOF function that is not written in C",
    why: "Postgres believes that it tells nothing of its arguments and evaluates it on rows that policies hide; with RAISE, an error or a table it can tell of them",
    closedBy: "`ALTER FUNCTION … NOT LEAKPROOF`",
    facts: (place) => `function ${place} is LEAKPROOF, and is evaluated on hidden rows`,
  },
};
