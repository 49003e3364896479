import { quoteIdent, quoteLiteral, quoteQualified } from "../lib/sql-text.ts";
import type { EscalationRelation } from "./catalog.ts";
import { ranks, type Step, stepOf } from "./step.ts";
import type { Actor, World } from "./world.ts";

// What a user sends the auth server about himself, and a trigger on its table of users copies: at sign-up, and with the next change.

const valuesAtMost = 16;

/** As the auth server stores it: a stranger who signs up, and personas who change their own metadata. */
export function* signUps(world: World): Generator<Step> {
  const users = world.known.relations.find(({ schema, name }) => schema === "auth" && name === "users");
  const readers = users === undefined ? [] : triggersOf(users, world);
  if (users === undefined || readers.length === 0) return;
  const bodies = readers.map((oid) => world.dependencies.bodyOf(oid));
  const keys = [...new Set(bodies.flatMap(({ jsonKeys }) => [...jsonKeys]))];
  for (const actor of world.actors) {
    const sub = actor.identities.find(([name]) => name === "sub")?.[1] ?? "";
    if (!/^[0-9a-f-]{36}$/i.test(sub) || actor.role.bypassRls || actor.role.superuser) continue;
    if (actor.stranger)
      yield { ...stepIn(actor, "sign-up", users, sub, [], []), declared: "sign-up", rank: ranks.declared };
    for (const key of keys)
      for (const value of valuesOf(key, readers, world))
        yield stepIn(actor, actor.stranger ? "sign-up" : "metadata", users, sub, [key], [value]);
  }
}

function triggersOf({ oid }: EscalationRelation, { known, dependencies }: World): readonly string[] {
  const direct = known.reads.flatMap(({ relation, part, toFunction }) =>
    relation === oid && part === "write" && toFunction !== null ? [toFunction] : [],
  );
  return [
    ...new Set(
      direct.flatMap((one) => [...dependencies.closureOf({ kind: "function", oid: one }).functions]),
    ),
  ];
}

function stepIn(
  actor: Actor,
  kind: "sign-up" | "metadata",
  users: EscalationRelation,
  sub: string,
  columns: readonly string[],
  values: readonly string[],
): Step {
  const metadata = quoteLiteral(
    JSON.stringify(Object.fromEntries(columns.map((name, at) => [name, values[at]]))),
  );
  const row: Readonly<Record<string, string>> = {
    id: quoteLiteral(sub),
    aud: "'authenticated'",
    role: "'authenticated'",
    email: quoteLiteral(actor.identities.find(([name]) => name === "email")?.[1] ?? "stranger@rowgate.test"),
    raw_app_meta_data: `'{"provider": "email", "providers": ["email"]}'`,
    raw_user_meta_data: metadata,
  };
  const given = users.columns.map(({ name }) => name).filter((name) => Object.hasOwn(row, name));
  const sql =
    kind === "sign-up"
      ? `insert into ${quoteQualified(users)} (${given.map(quoteIdent).join(", ")}) values (${given.map((name) => row[name]).join(", ")})`
      : `update ${quoteQualified(users)} set raw_user_meta_data = coalesce(raw_user_meta_data, '{}') || ${metadata} where id = ${quoteLiteral(sub)}`;
  return { ...stepOf(actor, kind, undefined, columns, values), sql, rank: ranks.insert };
}

/** What the functions compare the key with, and what columns of its name, and enums, hold; keys of rows. */
function valuesOf(
  key: string,
  readers: readonly string[],
  { dependencies, subjects }: World,
): readonly string[] {
  const named = subjects.flatMap(({ more, rows }) =>
    more.columns
      .filter(({ name }) => name === key || name.endsWith(`_${key}`) || key.endsWith(`_${name}`))
      .flatMap(({ name, labels }) => [
        ...(labels ?? []),
        ...rows.slice(0, 50).flatMap(({ values }) => values[name] ?? []),
      ]),
  );
  const keys = subjects.flatMap(({ key: own, rows }) =>
    own.length === 1 ? rows.slice(0, 2).map((row) => row.key) : [],
  );
  const all = [...dependencies.constantsOf(key, readers), ...named, "true", ...keys];
  return [...new Set(all)].slice(0, valuesAtMost);
}
