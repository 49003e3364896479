import type { ProofColumn, ProofRelation } from "../../src/prove/analyse/schema.ts";

/** An integer of a table. */
export function columnOf(name: string, domain = false): ProofColumn {
  return {
    name,
    domain,
    base: "integer",
    type: "integer",
    category: "N",
    element: null,
    labels: null,
    domainChecks: [],
    expression: null,
    domainNotNull: false,
    nullInChildren: false,
    notNull: false,
    identity: null,
    generated: false,
    deterministic: true,
    redefined: false,
  };
}

/** A table with policies in force, and with nothing else. */
export function relationOf(name: string, columns: readonly ProofColumn[]): ProofRelation {
  return {
    schema: "public",
    name,
    kind: "table",
    columns,
    checks: [],
    foreignKeys: [],
    triggers: [],
    rls: true,
    securityInvoker: false,
    ancestors: [],
    rules: [],
    uniques: [],
    keys: [],
    policies: [],
    definition: null,
  };
}
