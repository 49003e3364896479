import type { Catalog, ColumnInfo, RelationInfo, RoutineInfo } from "../model/catalog.ts";
import type { FunctionSpec } from "../model/matrix.ts";

/** Every routine of that name, whatever it takes. */
export function routinesNamed(
  catalog: Catalog,
  of: { readonly schema: string; readonly name: string },
): readonly RoutineInfo[] {
  return catalog.routines.filter((one) => one.schema === of.schema && one.name === of.name);
}

/** Those that the matrix can mean: all of the name, or the one whose arguments have the types that it gives. */
export function routinesMeant(
  catalog: Catalog,
  spec: Pick<FunctionSpec, "schema" | "name" | "signature">,
): readonly RoutineInfo[] {
  const { signature } = spec;
  const named = routinesNamed(catalog, spec);
  if (signature === undefined) return named;
  return named.filter(
    (one) =>
      one.arguments.length === signature.length &&
      one.arguments.every((argument, index) => isType(argument, signature[index] ?? "")),
  );
}

/** Names that SQL has for a type besides `format_type`'s and the catalogue's own. */
const aliases: Readonly<Record<string, string>> = {
  int: "integer",
  decimal: "numeric",
  char: "character",
  float: "double precision",
};

export function isType(
  { type, cast }: Pick<RoutineInfo["arguments"][number], "type" | "cast">,
  written: string,
): boolean {
  const name = written.toLowerCase();
  const base = name.replace(/\[\]$/, "");
  const standard = `${aliases[base] ?? base}${name.slice(base.length)}`;
  // `pg_catalog._int4` is int4[].
  const [schema = "", own = ""] = cast?.split(".") ?? [];
  const plain = own.startsWith("_") ? `${own.slice(1)}[]` : own;
  return [type.toLowerCase(), plain, `${schema}.${plain}`].some(
    (known) => known === name || known === standard,
  );
}

/** An argument as calls name it: one without a name by its place, as its body does (`$1`). */
export function argumentName({ name }: RoutineInfo["arguments"][number], index: number): string {
  return name === "" ? `$${index + 1}` : name;
}

const plain = "(?:NULL|true|false|-?\\d+(?:\\.\\d+)?|'(?:[^'\\\\]|'')*'|ARRAY\\[\\])";
const constant = new RegExp(`^${plain}(?:::[\\w" .,()[\\]]+)?$`, "i");

/**
 * Argument → SQL of its default, where that is a constant: what a call that leaves it out gives for it. A default that asks for
 * something (`auth.uid()`, `now()`) is another value for the privileged connection, and is left out.
 */
export function constantDefaults(routine: RoutineInfo): Readonly<Record<string, string>> {
  const found = routine.arguments.flatMap((argument, index) => {
    const text = argument.default ?? "";
    return constant.test(text) ? [[argumentName(argument, index), `(${text})`] as const] : [];
  });
  return Object.fromEntries(found);
}

/** What comes back, as a relation: every column is readable by every role that may call, and no policy applies. */
export function resultRelation(routine: RoutineInfo, valueName: string): RelationInfo {
  const columns = routine.columns.map(
    ({ name, type }): ColumnInfo => ({
      name: routine.returns === "value" ? valueName : name,
      type,
      notNull: false,
      hasDefault: false,
      identity: null,
      generated: false,
      domain: false,
    }),
  );
  const names = columns.map(({ name }) => name);
  const privileges = Object.entries(routine.privileges).map(([role, { schemaUsage, execute }]) => {
    const select = execute ? names : [];
    return [role, { schemaUsage, delete: false, truncate: false, select, insert: [], update: [] }];
  });
  return {
    ...functionRelation(routine),
    securityInvoker: !routine.securityDefiner,
    columns,
    privileges: Object.fromEntries(privileges) as RelationInfo["privileges"],
    acl: routine.acl,
  };
}

/** A function where a relation is asked for: it has no columns, policies or privileges. */
export function functionRelation({
  oid,
  schema,
  name,
  owner,
}: Pick<RelationInfo, "oid" | "schema" | "name" | "owner">): RelationInfo {
  return {
    oid,
    schema,
    name,
    owner,
    kind: "function",
    rls: false,
    forceRls: false,
    securityInvoker: false,
    isPartition: false,
    accepts: [],
    columns: [],
    primaryKey: [],
    uniqueKeys: [],
    constraints: [],
    policies: [],
    triggers: [],
    rules: [],
    reads: [],
    privileges: {},
    acl: [],
  };
}
