import type { Node } from "libpg-query";
import type { EscalationFunction } from "../escalate/catalog.ts";
import { parseExpression, parseStatements } from "../lib/sql-tree.ts";
import { conjuncts, part, walk } from "../prove/analyse/tree.ts";
import { type CallerKnows, readAddedCondition, saysWhoCalls } from "./added-condition.ts";
import {
  isStatementStart,
  saysNothing,
  sectionsOf,
  textAt,
  textOfTree,
  unassigned,
  type Word,
  wordsOf,
} from "./normal-body.ts";
import { isNoWiderPath } from "./search-path.ts";

/*
 * Code that does no more than it did: what is not known to be tighter is other code. A check that raises undoes the statement; one more
 * AND leaves fewer rows. Both only where nothing behind it depends on it, and where it tells who calls nothing that was hidden.
 */

/** A function that runs, as far as it decides what that does. */
export interface RunningFunction {
  readonly fn: EscalationFunction;
  /** With whose rights, and how. */
  readonly rights: string;
  /** Equal where two bodies do the same. */
  readonly body: string;
}

/** What runs with a user's statement, or with a call. */
export interface Running {
  readonly when: string;
  readonly functions: readonly RunningFunction[];
  /** The oid of the function that a user calls. */
  readonly called: string | undefined;
  readonly knows: Pick<CallerKnows, "mayCall" | "isOwnFunction">;
}

export function doesNoMore(before: Running, after: Running): boolean {
  if (before.when !== after.when || before.called !== after.called) return false;
  const catches = [...before.functions, ...after.functions].some(({ fn }) => handlesErrors(fn));
  const left = [...before.functions];
  const others = after.functions.filter((one) => {
    const at = left.findIndex((known) => isSame(known, one));
    if (at !== -1) left.splice(at, 1);
    return at === -1;
  });
  return others.every((one) => {
    const former = left.find(({ fn }) => fn.oid === one.fn.oid);
    // What an added condition calls.
    if (former === undefined) return saysWhoCalls(one.fn) || after.knows.mayCall(one.fn);
    return (
      former.rights === one.rights &&
      isNoWiderPath(former.fn, one.fn, { running: after.functions, catches }) &&
      (former.body === one.body || addsConditions(former.fn, one.fn, { after, catches }))
    );
  });
}

function isSame(one: RunningFunction, other: RunningFunction): boolean {
  return one.rights === other.rights && one.body === other.body && one.fn.searchPath === other.fn.searchPath;
}

interface Where {
  readonly after: Running;
  /** Some of what runs goes on after an error. */
  readonly catches: boolean;
}

function handlesErrors({ language, source }: EscalationFunction): boolean {
  if (language !== "plpgsql") return false;
  const tokens = wordsOf(source);
  return tokens.some(
    (_, at) =>
      textAt(tokens, at) === "exception" && isStatementStart(tokens, at) && textAt(tokens, at + 1) === "when",
  );
}

function addsConditions(before: EscalationFunction, after: EscalationFunction, where: Where): boolean {
  try {
    if (before.sqlBody !== null || after.sqlBody !== null) return false;
    const isCalled = where.after.called === after.oid;
    if (after.language === "sql") return isCalled && isTighterSql(before, after, where);
    return after.language === "plpgsql" && isTighterPlpgsql(before, after, where, isCalled);
  } catch {
    return false;
  }
}

function isTighterSql(
  before: EscalationFunction,
  after: EscalationFunction,
  { after: { knows } }: Where,
): boolean {
  const [was, is] = [parseStatements(before.source), parseStatements(after.source)];
  const [last, ...others] = [is.at(-1), ...is.slice(0, -1)];
  const isTheSame = was.length === is.length && textOfTree(was.slice(0, -1)) === textOfTree(others);
  const given = { ...knows, given: new Set(after.argumentNames), who: new Set<string>() };
  return (
    isTheSame && isTighter(was.at(-1), last, { knows: given, givesRows: true, givesAll: after.returnsSet })
  );
}

function isTighterPlpgsql(
  before: EscalationFunction,
  after: EscalationFunction,
  { after: { knows }, catches }: Where,
  isCalled: boolean,
): boolean {
  const [was, is] = [wordsOf(before.source), wordsOf(after.source)].map(unitsOf);
  if (was === undefined || is === undefined) return false;
  const words = wordsOf(after.source);
  const all = { ...knows, given: unassigned(after.argumentNames, words), who: callersOf(words) };
  const isPlain = !catches && !is.some(({ text }) => text === "diagnostics");
  let at = 0;
  for (const [place, unit] of is.entries()) {
    const former = was[at];
    if (former?.text === unit.text) at += 1;
    else if (!isPlain) return false;
    else if (unit.guard !== undefined) {
      if (!isHarmlessGuard(unit.guard, all)) return false;
    } else {
      const isLast = is.slice(place + 1).every(({ text }) => endsOnly.test(text));
      const sql = [former, unit].map((one) => one?.command);
      if (!isCalled || !isLast || !isTighterCommand(sql, all)) return false;
      at += 1;
    }
  }
  return at === was.length;
}

/** Behind the last command: nothing that asks how many rows it found, nor comes to it again. */
const endsOnly = /^(?:;|end|if|return|new|old|null|true|false)$/;

interface Guard {
  readonly condition: string;
  readonly raised: readonly Word[];
}

/** A token, a statement that refuses, or a command whose rows conditions decide. */
interface Unit {
  readonly text: string;
  readonly guard?: Guard;
  readonly command?: string;
}

function unitsOf(tokens: readonly Word[]): readonly Unit[] {
  const units: Unit[] = [];
  for (let at = 0; at < tokens.length;) {
    const { length, ...unit } = unitAt(tokens, at);
    units.push(unit);
    at += length;
  }
  return units;
}

function unitAt(tokens: readonly Word[], at: number): Unit & { readonly length: number } {
  const single = { text: tokens[at]?.text ?? "", length: 1 };
  if (!isStatementStart(tokens, at)) return single;
  const endOf = (from: number, word: string): number => {
    const found = tokens.findIndex((_, place) => place >= from && textAt(tokens, place) === word);
    return found === -1 ? tokens.length : found;
  };
  const first = textAt(tokens, at) ?? "";
  if (first === "if") {
    const then = endOf(at, "then");
    const end = endOf(then, ";");
    const closes = ["end", "if", ";"].every((word, place) => textAt(tokens, end + 1 + place) === word);
    if (textAt(tokens, then + 1) !== "raise" || textAt(tokens, then + 2) !== "exception" || !closes)
      return single;
    const condition = sqlOf(tokens.slice(at + 1, then));
    const length = end + 4 - at;
    return {
      text: sqlOf(tokens.slice(at, at + length)),
      guard: { condition, raised: tokens.slice(then + 3, end) },
      length,
    };
  }
  const returned = first === "return" && textAt(tokens, at + 1) === "query" ? 2 : 0;
  if (!/^(?:update|delete|insert|select)$/.test(textAt(tokens, at + returned) ?? "")) return single;
  const end = endOf(at, ";");
  const all = tokens.slice(at, end);
  return { text: sqlOf(all), command: sqlOf(all.slice(returned)), length: all.length };
}

function sqlOf(tokens: readonly Word[]): string {
  return tokens.map(({ text }) => text).join(" ");
}

/** Variables that hold `auth.uid()` all the time. */
function callersOf(tokens: readonly Word[]): ReadonlySet<string> {
  const declared = sectionsOf(tokens).flatMap(({ entries }) =>
    entries.flatMap((entry) => {
      const found =
        /^(?:declare )?([a-z_]\w*) (?:constant )?uuid (?:not null )?(?::=|=|default|: =) auth \. uid \( \)$/.exec(
          sqlOf(entry),
        );
      return found?.[1] ?? [];
    }),
  );
  return unassigned(declared, tokens);
}

function isHarmlessGuard({ condition, raised }: Guard, knows: CallerKnows): boolean {
  const using = raised.findIndex(({ kind, text }) => kind !== "string" && text === "using");
  const [said, options] = using === -1 ? [raised, []] : [raised.slice(0, using), raised.slice(using + 1)];
  return (
    saysNothing(said, knows.given) &&
    options.every(
      ({ kind, text }) => kind === "string" || /^(?:errcode|hint|detail|message|=|:|,)$/.test(text),
    ) &&
    readAddedCondition(parseExpression(condition), knows) !== undefined
  );
}

interface Asked {
  readonly knows: CallerKnows;
  /** What it returns goes to the caller. */
  readonly givesRows: boolean;
  /** Each row goes there, and not the first alone. */
  readonly givesAll: boolean;
}

function isTighterCommand([was, is]: readonly (string | undefined)[], knows: CallerKnows): boolean {
  if (was === undefined || is === undefined) return false;
  const [before, ...more] = parseStatements(was);
  const [after, ...others] = parseStatements(is);
  return (
    more.length + others.length === 0 && isTighter(before, after, { knows, givesRows: false, givesAll: true })
  );
}

/** The same command with more ANDs. */
function isTighter(before: Node | undefined, after: Node | undefined, asked: Asked): boolean {
  if (before === undefined || after === undefined) return false;
  const insert = part(after, "InsertStmt");
  const former = part(before, "InsertStmt");
  if (insert !== undefined || former !== undefined) {
    const { selectStmt: rows, ...rest } = insert ?? {};
    const { selectStmt: formerRows, ...formerRest } = former ?? {};
    return (
      textOfTree(rest) === textOfTree(formerRest) &&
      insert?.returningClause === undefined &&
      isTighter(formerRows, rows, asked)
    );
  }
  const [was, is] = [whereOf(before), whereOf(after)];
  if (was === undefined || is?.where === undefined || was.rest !== is.rest) return false;
  const known = new Set((was.where === undefined ? [] : conjuncts(was.where)).map(textOfTree));
  const all = conjuncts(is.where);
  const kept = new Set(all.map(textOfTree));
  if (![...known].every((one) => kept.has(one))) return false;
  const added = all.filter((one) => !known.has(textOfTree(one)));
  const read = added.map((one) => readAddedCondition(one, asked.knows));
  if (read.includes(undefined)) return false;
  const byRows = read.some((one) => one?.byRows === true);
  return !byRows || (isSubset(after) && (asked.givesAll || !(asked.givesRows && returnsRows(after))));
}

function whereOf(tree: Node): { readonly where: Node | undefined; readonly rest: string } | undefined {
  const found = (["SelectStmt", "UpdateStmt", "DeleteStmt"] as const).find((tag) => tag in tree);
  if (found === undefined) return undefined;
  const command = (tree as Readonly<Record<string, { readonly whereClause?: Node }>>)[found];
  const rest = { ...command, whereClause: undefined };
  return { where: command?.whereClause, rest: `${found} ${textOfTree(rest)}` };
}

function returnsRows(tree: Node): boolean {
  const command = part(tree, "UpdateStmt") ?? part(tree, "DeleteStmt");
  return part(tree, "SelectStmt") !== undefined || command?.returningClause !== undefined;
}

const subsetParts: ReadonlySet<string> = new Set([
  "targetList",
  "fromClause",
  "whereClause",
  "sortClause",
  "limitOption",
  "op",
]);

/** Fewer rows before it is calculated are fewer rows of the result: nothing counts rows, or takes the first of them. */
function isSubset(tree: Node): boolean {
  const select = part(tree, "SelectStmt");
  if (select === undefined) return true;
  let calls = false;
  for (const one of select.targetList ?? [])
    walk(one, (node) => void (calls ||= part(node, "FuncCall") !== undefined));
  return (
    select.op === "SETOP_NONE" &&
    select.limitOption === "LIMIT_OPTION_DEFAULT" &&
    Object.keys(select).every((key) => subsetParts.has(key)) &&
    !calls
  );
}
