import type { Node, SelectStmt } from "libpg-query";
import { plArms, plList, type PlNode, plNode, plQuery } from "../../lib/function-body.ts";
import { kinds, sourceOf } from "./loop-source.ts";
import { accumulated, earlier, mentions } from "./loop-values.ts";
import { expressionOf, type State, substituted, typed } from "./plpgsql.ts";
import { boolean, columnRef, exists, joined, selectOf, subselect, walk } from "./tree.ts";

// A loop over rows as a query: `for r in … loop if r.kind = 'x' then return true; end if; end loop` asks whether there is such a row.

/** What one row of a loop comes to. */
interface Outcome {
  readonly when: readonly Node[];
  readonly returns?: Node;
  /** RETURN NEXT. */
  readonly next?: Node;
  readonly sets?: ReadonlyMap<string, Node>;
}

interface Loop {
  readonly name: string;
  readonly from: readonly Node[];
  readonly where: readonly Node[];
  readonly outcomes: readonly Outcome[];
}

/** What a loop returns where it has returned, and the variables after it. */
export interface AfterLoop {
  readonly returned: { readonly when: Node; readonly value: Node } | undefined;
  readonly state: State;
}

export function isLoop(statement: PlNode): boolean {
  return kinds.some((kind) => plNode(statement, kind) !== undefined);
}

/** @throws where its rows depend on each other, but for counts, lists and what any of them decides */
export function afterLoop(statement: PlNode, state: State): AfterLoop {
  const loop = loopOf(statement, state);
  const values = new Map(state.values);
  const unknown = new Set(state.unknown);
  const setting = loop.outcomes.filter(({ sets }) => sets !== undefined);
  for (const name of new Set(setting.flatMap(({ sets }) => [...(sets?.keys() ?? [])]))) {
    const value = valueAfter(loop, name, state);
    if (value === undefined) unknown.add(name);
    else values.set(name, typed(value, state.types.get(name) ?? ""));
  }
  const returning = loop.outcomes.filter(({ returns }) => returns !== undefined);
  const when = existsWhere(loop, returning);
  const [first, ...others] = returning.map(({ returns }) => returns);
  const same = first !== undefined && !readsLoop(first, loop) && others.every((one) => isSame(one, first));
  const picked = {
    CaseExpr: {
      args: returning.map((one) => ({
        CaseWhen: { expr: allOf(one.when), result: one.returns ?? boolean(true) },
      })),
    },
  };
  const value = same
    ? first
    : subselect({
        ...rowsWhere(loop, returning, picked),
        limitCount: { A_Const: { ival: { ival: 1 } } },
        limitOption: "LIMIT_OPTION_COUNT",
      });
  return {
    returned: first === undefined ? undefined : { when, value },
    state: { ...state, values, unknown },
  };
}

/** Of a function that returns a set: the rows that a loop adds to it. */
export function rowsOfLoop(statement: PlNode, state: State): readonly SelectStmt[] {
  const loop = loopOf(statement, state);
  return loop.outcomes.map((one) => {
    if (one.next === undefined) throw new Error("more than rows");
    return rowsWhere(loop, [one], one.next);
  });
}

function loopOf(statement: PlNode, state: State): Loop {
  const [kind = "PLpgSQL_stmt_fors"] = kinds.filter((one) => plNode(statement, one) !== undefined);
  const loop = plNode(statement, kind) ?? {};
  const target = loop["var"] as PlNode | undefined;
  const record = plNode(target, "PLpgSQL_rec")?.["refname"];
  const names = plList(plNode(target, "PLpgSQL_row")?.["fields"]).map((one) => String(one["name"]));
  const scalar = plNode(target, "PLpgSQL_var")?.["refname"] ?? names[0];
  const name = String(record ?? scalar ?? "");
  if (name === "" || names.length > 1) throw new Error("several variables");
  const { from, where, column } = sourceOf(kind, loop, name, state);
  if (record === undefined && column === undefined) throw new Error("not one column");
  const carried = new Set(assignedIn(loop["body"]));
  const values = new Map(
    [...state.values].map(([key, value]) => [key, carried.has(key) ? columnRef(earlier, key) : value]),
  );
  if (record === undefined)
    values.set(name, typed(columnRef(name, column ?? ""), state.types.get(name) ?? "integer"));
  const within: State = { ...state, values, rows: new Map([...state.rows].filter(([key]) => key !== name)) };
  const outcomes = iteration(plList(loop["body"]), within, []);
  if (outcomes.some(({ when, returns, next }) => mentions([when, returns, next], earlier)))
    throw new Error("what rows before have set");
  return { name, from, where, outcomes };
}

/** Variables that a list of statements assigns. */
function assignedIn(statements: PlNode[string]): readonly string[] {
  const found: string[] = [];
  walk(statements, (one) => {
    const sql = plQuery(
      plNode(one as unknown as PlNode, "PLpgSQL_stmt_assign")?.["expr"] as PlNode | undefined,
    );
    if (sql !== undefined) found.push(assignment(sql)[0]);
  });
  return found;
}

export function assignment(sql: string): readonly [name: string, value: string] {
  const [, name = "", value = ""] = /^\s*"?(\w+)"?\s*:?=\s*([\s\S]*)$/.exec(sql) ?? [];
  return [name, value];
}

function iteration(
  statements: readonly PlNode[],
  state: State,
  when: readonly Node[],
  sets?: ReadonlyMap<string, Node>,
): readonly Outcome[] {
  const [first, ...rest] = statements;
  const ended = sets === undefined ? [] : [{ when, sets }];
  if (first === undefined) return ended;
  const expression = (holder: PlNode | undefined): Node | undefined => {
    const sql = plQuery(holder?.["expr"] as PlNode | undefined);
    return sql === undefined ? undefined : substituted(expressionOf(sql), state);
  };
  const returned = plNode(first, "PLpgSQL_stmt_return");
  if (returned !== undefined) {
    const returns = expression(returned);
    if (returns === undefined || sets !== undefined) throw new Error("no value");
    return [{ when, returns }];
  }
  const next = plNode(first, "PLpgSQL_stmt_return_next");
  if (next !== undefined) {
    const value = expression(next);
    if (value === undefined) throw new Error("a row as a whole");
    return [{ when, next: value }, ...iteration(rest, state, when, sets)];
  }
  const assigned = plNode(first, "PLpgSQL_stmt_assign");
  if (assigned !== undefined) {
    const [name, sql] = assignment(plQuery(assigned["expr"] as PlNode) ?? "");
    const type = state.types.get(name);
    if (type === undefined) throw new Error("no variable");
    const value = substituted(expressionOf(sql), state);
    const values = new Map([...state.values, [name, typed(value, type)]]);
    return iteration(rest, { ...state, values }, when, new Map([...(sets ?? []), [name, value]]));
  }
  const condition = plNode(first, "PLpgSQL_stmt_if");
  if (condition !== undefined) return arms(condition, rest, state, when, sets);
  if (isLoop(first)) {
    const { returned: found, state: after } = afterLoop(first, state);
    if (sets !== undefined || after.values.size !== state.values.size || found === undefined)
      throw new Error("a loop that sets");
    return [{ when: [...when, found.when], returns: found.value }, ...iteration(rest, after, when)];
  }
  const left = plNode(first, "PLpgSQL_stmt_exit");
  if (left === undefined || left["label"] !== undefined) throw new Error("another statement");
  const sql = plQuery(left["cond"] as PlNode | undefined);
  // To leave before the last row is the same where rows only decide whether something is so.
  if (left["is_exit"] !== undefined) {
    if (sql !== undefined || sets === undefined || [...sets.values()].some((one) => mentions(one, earlier)))
      throw new Error("it ends before its last row");
    return ended;
  }
  if (sql === undefined) return ended;
  const skipped = substituted(expressionOf(sql), state);
  return [
    ...(sets === undefined ? [] : [{ when: [...when, skipped], sets }]),
    ...iteration(rest, state, [...when, isNotTrue(skipped)], sets),
  ];
}

function arms(
  condition: PlNode,
  rest: readonly PlNode[],
  state: State,
  when: readonly Node[],
  sets?: ReadonlyMap<string, Node>,
): readonly Outcome[] {
  const before = [...when];
  const outcomes = plArms(condition).flatMap((arm) => {
    if (arm.when === undefined) throw new Error("no condition");
    const tree = substituted(expressionOf(arm.when), state);
    const found = iteration([...arm.body, ...rest], state, [...before, tree], sets);
    before.push(isNotTrue(tree));
    return found;
  });
  return [...outcomes, ...iteration([...plList(condition["else_body"]), ...rest], state, before, sets)];
}

function isNotTrue(arg: Node): Node {
  return { BooleanTest: { arg, booltesttype: "IS_NOT_TRUE" } };
}

/** What a variable holds after the loop; `undefined`: that depends on the order of the rows. */
function valueAfter(loop: Loop, name: string, state: State): Node | undefined {
  const setting = loop.outcomes.filter(({ sets }) => sets?.has(name) === true);
  const before = state.values.get(name);
  const [first, ...others] = setting.map(({ sets }) => sets?.get(name));
  if (first === undefined || before === undefined) return undefined;
  if (!mentions(first, earlier)) {
    if (readsLoop(first, loop) || !others.every((one) => isSame(one, first))) return undefined;
    return {
      CaseExpr: {
        args: [{ CaseWhen: { expr: existsWhere(loop, setting), result: first } }],
        defresult: before,
      },
    };
  }
  const [only, ...more] = setting;
  if (
    only === undefined ||
    more.length > 0 ||
    loop.outcomes.some((one) => one !== only && one.sets !== undefined)
  )
    return undefined;
  return accumulated(name, first, before, (value) => rowsWhere(loop, [only], value));
}

function rowsWhere({ from, where }: Loop, outcomes: readonly Outcome[], value: Node): SelectStmt {
  const conditions = [
    ...where,
    ...(outcomes.some((one) => one.when.length === 0)
      ? []
      : [
          joined(
            "OR_EXPR",
            outcomes.map((one) => allOf(one.when)),
          ),
        ]),
  ];
  return {
    ...selectOf(value),
    fromClause: [...from],
    ...(conditions.length > 0 && { whereClause: joined("AND_EXPR", conditions) }),
  };
}

function existsWhere(loop: Loop, outcomes: readonly Outcome[]): Node {
  const { targetList: _, ...query } = rowsWhere(loop, outcomes, boolean(true));
  return exists(query);
}

function allOf(conditions: readonly Node[]): Node {
  return conditions.length === 0 ? boolean(true) : joined("AND_EXPR", conditions);
}

function readsLoop(tree: Node, { name }: Loop): boolean {
  return mentions(tree, name);
}

function isSame(one: Node | undefined, other: Node): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
