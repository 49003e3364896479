import type { Channel } from "./channels.ts";
import type { DenyReason, Operation } from "./matrix.ts";
import type { Answer } from "./observation.ts";

/*
 * What an error code means for a probe: the only place that lists SQLSTATEs and PostgREST's codes. Both channels, the judge
 * and the batch (sql/probe_batch.sql, as data) read it. Whatever decides by a code asks for an entry here by its name.
 * Sources: https://www.postgresql.org/docs/current/errcodes-appendix.html,
 * https://docs.postgrest.org/en/stable/references/errors.html
 */

export type Meaning =
  /** A privilege or a policy said no. */
  | "refused"
  /** A constraint said no, after the policy had let the row through (if it is the table's own). */
  | "constraint"
  /** The relation does not support such a statement, for any role. */
  | "impossible"
  /** The token was not accepted. */
  | "credentials"
  /** The probe did not get as far as the policy: it says nothing about it. */
  | "unreached"
  /** Something is broken: neither denied nor allowed. */
  | "broken";

/** What code asks for by name. */
export type AnswerName =
  | "insufficientPrivilege"
  | "viewCheckOption"
  | "constraint"
  | "notNull"
  | "foreignKey"
  | "unique"
  | "check"
  | "exclusion"
  | "data"
  | "raised"
  | "raiseException"
  | "assertion"
  | "externalRoutine"
  | "externalRoutineCall"
  | "cardinality"
  | "triggeredChange"
  | "standIn"
  | "unsupported"
  | "wrongKind"
  | "wrongState"
  | "undefinedTable"
  | "undefinedColumn"
  | "undefinedObject"
  | "undefinedFunction"
  | "undefinedSchema"
  | "duplicateTable"
  | "duplicateSchema"
  | "duplicateObject"
  | "duplicateFunction"
  | "secondPrimaryKey"
  | "grantToGrantor"
  | "invalidText"
  | "recursion"
  | "rolledBack"
  | "serialization"
  | "deadlock"
  | "resources"
  | "tooManyConnections"
  | "inUse"
  | "lockNotAvailable"
  | "intervention"
  | "cancelled"
  | "serverStops"
  | "shutDown"
  | "crashed"
  | "startsUp"
  | "databaseDropped"
  | "system"
  | "connection"
  | "login"
  | "noDatabase"
  | "unknownRole"
  | "token"
  | "gatewayWithoutSecret"
  | "tokenSignature"
  | "tokenWanted"
  | "tokenClaims"
  | "gatewayWithoutDatabase"
  | "gatewayRequest"
  | "schemaNotExposed"
  | "gatewayCache"
  | "relationNotExposed";

/** What an entry does not say, the longest beginning of its code that has an entry says. */
export interface AnswerRule {
  /** A SQLSTATE, or what all codes of a class begin with; or PostgREST's own code. */
  readonly code: string;
  readonly means: Meaning;
  /** For a SELECT, where it means something else: a read has no value that could be wrong, so the policy is. */
  readonly reading?: Meaning;
  /** Only this channel can tell it so; on the other the class counts. */
  readonly on?: Channel;
  /** One row or value raised it: the same statement may get through at another row. */
  readonly stopsAtRow?: boolean;
  /** Another value, of this column or another, may pass. */
  readonly triesNextValue?: boolean;
  /** Raised by a constraint, which Postgres checks once the policies have let the row through. */
  readonly afterPolicy?: boolean;
  /** Postgres before 18 names no constraint with it. */
  readonly withoutName?: boolean;
  /** Raised where a row is written, by no trigger: with triggers off the same statement raises it again. */
  readonly inPlace?: boolean;
  /** What to call a constraint that has no name here: PostgREST passes none on. */
  readonly constraint?: string;
  /** The server's C routine tells which privilege or policy refused. */
  readonly routineTells?: boolean;
  /** The enforcement layer that it always comes from. */
  readonly layer?: DenyReason;
  /** It speaks of the moment (a lock, a limit, an operator), and not of who asks. */
  readonly momentary?: boolean;
  /** The same probe may well succeed a moment later. */
  readonly retried?: boolean;
  /** The connection is gone. */
  readonly lost?: boolean;
}

type Entry = Partial<AnswerRule> & Pick<AnswerRule, "code">;

const entries: Record<AnswerName, Entry> = {
  insufficientPrivilege: {
    code: "42501",
    means: "refused",
    stopsAtRow: true,
    triesNextValue: true,
    routineTells: true,
  },
  viewCheckOption: {
    code: "44000",
    means: "refused",
    stopsAtRow: true,
    triesNextValue: true,
    layer: "check",
  },

  constraint: {
    code: "23",
    means: "constraint",
    stopsAtRow: true,
    triesNextValue: true,
    afterPolicy: true,
  },
  notNull: { code: "23502", withoutName: true, inPlace: true, constraint: "NOT NULL" },
  foreignKey: { code: "23503", constraint: "FOREIGN KEY" },
  unique: { code: "23505", inPlace: true, constraint: "UNIQUE" },
  check: { code: "23514", inPlace: true, constraint: "CHECK" },
  exclusion: { code: "23P01", inPlace: true, constraint: "EXCLUDE" },

  // A type error stops a write before its policy is asked.
  data: { code: "22", means: "unreached", reading: "broken", stopsAtRow: true, triesNextValue: true },
  // A value that an enum does not have, say.
  invalidText: { code: "22P02" },
  raised: { code: "P0", means: "unreached", reading: "broken", stopsAtRow: true },
  // RAISE EXCEPTION without an explicit code.
  raiseException: { code: "P0001" },
  assertion: { code: "P0004", reading: "unreached" },
  externalRoutine: { code: "38", means: "unreached", reading: "broken", stopsAtRow: true },
  externalRoutineCall: { code: "39", means: "unreached", reading: "broken", stopsAtRow: true },
  // The extension safeupdate raises it, and ON CONFLICT twice over a row.
  cardinality: { code: "21000", means: "unreached" },
  triggeredChange: { code: "27000", means: "unreached" },

  // A function of an extension that rowgate imitates: sql/baseline/supabase/extensions.
  standIn: { code: "RG001", means: "unreached" },

  unsupported: { code: "0A000", means: "impossible" },
  wrongKind: { code: "42809", means: "impossible" },
  wrongState: { code: "55000", means: "impossible", momentary: false },
  undefinedTable: { code: "42P01" },
  undefinedColumn: { code: "42703" },
  undefinedObject: { code: "42704" },
  duplicateTable: { code: "42P07" },
  duplicateSchema: { code: "42P06" },
  duplicateObject: { code: "42710" },
  duplicateFunction: { code: "42723" },
  secondPrimaryKey: { code: "42P16" },
  grantToGrantor: { code: "0LP01" },
  undefinedFunction: { code: "42883" },
  recursion: { code: "42P17" },

  rolledBack: { code: "40", momentary: true },
  serialization: { code: "40001", means: "unreached", retried: true },
  deadlock: { code: "40P01", means: "unreached", retried: true },
  resources: { code: "53", momentary: true },
  tooManyConnections: { code: "53300" },
  inUse: { code: "55", momentary: true },
  lockNotAvailable: { code: "55P03", means: "unreached", retried: true },
  intervention: { code: "57", momentary: true },
  cancelled: { code: "57014", means: "unreached" },
  serverStops: { code: "57P", momentary: true },
  shutDown: { code: "57P01", lost: true },
  crashed: { code: "57P02", lost: true },
  startsUp: { code: "57P03", lost: true },
  databaseDropped: { code: "57P04", lost: true },
  system: { code: "58", momentary: true },
  connection: { code: "08", lost: true },
  login: { code: "28" },
  noDatabase: { code: "3D000" },
  undefinedSchema: { code: "3F000" },

  // PostgREST switches the role inside the transaction that a request runs in: there is no such role.
  unknownRole: { code: "22023", on: "rest", means: "credentials", reading: "credentials" },
  token: { code: "PGRST30", on: "rest", means: "credentials" },
  gatewayWithoutSecret: { code: "PGRST300", on: "rest" },
  tokenSignature: { code: "PGRST301", on: "rest" },
  tokenWanted: { code: "PGRST302", on: "rest" },
  tokenClaims: { code: "PGRST303", on: "rest" },
  gatewayWithoutDatabase: { code: "PGRST00", on: "rest" },
  gatewayRequest: { code: "PGRST10", on: "rest" },
  schemaNotExposed: { code: "PGRST106", on: "rest" },
  gatewayCache: { code: "PGRST20", on: "rest" },
  relationNotExposed: { code: "PGRST205", on: "rest" },
};

const unknown: AnswerRule = { code: "", means: "broken" };
const rules: Record<Channel, ReadonlyMap<string, AnswerRule>> = {
  direct: rulesOn("direct"),
  rest: rulesOn("rest"),
};

function rulesOn(channel: Channel): ReadonlyMap<string, AnswerRule> {
  const found = new Map<string, AnswerRule>();
  for (const entry of Object.values(entries).toSorted((a, b) => a.code.length - b.code.length)) {
    if (entry.on === undefined || entry.on === channel)
      found.set(entry.code, { ...longest(found, entry.code), ...entry });
  }
  return found;
}

function longest(known: ReadonlyMap<string, AnswerRule>, code: string): AnswerRule {
  for (let length = code.length; length > 1; length -= 1) {
    const rule = known.get(code.slice(0, length));
    if (rule !== undefined) return rule;
  }
  return unknown;
}

export function codeOf(name: AnswerName): string {
  return entries[name].code;
}

/** Whether the code is the one that has this name, or one of its class. */
export function isCode(code: string | null | undefined, name: AnswerName): boolean {
  return code?.startsWith(entries[name].code) === true;
}

/** The rule of a code: its own, or that of the longest beginning that has one. */
export function ruleOf(code: string, channel: Channel): AnswerRule {
  return longest(rules[channel], code);
}

/** The rule of what an answer says; `undefined`: it is no error. */
export function ruleFor({ code, http }: Pick<Answer, "code" | "http">): AnswerRule | undefined {
  return code === null ? undefined : ruleOf(code, http === undefined ? "direct" : "rest");
}

export function meaningOf(code: string, operation: Operation, channel: Channel): Meaning {
  const { means, reading } = ruleOf(code, channel);
  return operation === "select" ? (reading ?? means) : means;
}

/** A privilege, a policy or a view's CHECK OPTION refused, as far as the code tells. */
export function isRefusal(answer: Pick<Answer, "code" | "http">): boolean {
  return ruleFor(answer)?.means === "refused";
}

/**
 * The policies let the row through, and one of the table's own constraints stopped it: Postgres checks these after the policies.
 * Partition routing, a domain and a trigger's statement raise the same codes before; they name no constraint of a table, or a
 * data type, or a frame of their own. Of an upsert only INSERT's policies have been asked by then.
 */
export function isStoppedAfterPolicy(answer: Answer, operation: Operation): boolean {
  const rule = ruleFor(answer);
  if (operation === "upsert" || rule?.afterPolicy !== true) return false;
  if (answer.foreignFrame === true || answer.dataType !== undefined) return false;
  return answer.constraint !== undefined || rule.withoutName === true;
}

/** Of several answers to statements that were tried, the one that tells most: what went through, else what a constraint stopped, else the last refusal. */
export function decidingIndex(answers: readonly Answer[]): number {
  const found = [
    answers.findLastIndex(({ code }) => code === null),
    answers.findLastIndex((answer) => ruleFor(answer)?.afterPolicy === true),
    // A value that fits no column says less than one that a check refused.
    answers.findLastIndex(isRefusal),
  ];
  return found.find((index) => index >= 0) ?? answers.length - 1;
}

/**
 * A write over all rows went through, or policies refused it, or no role may send it (the extension safeupdate). A constraint speaks
 * once the policies have let the row through; whatever else stops such a write says nothing of them.
 */
export function isThroughOrRefused(answer: Answer): boolean {
  if (answer.code === null) return true;
  if (isRefusal(answer)) return answer.foreignFrame !== true;
  return isCode(answer.code, "cardinality") && answer.message?.endsWith("requires a WHERE clause") === true;
}

/** An expression raised it because of a row or a session, and not because of how it was asked: it lets nothing through. */
export function isRaisedByData(code: string): boolean {
  if (isCode(code, "assertion")) return false;
  return (["data", "raised", "insufficientPrivilege", "undefinedObject"] as const).some((name) =>
    isCode(code, name),
  );
}

/** The table as the batch reads it: codes, and beginnings of codes, by what they are asked for. */
export interface BatchRules {
  readonly refused: readonly string[];
  readonly nextValue: readonly string[];
  readonly afterPolicy: readonly string[];
  /** Of those: a constraint without a name is the table's own. */
  readonly withoutName: readonly string[];
  /** With triggers off they are raised again. */
  readonly inPlace: readonly string[];
  /** The statement is sent back, so that the server's routine can be asked for. */
  readonly routineTells: readonly string[];
}

/** A class matches all its codes: the batch compares the code and its first two characters. */
export const batchRules: BatchRules = {
  refused: codesWhere(({ means }) => means === "refused"),
  nextValue: codesWhere(({ triesNextValue }) => triesNextValue === true),
  afterPolicy: codesWhere(({ afterPolicy }) => afterPolicy === true),
  withoutName: codesWhere(({ withoutName }) => withoutName === true),
  inPlace: codesWhere(({ inPlace }) => inPlace === true),
  routineTells: codesWhere(({ routineTells }) => routineTells === true),
};

function codesWhere(holds: (rule: AnswerRule) => boolean): readonly string[] {
  const codes = [...rules.direct.values()].filter(holds).map(({ code }) => code);
  return codes.filter((code) => code.length === 2 || !codes.includes(code.slice(0, 2)));
}

/**
 * SQLSTATEs with which a function's body may be declared to refuse. What stops every caller (a lost connection, a timeout, a
 * missing table) must not pass as a refusal.
 */
export const declarableRefusal: RegExp = /^(?:42501$|(?!00|01|02|03|08|25|40|42|53|54|55|57|58|F0|RG|XX))/;

/**
 * SQLSTATEs that nothing but RAISE gives: P0001, and those of a class that is not Postgres's (nor rowgate's own). By these a policy
 * may be declared to refuse a row; any other may come of what the row holds, or of how it was asked.
 */
export const raisedOnPurpose: RegExp =
  /^P0001$|^(?!0[0-3689ABFLPZ]|10|2[0-8BDF]|3[489BDF]|4[024]|5[34578]|72|F0|HV|P0|RG|XX|PG)[0-9A-Z]{5}$/;

/** SQLSTATEs of the SQL itself: an error that every such statement ends in, and that a waiver may name. */
export const waivableError: RegExp = /^42[0-9A-Z]{3}$/;

/** Routines of the server that refuse a row for its policy. */
export const policyRoutines: ReadonlySet<string> = new Set(["ExecWithCheckOptions"]);
