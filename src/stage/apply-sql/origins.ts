import type { Node } from "libpg-query";
import { perObject } from "../../lib/recent.ts";
import type { SqlOrigin } from "../../model/origin.ts";
import {
  grantedObjects,
  grantsOn,
  knownFunctions,
  knownRelation,
  type Named,
  namedBy,
  newRelation,
  onTable,
  pairOf,
  relations,
  type Scope,
  textsIn,
  textsOf,
  typesOf,
} from "./objects.ts";
import { splitStatements, type SqlSource } from "./source.ts";

/** One statement that was applied, as Postgres's own parser reads it. */
interface AppliedStatement {
  readonly file: string;
  /** Its first and last line, from 1. */
  readonly line: number;
  readonly lastLine: number;
  readonly node: Node;
}

/** The same, of files as they were applied; one that the parser cannot read has none. */
export async function readOrigins(sources: readonly SqlSource[]): Promise<readonly SqlOrigin[]> {
  const statements: AppliedStatement[] = [];
  for (const { path: file, text } of sources) {
    let [line, at] = [1, 0];
    for (const { node, start, end } of (await splitStatements(text)) ?? []) {
      line += linesIn(text, at, start);
      const lastLine = line + linesIn(text, start, end);
      statements.push({ file, line, lastLine, node });
      [line, at] = [lastLine, end];
    }
  }
  return originsOf(statements);
}

function linesIn(text: string, from: number, to: number): number {
  return text.slice(from, to).split("\n").length - 1;
}

type Place = Pick<SqlOrigin, "file" | "line" | "lastLine">;

/** What the statements so far have left. Objects that a DO block or a function created are not in it. */
interface State extends Scope {
  origins: readonly SqlOrigin[];
  /** As of the last COMMIT, for a ROLLBACK. */
  committed: readonly SqlOrigin[];
  searchPath: readonly string[];
  /** ALTER DEFAULT PRIVILEGES: grants on what is created later. `schema` is empty for every schema. */
  defaults: readonly SqlOrigin[];
}

const defaultPath = ["public"];

/**
 * Where each object was last defined: a later statement on the same object replaces an earlier one, DROP removes it with
 * what belongs to it. Statements are in the order in which they were applied.
 */
function originsOf(statements: readonly AppliedStatement[]): readonly SqlOrigin[] {
  const state: State = { origins: [], committed: [], searchPath: defaultPath, defaults: [] };
  let file: string | undefined;
  for (const { node, ...place } of statements) {
    if (place.file !== file) Object.assign(state, { searchPath: defaultPath, committed: state.origins });
    file = place.file;
    applyNode(node, state, place);
  }
  return state.origins;
}

type Body<Name extends string> = Extract<Node, { readonly [Key in Name]: unknown }>[Name];
type Handlers = {
  readonly [Name in Handled]: (body: Body<Name>, state: State, place: Place) => void;
};
type Handled =
  | "AlterDefaultPrivilegesStmt"
  | "AlterFunctionStmt"
  | "AlterObjectSchemaStmt"
  | "AlterPolicyStmt"
  | "AlterTableStmt"
  | "CreateForeignTableStmt"
  | "CreateFunctionStmt"
  | "CreatePolicyStmt"
  | "CreateSchemaStmt"
  | "CreateStmt"
  | "CreateTableAsStmt"
  | "CreateTrigStmt"
  | "DropStmt"
  | "GrantStmt"
  | "RenameStmt"
  | "TransactionStmt"
  | "VariableSetStmt"
  | "ViewStmt";

function applyNode(node: Node, state: State, place: Place): void {
  const [[name, body] = ["", undefined]] = Object.entries(node) as [string, unknown][];
  const handle = (handlers as Readonly<Record<string, (...args: never[]) => void>>)[name];
  handle?.(body as never, state as never, place as never);
}

const handlers: Handlers = {
  CreateSchemaStmt: ({ schemaname, authrole, schemaElts = [], if_not_exists }, state, place) => {
    const schema = schemaname ?? authrole?.rolename ?? "";
    define(state, place, { kind: "schema", schema, name: schema }, if_not_exists);
    const inside = { ...state, searchPath: [schema, ...state.searchPath] };
    for (const element of schemaElts) applyNode(element, inside, place);
    state.origins = inside.origins;
  },
  CreateStmt: ({ relation, if_not_exists }, state, place) =>
    define(state, place, { kind: "table", ...newRelation(relation, state) }, if_not_exists),
  CreateForeignTableStmt: ({ base }, state, place) =>
    define(state, place, { kind: "table", ...newRelation(base?.relation, state) }, base?.if_not_exists),
  CreateTableAsStmt: ({ into, objtype, if_not_exists }, state, place) => {
    const kind = objtype === "OBJECT_MATVIEW" ? "materialized view" : "table";
    define(state, place, { kind, ...newRelation(into?.rel, state) }, if_not_exists);
  },
  ViewStmt: ({ view }, state, place) => define(state, place, { kind: "view", ...newRelation(view, state) }),
  // A view's options decide whose privileges it uses; an ALTER of a table leaves its definition where it was.
  AlterTableStmt: ({ relation, objtype, cmds = [] }, state, place) => {
    if (objtype === "OBJECT_VIEW") define(state, place, { kind: "view", ...knownRelation(relation, state) });
    for (const one of cmds) {
      const name = "AlterTableCmd" in one ? options[one.AlterTableCmd.subtype ?? ""] : undefined;
      if (name !== undefined) define(state, place, { kind: "option", ...onTable(relation, name, state) });
    }
  },
  CreateFunctionStmt: ({ funcname, parameters = [] }, state, place) => {
    const inputs = parameters.flatMap((one) =>
      "FunctionParameter" in one && !outputs.has(one.FunctionParameter.mode ?? "")
        ? [one.FunctionParameter.argType ?? {}]
        : [],
    );
    const [schema = state.searchPath[0] ?? "public", name] = pairOf(textsIn(funcname));
    define(state, place, { kind: "function", schema, name, arguments: typesOf(inputs) });
  },
  AlterFunctionStmt: ({ func }, state, place) => {
    for (const one of knownFunctions(func, state)) define(state, place, one);
  },
  CreatePolicyStmt: ({ policy_name, table }, state, place) =>
    define(state, place, { kind: "policy", ...onTable(table, policy_name, state) }),
  AlterPolicyStmt: ({ policy_name, table }, state, place) =>
    define(state, place, { kind: "policy", ...onTable(table, policy_name, state) }),
  CreateTrigStmt: ({ trigname, relation }, state, place) =>
    define(state, place, { kind: "trigger", ...onTable(relation, trigname, state) }),
  GrantStmt: (grant, state, place) => {
    for (const one of grantsOn(grant, grantedObjects(grant, state))) {
      if (grant.is_grant === true) define(state, place, one);
      else state.origins = state.origins.filter((other) => !isRevoked(other, one));
    }
  },
  AlterDefaultPrivilegesStmt: ({ action = {}, options = [] }, state, place) => {
    const schemas = options.flatMap((one) =>
      "DefElem" in one && one.DefElem.defname === "schemas" ? textsOf(one.DefElem.arg) : [],
    );
    for (const one of grantsOn(
      action,
      (schemas.length === 0 ? [""] : schemas).map((schema) => ({ schema, name: "" })),
    )) {
      const others = state.defaults.filter((other) => !isSame(other, one));
      state.defaults = action.is_grant === true ? [...others, { ...one, ...place }] : others;
    }
  },
  DropStmt: ({ objects = [], removeType }, state) => {
    for (const object of objects) {
      const dropped = namedBy(removeType, undefined, object, state);
      state.origins = state.origins.filter((one) => !dropped.some((other) => belongsTo(one, other)));
    }
  },
  RenameStmt: ({ renameType, relation, object, subname, newname = "" }, state) => {
    for (const target of namedBy(renameType, relation, object, state, subname)) {
      const renames = (one: SqlOrigin): Partial<SqlOrigin> => {
        if (target.kind === "schema") return { schema: newname };
        return one.table !== undefined && target.table === undefined ? { table: newname } : { name: newname };
      };
      state.origins = state.origins.map((one) =>
        belongsTo(one, target) ? { ...one, ...renames(one) } : one,
      );
    }
  },
  AlterObjectSchemaStmt: ({ objectType, relation, object, newschema: schema = "" }, state) => {
    const moved = namedBy(objectType, relation, object, state);
    state.origins = state.origins.map((one) =>
      moved.some((target) => belongsTo(one, target)) ? { ...one, schema } : one,
    );
  },
  VariableSetStmt: ({ name, kind, args = [] }, state) => {
    if (name !== "search_path") return;
    const names = args.flatMap((one) => ("A_Const" in one ? (one.A_Const.sval?.sval ?? []) : []));
    const path = names.filter((one) => one !== "$user" && one !== "");
    state.searchPath = kind === "VAR_SET_VALUE" ? path : defaultPath;
  },
  TransactionStmt: ({ kind }, state) => {
    if (kind === "TRANS_STMT_COMMIT") state.committed = state.origins;
    if (kind === "TRANS_STMT_ROLLBACK") state.origins = state.committed;
  },
};

/** What ALTER TABLE says of a table beside its definition, as `rowgate diff` names it. */
const options: Readonly<Record<string, string>> = {
  AT_EnableRowSecurity: "row-level security",
  AT_DisableRowSecurity: "row-level security",
  AT_ForceRowSecurity: "FORCE ROW LEVEL SECURITY",
  AT_NoForceRowSecurity: "FORCE ROW LEVEL SECURITY",
  AT_ChangeOwner: "owner",
};

const outputs: ReadonlySet<string> = new Set(["FUNC_PARAM_OUT", "FUNC_PARAM_TABLE"]);

/** @param unlessThere IF NOT EXISTS: one that is there stays as it was */
function define(state: State, place: Place, named: Named, unlessThere = false): void {
  const isThere = state.origins.some((one) => isSame(one, named));
  if (isThere && unlessThere) return;
  const others = state.origins.filter((one) => !isSame(one, named));
  const granted = isThere || named.kind === "grant" ? [] : defaultGrants(named, state);
  state.origins = [...others, { ...named, ...place }, ...granted];
}

/** What ALTER DEFAULT PRIVILEGES grants on an object that is new. */
function defaultGrants({ kind, schema, name, arguments: types }: Named, state: State): SqlOrigin[] {
  const on = relations.has(kind) ? "table" : kind;
  const fitting = state.defaults.filter((one) => one.on === on && ["", schema].includes(one.schema));
  return fitting.map((one) => ({
    ...one,
    schema,
    name,
    ...(types === undefined ? {} : { arguments: types }),
  }));
}

/** Each is compared with all that come after it. */
const identity = perObject((one: Named): string => {
  const { kind, schema, name, table, arguments: types, on, privilege, grantee, column } = one;
  const group = relations.has(kind) ? "relation" : kind;
  return JSON.stringify([group, schema, name, table, types, on, privilege, grantee, column]);
});

function isSame(one: Named, other: Named): boolean {
  return identity(one) === identity(other);
}

/** A REVOKE on a table is also one on its columns. */
function isRevoked(one: Named, revoked: Named): boolean {
  return isSame(one, revoked) || (one.column !== undefined && isSame({ ...one, column: undefined }, revoked));
}

/** Whether it is `owner`, or ends with it: a table's policies, triggers and grants, all of a schema. */
function belongsTo(one: Named, owner: Named): boolean {
  if (one.schema !== owner.schema) return false;
  if (owner.kind === "schema" || isSame(one, owner)) return true;
  if (relations.has(owner.kind))
    return (
      one.table === owner.name || (one.kind === "grant" && one.on === "table" && one.name === owner.name)
    );
  if (owner.kind !== "function" || one.name !== owner.name || one.arguments !== owner.arguments) return false;
  return one.kind === "grant" && one.on === "function";
}
