import { isCode } from "../../model/answers.ts";
import type { Examination } from "../../model/examination.ts";
import type { AnonymousFacts } from "../../model/examination-gateway.ts";
import { type Answer, type Check, listed, notAsked, problem, waitsFor, well } from "../answers.ts";
import { checkClock } from "./clock.ts";
import { speaking } from "./gateway.ts";
import { checkTokens } from "./tokens.ts";

export const checkSwitch: Check = (of) => {
  if (of.target.rest === undefined) return [];
  if (of.database.kind === "unreached") return waitsFor("login");
  const handshake = speaking(of)?.handshake;
  if (handshake === undefined) return waitsFor(speaking(of) === undefined ? "gateway" : "tokens");
  if (handshake.distrust !== undefined) return distrusted(of, handshake.distrust);
  const anonymous = ofAnonymous(of, handshake.anonymous);
  const told = toldByRoles(of);
  const left = [...handshake.unswitched].filter(([persona]) => !told.has(persona));
  const wrong = [
    ...anonymous,
    ...left.map(([persona, said]) => problem("role-not-switched", { persona, said })),
  ];
  if (wrong.length > 0) return wrong;
  if (handshake.unswitched.size > 0) return waitsFor("roles");
  const asked = of.personas.filter(({ throughGateway, unready }) => throughGateway && unready === undefined);
  return asked.length === 0
    ? notAsked("no persona goes through the gateway")
    : well(`the gateway becomes ${listed([...new Set(asked.map(({ role }) => role))])}`);
};

function ofAnonymous(of: Examination, facts: AnonymousFacts | undefined): readonly Answer[] {
  const { target, personas, matrices } = of;
  const declared = target.rest?.anonRole ?? "";
  if (facts?.kind === "another") {
    const actual = facts.role === undefined ? "another role" : `role ${facts.role}`;
    return [problem("another-anonymous-role", { actual, declared })];
  }
  // Without a matrix nobody has said that somebody comes without a token.
  if (facts?.kind !== "disabled" || matrices.length === 0) return [];
  const brought = speaking(of)?.personas;
  const without = personas.filter(
    ({ name, throughGateway }) => throughGateway && brought?.has(name) === false,
  );
  return [problem("no-anonymous-role", { personas: listed(without.map(({ name }) => name)), declared })];
}

/** Personas whose role is not there, or is none that the gateway's login may become: that is why. */
function toldByRoles({ database, personas, target }: Examination): ReadonlySet<string> {
  if (database.kind === "unreached") return new Set();
  const { roles } = database.catalog;
  const login = roles.find(({ name }) => name === target.rest?.login);
  const isTold = (role: string): boolean =>
    !roles.some(({ name }) => name === role) || (login !== undefined && !login.mayBecome.includes(role));
  return new Set(personas.filter(({ role }) => isTold(role)).map(({ name }) => name));
}

/** The reason has been told where tokens or clocks are wrong. */
function distrusted(of: Examination, said: string): readonly Answer[] {
  const isWrong = (check: Check): boolean => check(of).some(({ status }) => status === "wrong");
  if (isWrong(checkClock)) return waitsFor("clock");
  return isWrong(checkTokens) ? waitsFor("tokens") : [problem("distrusted", { said })];
}

export const checkSchemas: Check = ({ target, database, gateway }) => {
  const absent =
    database.kind === "unreached" ? [] : target.schemas.filter((one) => !database.schemas.includes(one));
  const answers = gateway?.kind === "speaking" ? gateway.schemas : new Map<string, never>();
  const hidden = [...answers].flatMap(([schema, { code }]) =>
    isCode(code, "schemaNotExposed") ? [schema] : [],
  );
  const wrong = [
    ...absent.map((schema) => problem("no-such-schema", { schema })),
    ...hidden
      .filter((schema) => !absent.includes(schema))
      .map((schema) => problem("schema-not-exposed", { schema })),
  ];
  if (wrong.length > 0) return wrong;
  if (target.rest === undefined)
    return database.kind === "unreached" ? waitsFor("login") : well(listed(target.schemas));
  return answers.size === 0 ? waitsFor("gateway") : well(`${listed(target.schemas)}: exposed`);
};

export const checkCache: Check = (of) => {
  if (of.target.rest === undefined) return [];
  if (of.database.kind === "unreached") return waitsFor("login");
  const gateway = speaking(of);
  if (gateway === undefined) return waitsFor("gateway");
  const { asked, existing, unknown } = gateway.cache;
  if (existing === 0) return [problem("nothing-to-ask-for", {})];
  if (asked === 0) return waitsFor("schemas");
  if (unknown.length === asked) return [problem("nothing-known", { asked })];
  if (unknown.length > 0) return [problem("stale-schema-cache", { relations: listed(unknown) })];
  return well(
    asked < existing
      ? `${asked} of ${existing} relations asked for, the newest first, and known: there was no time for more`
      : `all ${asked} relations are known`,
  );
};

export const checkSameness: Check = (of) => {
  if (of.target.rest === undefined) return [];
  if (of.database.kind === "unreached") return waitsFor("login");
  const gateway = speaking(of);
  if (gateway === undefined) return waitsFor("gateway");
  const { seen, row } = gateway.sameness;
  const name = of.database.catalog.database;
  if (seen === "seen") return well(`a statement of the gateway's was seen in ${name}`);
  if (row?.isHere === false)
    return [problem("another-database", { why: `a row of ${row.relation} that it shows is not in ${name}` })];
  const here =
    row === undefined ? "and no persona was shown a row" : "though a row that it shows is here too";
  return [problem("sameness-unseen", { why: `${unseen[seen]}, ${here}`, user: of.target.user })];
};

const unseen: Readonly<Record<"unseen" | "blind" | "unsent", string>> = {
  unseen: "none of its statements was seen here",
  blind: "this login may not see its statements",
  unsent: "no request led to a statement",
};

export const checkRollback: Check = (of) => {
  const { target, database } = of;
  if (target.rest === undefined) return [];
  if (target.readOnly) return notAsked("no write is sent to this target, so how one is undone was not asked");
  if (database.kind === "unreached") return waitsFor("login");
  const gateway = speaking(of);
  if (gateway === undefined) return waitsFor("gateway");
  const answers: Readonly<Record<"honoured" | "not honoured" | "not shown", readonly Answer[]>> = {
    honoured: well("Prefer: tx=rollback is honoured"),
    "not honoured": target.ownRows
      ? well("Prefer: tx=rollback is not honoured, and `writes: commit` says what may be written instead")
      : [problem("rollback-not-honoured", {})],
    "not shown": [problem("rollback-not-shown", {})],
  };
  const found = gateway.handshake?.rollback;
  return found === undefined ? waitsFor("role switch") : answers[found];
};
