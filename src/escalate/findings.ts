import { formatQualified, quoteIdent, quoteLiteral, quoteQualified } from "../lib/sql-text.ts";
import type { Chain, ChainKind } from "../model/finding.ts";
import { claimsSetting, type TokenHook } from "./hook.ts";
import type { Gain, Judged } from "./judge.ts";
import { wentThrough } from "./measures.ts";
import type { Step } from "./step.ts";
import { grouped } from "../lib/grouped.ts";
import { arrayText } from "./world.ts";

interface Group {
  readonly all: Judged[];
  readonly gains: Gain[];
  readonly kind: ChainKind;
}

/** The same is gained by choosing fewer columns: what is chosen besides tells nothing. */
function isSaidShorter(longer: Group, all: readonly Group[]): boolean {
  const known = new Set(
    all.filter((one) => isShorter(one, longer)).flatMap(({ gains }) => gains.map(({ what }) => what)),
  );
  return longer.gains.every(({ what }) => known.has(what));
}

function isShorter(shorter: Group, longer: Group): boolean {
  const [a, b] = [shorter.all[0]?.chain ?? [], longer.all[0]?.chain ?? []];
  const alike =
    shorter !== longer &&
    shorter.kind === longer.kind &&
    a.length === b.length &&
    a.every((step, place) => {
      const other = b[place];
      const same =
        step.kind === other?.kind && step.subject === other.subject && step.routine === other.routine;
      return same && step.columns.every((column) => other.columns.includes(column));
    });
  return alike && !a.every(({ columns }, place) => columns.length === b[place]?.columns.length);
}

/** One finding for each chain that differs in more than its values, the shortest as its example. */
export function findingsOf(
  judged: readonly Judged[],
  hook: TokenHook | undefined,
): readonly ({ readonly kind: ChainKind } & Chain)[] {
  const groups = new Map<string, Group>();
  for (const one of judged)
    for (const gain of one.gains) {
      const key = JSON.stringify([
        gain.kind,
        one.chain.map(({ kind, subject, routine, columns }) => [
          kind,
          subject?.info.oid ?? routine?.oid,
          columns,
        ]),
      ]);
      const group = groups.get(key) ?? { all: [], gains: [], kind: gain.kind };
      groups.set(key, group);
      group.all.push(one);
      group.gains.push(gain);
    }
  const all = [...groups.values()];
  return all
    .filter((one) => !isSaidShorter(one, all))
    .flatMap(({ all: chains, gains, kind }) => {
      const [example] = chains;
      const [gain] = gains;
      if (example === undefined || gain === undefined) return [];
      const byWhat = grouped(gains, ({ what: one }) => one);
      return [
        {
          kind,
          personas: [...new Set(chains.map(({ chain }) => chain[0]?.actor.persona.name ?? ""))],
          steps: [
            ...example.chain.map(
              (step, place) =>
                `${describeStep(step)}${place > 0 && step.actor !== example.chain[0]?.actor ? ` as ${step.actor.persona.name}` : ""}`,
            ),
            ...(example.answer.hooked === true ? ["take a new token"] : []),
          ],
          chains: new Set(chains).size,
          gains: [...byWhat].map(([what, same]) => {
            const keys = new Set(same.flatMap((one) => one.keys));
            const rows = [...keys].filter((key) => key !== wentThrough);
            const by = new Set(same.map((one) => one.by.persona.name));
            return { what, rows: rows.length, examples: rows.slice(0, 3), by: [...by] };
          }),
          reproduce: reproduction(example, gain, hook),
        },
      ];
    });
}

/** Statements for psql that show the gain; nothing of it stays. */
function reproduction({ chain, answer }: Judged, gain: Gain, hook: TokenHook | undefined): string {
  const [first, ...calls] = chain;
  if (first === undefined) return "";
  const asked = quoteLiteral(arrayText(gain.keys.slice(0, 5))).trimStart();
  return [
    "begin;",
    ...(isOfAuthServer(first)
      ? [`${first.sql};`, ...become(first.actor)]
      : [...become(first.actor), `${first.sql};`]),
    ...calls.flatMap((call) => [
      ...(call.sql.includes("{new}") ? keyOfWritten(first) : []),
      ...(call.actor === first.actor ? [] : become(call.actor)),
      `${call.sql.replaceAll("{new}", ":'written'")};`,
    ]),
    ...(answer.hooked === true && hook !== undefined ? newToken(first.actor, hook) : []),
    ...(gain.by === (calls.at(-1) ?? first).actor ? [] : become(gain.by)),
    ...(gain.statement === "" ? [] : [`${gain.statement.replaceAll("$1", asked)};`]),
    "rollback;",
  ].join("\n");
}

function become({ persona, role, settings }: Step["actor"]): readonly string[] {
  return [
    "reset role;",
    ...(persona.login === undefined ? [] : [`set local session authorization ${quoteIdent(persona.login)};`]),
    ...[...settings]
      .filter(([, value]) => value !== "")
      .map(
        ([name, value]) =>
          `select set_config(${quoteLiteral(name)}, ${quoteLiteral(value).trimStart()}, true);`,
      ),
    `set local role ${quoteIdent(role.name)};`,
  ];
}

/** Whether the auth server stores it, and not the user. */
function isOfAuthServer({ kind }: Step): boolean {
  return kind === "sign-up" || kind === "metadata";
}

/** The claims that the auth server would put into the next token. */
function newToken({ role }: Step["actor"], { sql }: TokenHook): readonly string[] {
  const held = `current_setting('${claimsSetting}')`;
  return [
    "reset role;",
    `select set_config('${claimsSetting}', (${held}::jsonb || (${sql.replaceAll("$1", held)})::jsonb)::text, true);`,
    `set local role ${quoteIdent(role.name)};`,
  ];
}

/** The key of the row that was just written, in psql's variable. */
function keyOfWritten({ subject, actor }: Step): readonly string[] {
  if (subject === undefined) return [];
  return [
    "reset role;",
    `select ${subject.keySql} as written from ${quoteQualified(subject.info)} where age(xmin) <= 0 \\gset`,
    `set local role ${quoteIdent(actor.role.name)};`,
  ];
}

/** What a step does, in words. */
export function describeStep({ kind, subject, routine, columns, values, declared, blind }: Step): string {
  const set = columns.map((name, index) => `${name} = ${values[index] ?? "null"}`).join(", ");
  if (kind === "sign-up") return set === "" ? "sign up" : `sign up with ${set}`;
  if (kind === "metadata") return `set ${set} in the own user's metadata`;
  if (kind === "call")
    return `call ${routine === undefined ? "" : formatQualified(routine)}(${declared ?? set})`;
  const on = subject === undefined ? "" : formatQualified(subject.info);
  if (kind === "delete") return `delete from ${on}`;
  if (kind === "update") return `update ${on} set ${set}${blind ? " (without WHERE)" : ""}`;
  return `insert into ${on}${declared === undefined ? "" : ` the row \`${declared}\``}${set === "" ? "" : ` with ${set}`}`;
}
