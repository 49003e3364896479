import type { Node } from "libpg-query";
import { DatabaseError } from "pg";
import { type AnswerName, isCode } from "../../model/answers.ts";

/** What pg_dump writes at the top of a file. */
const mark = /^-- PostgreSQL database dump\b/m;

/** Schemas that the platform makes: a dump of a whole database repeats what is in them. */
const platformSchemas: ReadonlySet<string> = new Set([
  "auth",
  "storage",
  "realtime",
  "vault",
  "graphql",
  "graphql_public",
  "extensions",
  "pgbouncer",
  "supabase_functions",
  "supabase_migrations",
  "cron",
  "net",
]);

/** It is there already, or belongs to a service. */
const repeated: readonly AnswerName[] = [
  "insufficientPrivilege",
  "duplicateTable",
  "duplicateSchema",
  "duplicateObject",
  "duplicateFunction",
  "secondPrimaryKey",
  "grantToGrantor",
  // A partition that is one already.
  "wrongKind",
];

/** Why a statement of a dump that failed is no obstacle: it makes again what the platform has. */
export function whyPlatforms(text: string, node: Node, error: Error): string | undefined {
  if (!(error instanceof DatabaseError) || !mark.test(text)) return undefined;
  const schema = schemaOf(node);
  if (schema === undefined || !platformSchemas.has(schema)) return undefined;
  return repeated.some((name) => isCode(error.code, name))
    ? `what is in ${schema} is the platform's; a dump repeats what is there (${error.message})`
    : undefined;
}

/** Of the object that a statement is about, where the parser keeps its name. */
const places = [
  "relation",
  "view",
  "sequence",
  "funcname",
  "typeName",
  "defnames",
  "domainname",
  "schemaname",
  "object",
  "objects",
] as const;

function schemaOf(node: Node): string | undefined {
  const [body] = Object.values<object>(node);
  for (const place of places) {
    const found = schemaIn((body as Readonly<Record<string, unknown>> | undefined)?.[place]);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The first part of a name. A schema by itself is one part. */
function schemaIn(name: unknown): string | undefined {
  if (typeof name === "string") return name;
  if (Array.isArray(name)) return schemaIn(name[0]);
  if (typeof name !== "object" || name === null) return undefined;
  const {
    schemaname,
    RangeVar,
    String: text,
    sval,
    List,
    items,
    ObjectWithArgs,
    objname,
  } = name as Readonly<Record<string, unknown>>;
  return schemaIn(schemaname ?? RangeVar ?? text ?? sval ?? List ?? items ?? ObjectWithArgs ?? objname);
}
