import type { Catalog, Privileges, RoutineInfo } from "../model/catalog.ts";
import type { Lints, SqlParser } from "../model/lint.ts";
import type { Declaration, FunctionSpec, Matrix, RelationOperation, RelationSpec } from "../model/matrix.ts";
import type { SettingsInForce } from "../model/settings.ts";
import { formatQualified, type QualifiedName } from "../lib/sql-text.ts";

/** Everything that decides what the facts of the lints mean for a matrix. */
export interface LintContext {
  readonly matrix: Matrix;
  readonly catalog: Catalog;
  readonly settings: SettingsInForce;
  readonly lints: Lints;
  readonly sql: SqlParser;
  /** The declared functions, each with the one that it means. */
  readonly functions: readonly { readonly spec: FunctionSpec; readonly routine: RoutineInfo }[];
  /** Oids of the functions that the matrix leaves out on purpose. */
  readonly waivedFunctions: ReadonlySet<string>;
  /** Personas' roles whose sessions come through no gateway: every schema is open to them that they may use. */
  readonly directRoles: ReadonlySet<string>;
  /** `undefined`: there is no gateway. */
  readonly gateway:
    | {
        /** The role of requests without a token. */
        readonly anonRole: string;
        /** The schemas that it exposes, by its configuration or by what the database tells it. */
        readonly schemas: ReadonlySet<string>;
        /** What the database has it call before each request, and what the target says that it calls. */
        readonly preRequest: { readonly called: string | undefined; readonly named: string | undefined };
      }
    | undefined;
  /** What the matrix says of an operation, shorthands and groups resolved. */
  readonly declared: (
    spec: RelationSpec,
    persona: string,
    operation: RelationOperation,
  ) => { readonly denies: boolean; readonly declaration: Declaration | undefined };
}

/** `schema.name` of what the matrix declares under `relations:`. */
export function declaredRelations({ relations }: Matrix): ReadonlyMap<string, RelationSpec> {
  return new Map(relations.map((spec) => [formatQualified(spec), spec]));
}

export function rowsOf<Row extends QualifiedName>(rows: readonly Row[], of: QualifiedName): readonly Row[] {
  return rows.filter(({ schema, name }) => schema === of.schema && name === of.name);
}

export function holdsAnything(held: Privileges | undefined): boolean {
  if (held === undefined) return false;
  const columns = held.select.length + held.insert.length + held.update.length;
  return held.schemaUsage && (columns > 0 || held.delete || held.truncate);
}
