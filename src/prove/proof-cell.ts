import { bypassOf, type RelationInfo, type RoleInfo } from "../model/catalog.ts";
import type { RelationOperation } from "../model/matrix.ts";
import { missingPrivilege } from "../model/operations.ts";
import type { ProofAnswer as Answer } from "../model/proof.ts";

/** What the matrix declares of the rows that an operation reaches, with every parameter bound. */
export type Declared =
  | { readonly kind: "deny" }
  | { readonly kind: "allow" }
  /** Exactly these, or these at the most. */
  | { readonly kind: "rows" | "within"; readonly predicate: string };

export interface ProofCell {
  readonly relation: RelationInfo;
  readonly role: RoleInfo;
  readonly operation: RelationOperation;
  readonly declared: Declared;
  /** INSERT and UPDATE: what a new row must satisfy, bound; `undefined`: nothing is declared of it. */
  readonly check?: string | undefined;
  /** UPDATE: values that it may give to no row. */
  readonly never?: readonly Readonly<Record<string, string | null>>[] | undefined;
  /** INSERT without `check`: the rows that the matrix lets in, each as it is sent. */
  readonly accepted?: readonly Readonly<Record<string, string | null>>[] | undefined;
  /** INSERT without `check`: what is declared of the rows that the persona reads, changes and deletes, bound. */
  readonly rowSets?: readonly { readonly operation: string; readonly predicate: string }[] | undefined;
  /** Columns of ON CONFLICT, for an upsert. */
  readonly key: readonly string[];
  /** SQLSTATEs with which policies of the relation refuse a row. */
  readonly raises?: readonly string[] | undefined;
}

/** What is decided before any policy is evaluated. */
export function outsidePolicies({ relation, role, operation }: ProofCell): Answer | undefined {
  if (relation.kind !== "table" && relation.kind !== "partitioned")
    return { kind: "not-asked", because: `a ${relation.kind} has no policies` };
  const held = relation.privileges[role.name];
  if (held?.schemaUsage === false) return { kind: "privilege", missing: "USAGE on the schema" };
  const missing = held && missingPrivilege(held, operation);
  if (missing !== undefined) return { kind: "privilege", missing: missing.toUpperCase() };
  if (!relation.rls) return { kind: "above", because: "row-level security is not enabled" };
  const bypass = bypassOf(role, relation);
  return bypass === undefined ? undefined : { kind: "above", because: bypass };
}
