import type { GrantStmt, Node, ObjectWithArgs, RangeVar, TypeName } from "libpg-query";
import type { SqlOrigin } from "../../model/origin.ts";

// Which objects a statement means, as Postgres's parser writes them.

/** An object, without the place of its definition. */
export type Named = Omit<SqlOrigin, "file" | "line" | "lastLine">;

/** What names are looked for in. */
export interface Scope {
  readonly origins: readonly SqlOrigin[];
  readonly searchPath: readonly string[];
}

export const relations: ReadonlySet<string> = new Set(["table", "view", "materialized view"]);

export function newRelation(
  range: RangeVar | undefined,
  { searchPath }: Scope,
): Pick<Named, "schema" | "name"> {
  return { schema: range?.schemaname ?? searchPath[0] ?? "public", name: range?.relname ?? "" };
}

/** An unqualified name is looked for along `search_path`, as Postgres does. */
export function knownRelation(range: RangeVar | undefined, scope: Scope): Pick<Named, "schema" | "name"> {
  const { schema, name } = newRelation(range, scope);
  if (range?.schemaname !== undefined) return { schema, name };
  const isThere = (of: string): boolean =>
    scope.origins.some((one) => relations.has(one.kind) && one.schema === of && one.name === name);
  return { schema: scope.searchPath.find(isThere) ?? schema, name };
}

export function onTable(
  range: RangeVar | undefined,
  name = "",
  scope: Scope,
): Pick<Named, "schema" | "name" | "table"> {
  const { schema, name: table } = knownRelation(range, scope);
  return { schema, table, name };
}

/** All functions that a reference means: without argument types it means the only one of its name. */
export function knownFunctions(of: ObjectWithArgs | undefined, scope: Scope): Named[] {
  const [schema, name] = pairOf(textsIn(of?.objname));
  const types = of?.args_unspecified === true ? undefined : typesOf((of?.objargs ?? []).flatMap(typeIn));
  const schemas = schema === undefined ? scope.searchPath : [schema];
  return scope.origins
    .filter((one) => one.kind === "function" && one.name === name && schemas.includes(one.schema))
    .filter((one) => types === undefined || one.arguments === types)
    .map(({ kind, schema: own, name: called, arguments: inputs }) => ({
      kind,
      schema: own,
      name: called,
      arguments: inputs,
    }));
}

const objectKinds: Readonly<Record<string, Named["kind"]>> = {
  OBJECT_TABLE: "table",
  OBJECT_FOREIGN_TABLE: "table",
  OBJECT_VIEW: "view",
  OBJECT_MATVIEW: "materialized view",
  OBJECT_POLICY: "policy",
  OBJECT_TRIGGER: "trigger",
  OBJECT_SCHEMA: "schema",
  OBJECT_FUNCTION: "function",
  OBJECT_PROCEDURE: "function",
  OBJECT_ROUTINE: "function",
};

/** The objects that DROP and ALTER … RENAME or SET SCHEMA name. */
export function namedBy(
  type: string | undefined,
  relation: RangeVar | undefined,
  object: Node | undefined,
  scope: Scope,
  subname?: string,
): Named[] {
  const kind = objectKinds[type ?? ""];
  if (kind === undefined) return [];
  if (kind === "function")
    return object !== undefined && "ObjectWithArgs" in object
      ? knownFunctions(object.ObjectWithArgs, scope)
      : [];
  const names = subname === undefined ? textsOf(object) : [subname];
  if (kind === "schema") return [{ kind, schema: names[0] ?? "", name: names[0] ?? "" }];
  if (kind === "policy" || kind === "trigger") {
    const range = relation ?? rangeOf(names.slice(0, -1));
    return [{ kind, ...onTable(range, names.at(-1), scope) }];
  }
  return [{ kind, ...knownRelation(relation ?? rangeOf(names), scope) }];
}

const allPrivileges: Readonly<Record<NonNullable<SqlOrigin["on"]>, readonly string[]>> = {
  table: ["select", "insert", "update", "delete", "truncate", "references", "trigger", "maintain"],
  sequence: ["usage", "select", "update"],
  function: ["execute"],
  schema: ["create", "usage"],
};

const columnPrivileges = ["select", "insert", "update", "references"];

const grantedOn: Readonly<Record<string, SqlOrigin["on"]>> = {
  OBJECT_TABLE: "table",
  OBJECT_SEQUENCE: "sequence",
  OBJECT_FUNCTION: "function",
  OBJECT_PROCEDURE: "function",
  OBJECT_ROUTINE: "function",
  OBJECT_SCHEMA: "schema",
};

type Granted = Pick<Named, "schema" | "name" | "arguments">;

/** One for each object, role and privilege. */
export function grantsOn(
  { objtype, privileges = [], grantees = [] }: GrantStmt,
  objects: readonly Granted[],
): Named[] {
  const on = grantedOn[objtype ?? ""];
  if (on === undefined) return [];
  const listed = privileges.flatMap((one) => ("AccessPriv" in one ? [one.AccessPriv] : []));
  const named = listed.flatMap(({ priv_name, cols }) =>
    (priv_name === undefined ? columnPrivileges : [priv_name]).flatMap((privilege) =>
      cols === undefined ? [{ privilege }] : textsIn(cols).map((column) => ({ privilege, column })),
    ),
  );
  const all = listed.length === 0 ? allPrivileges[on].map((privilege) => ({ privilege })) : named;
  const roles = grantees.flatMap((one) => ("RoleSpec" in one ? [one.RoleSpec] : []));
  return objects.flatMap((object) =>
    roles.flatMap(({ roletype, rolename }) => {
      const grantee = rolename ?? roletype?.replace("ROLESPEC_", "").toLowerCase() ?? "";
      return all.map((one) => ({ kind: "grant" as const, on, ...object, grantee, ...one }));
    }),
  );
}

export function grantedObjects({ targtype, objtype, objects = [] }: GrantStmt, scope: Scope): Granted[] {
  const on = grantedOn[objtype ?? ""];
  if (targtype === "ACL_TARGET_ALL_IN_SCHEMA") {
    const schemas = objects.flatMap(textsOf);
    const isMeant = ({ kind }: SqlOrigin): boolean => (on === "table" ? relations.has(kind) : kind === on);
    return scope.origins.filter((one) => isMeant(one) && schemas.includes(one.schema)).map(grantedOf);
  }
  return objects.flatMap((object) => {
    if ("RangeVar" in object) return [knownRelation(object.RangeVar, scope)];
    if ("ObjectWithArgs" in object) return knownFunctions(object.ObjectWithArgs, scope).map(grantedOf);
    return textsOf(object).map((schema) => ({ schema, name: schema }));
  });
}

function grantedOf({ schema, name, arguments: types }: Named): Granted {
  return { schema, name, ...(types === undefined ? {} : { arguments: types }) };
}

export function textsIn(nodes: readonly Node[] | undefined): string[] {
  return (nodes ?? []).flatMap((one) => ("String" in one ? [one.String.sval ?? ""] : []));
}

export function textsOf(node: Node | undefined): string[] {
  if (node === undefined) return [];
  return "List" in node ? textsIn(node.List.items) : textsIn([node]);
}

/** Schema, where it is there, and name. */
export function pairOf(names: readonly string[]): [string | undefined, string] {
  return [names.at(-2), names.at(-1) ?? ""];
}

function rangeOf(names: readonly string[]): RangeVar {
  const [schemaname, relname] = pairOf(names);
  return schemaname === undefined ? { relname } : { schemaname, relname };
}

function typeIn(node: Node): TypeName[] {
  return "TypeName" in node ? [node.TypeName] : [];
}

/** Without schemas: the same type may be written with and without. */
export function typesOf(types: readonly TypeName[]): string {
  return types
    .map(({ names, arrayBounds }) => `${textsIn(names).at(-1) ?? ""}${arrayBounds === undefined ? "" : "[]"}`)
    .join(", ");
}
