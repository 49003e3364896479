import type { Client } from "pg";
import { wordOf } from "../lib/pattern.ts";
import { quoteIdent, quoteQualified } from "../lib/sql-text.ts";
import type { ProofRelation, Schema } from "../prove/analyse/schema.ts";

/** Of users that `init` makes, unless triggers ask for another. */
export const usualDomain = "a.test";

/** Rows of a table that a trigger may read for addresses it lets in. */
const mostRows = 20;

const functionsOf = `select p.prosrc as body from pg_trigger t join pg_proc p on p.oid = t.tgfoid
where t.tgrelid = $1::regclass and not t.tgisinternal`;

/**
 * E-mail domains that triggers of a table may let in: texts in the bodies of their functions, and in tables that these name.
 * `*.acme.test`, `%@acme.test` and `@acme\.test$` are patterns of domains.
 */
export async function domainsAskedFor(
  client: Client,
  schema: Schema,
  relation: ProofRelation,
): Promise<readonly string[]> {
  const bodies = (await triggerBodies(client, relation)).map((body) => body.toLowerCase());
  const texts = bodies.flatMap((body) => [...body.matchAll(/'([^']*)'/g)].map(([, text = ""]) => text));
  const named = [...schema.relations].filter(
    (one) => one.kind === "table" && one !== relation && bodies.some((body) => isNamed(one.name, body)),
  );
  for (const one of named)
    for (const { name } of one.columns.filter(({ category }) => category === "S")) {
      const found = await client.query<{ value: string }>(
        `select ${quoteIdent(name)}::text as value from ${quoteQualified(one)} where ${quoteIdent(name)} is not null limit ${mostRows}`,
      );
      texts.push(...found.rows.map(({ value }) => value));
    }
  return [...new Set(texts.flatMap((text) => domainIn(text) ?? []))];
}

/** Of the functions that the table's triggers call. */
export async function triggerBodies(client: Client, relation: ProofRelation): Promise<readonly string[]> {
  const { rows } = await client.query<{ body: string }>(functionsOf, [quoteQualified(relation)]);
  return rows.map(({ body }) => body);
}

function isNamed(name: string, body: string): boolean {
  return wordOf(name.toLowerCase()).test(body);
}

/** `undefined`: the text is no domain, and no pattern of one. */
function domainIn(text: string): string | undefined {
  const plain = text.toLowerCase().replaceAll("\\", "").replace(/^.*@/, "").replace(/\$$/, "");
  const [, wild, domain] = /^([*%.]*)([a-z0-9-]+(?:\.[a-z0-9-]+)+)$/.exec(plain) ?? [];
  if (domain === undefined) return undefined;
  return wild?.includes(".") === true ? `a.${domain}` : domain;
}
