import type { Client } from "pg";
import { readSql } from "../lib/sql-file.ts";
import type { QualifiedName } from "../lib/sql-text.ts";
import type { FunctionText } from "../prove/analyse/function-mentions.ts";

export interface EscalationColumn {
  readonly name: string;
  /** The type below all domains: `uuid`, `character varying`, `text[]`. */
  readonly base: string;
  readonly notNull: boolean;
  readonly hasDefault: boolean;
  /** Of its enum, or of that of its elements. */
  readonly labels: readonly string[] | null;
  /** Of its domain. */
  readonly checks: readonly string[];
}

export interface EscalationForeignKey {
  readonly columns: readonly string[];
  /** The oid of the relation that it points to. */
  readonly to: string;
  readonly referenced: readonly string[];
  /** The referencing rows change, or go, with the one that they point to. */
  readonly onUpdate: boolean;
  readonly onDelete: boolean;
}

/** Any relation outside of the system's schemas, declared or not: a policy may read it. */
export interface EscalationRelation extends QualifiedName {
  readonly oid: string;
  readonly isTable: boolean;
  readonly columns: readonly EscalationColumn[];
  /** Columns of unique indexes. */
  readonly uniques: readonly string[];
  readonly foreignKeys: readonly EscalationForeignKey[];
  /** Of its policies, checks, defaults and generated columns. */
  readonly expressions: readonly string[];
  /** Those of its policies alone: only they may look into other tables. */
  readonly policies: readonly string[];
  /** Statements of its rules, and of its triggers that have a condition. */
  readonly writes: readonly string[];
  /** A view's. */
  readonly query: string | null;
}

export interface EscalationFunction extends QualifiedName, FunctionText {
  readonly extension: boolean;
  readonly definer: boolean;
  readonly returnsSet: boolean;
  /** As it is set for the function: `pg_catalog, pg_temp`. */
  readonly searchPath: string | null;
  readonly argumentLabels: readonly (readonly string[] | null)[];
}

/** That a part of a relation, or a function, reads something, as the catalogue records it. */
export interface Read {
  readonly relation: string | null;
  readonly function: string | null;
  /** `r`, `a`, `w`, `d`, `*`: a policy's command; `view`; `write`: a trigger, rule, default or check; `body`. */
  readonly part: string;
  readonly toRelation: string | null;
  readonly column: string | null;
  readonly toFunction: string | null;
}

export interface EscalationCatalog {
  readonly relations: readonly EscalationRelation[];
  readonly functions: readonly EscalationFunction[];
  /** Operators of the database's own. */
  readonly operators: readonly { readonly name: string; readonly function: string }[];
  readonly reads: readonly Read[];
}

export async function readEscalationCatalog(client: Client): Promise<EscalationCatalog> {
  const { rows } = await client.query<{ catalog: string }>(readSql("escalate_catalog.sql"));
  return JSON.parse(rows[0]?.catalog ?? "{}") as EscalationCatalog;
}
