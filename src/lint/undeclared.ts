import type { RoutineInfo } from "../model/catalog.ts";
import type { Finding } from "../model/finding.ts";
import { isExposed, mayCall, signatureOf } from "../model/routine.ts";
import { formatQualified } from "../lib/sql-text.ts";
import type { LintContext } from "./context.ts";

/** PASS never means “what you happened to list”: what a gateway exposes, and what sessions without one can use. */
export function undeclaredRelations({ matrix, lints, directRoles }: LintContext): readonly Finding[] {
  const known = new Set([...matrix.relations, ...matrix.waivedRelations].map((one) => formatQualified(one)));
  return lints["undeclared-relation"]
    .filter(
      ({ schema, facts }) =>
        matrix.exposes.includes(schema) || facts.roles.some((role) => directRoles.has(role)),
    )
    .filter((one) => !known.has(formatQualified(one)))
    .map((one) => ({
      kind: "undeclared-relation",
      relation: formatQualified(one),
      relationKind: one.facts.relationKind,
    }));
}

/** Functions that can be called for a persona, and of which the matrix does not say what happens then. */
export function undeclaredFunctions({
  matrix,
  catalog,
  lints,
  functions,
  waivedFunctions,
  directRoles,
}: LintContext): readonly Finding[] {
  const declared = new Set([...functions.map(({ routine }) => routine.oid), ...waivedFunctions]);
  const facts = new Map(lints["undeclared-function"].map((row) => [row.facts.oid, row.facts]));
  const roles = [...new Set(matrix.personas.map(({ role }) => role))];
  const through = new Set(matrix.personas.flatMap(({ role, login }) => (login === undefined ? role : [])));
  const exempt = new Set(lints["superuser-persona"].map(({ name }) => name));
  return catalog.routines
    .filter(({ oid }) => !declared.has(oid))
    .flatMap((one): readonly Finding[] => {
      const exposed = isExposed(one, matrix.exposes);
      const callers = roles.filter((role) => mayCall(one, role) && (exposed || directRoles.has(role)));
      if (callers.length === 0) return [];
      const { helper = false, identitySetter = false } = facts.get(one.oid) ?? {};
      const name = signatureOf(one);
      const bound = callers.filter((role) => !exempt.has(role));
      if (bound.length > 0 && one.securityDefiner && !(helper && returnsOneValue(one)))
        return [{ kind: "undeclared-definer", function: name, owner: one.owner, roles: bound }];
      // A session without a gateway sets settings as it likes.
      const setters = bound.filter((role) => exposed && through.has(role));
      if (setters.length > 0 && identitySetter && !helper)
        return [{ kind: "undeclared-identity-setter", function: name, roles: setters }];
      return [{ kind: "undeclared-function", function: name, roles: callers }];
    });
}

/** A policy needs a question answered, of which a value is enough. What returns rows returns them to every caller. */
function returnsOneValue({ returns, columns, result }: RoutineInfo): boolean {
  return returns !== "record" && columns.length < 2 && !/\b(jsonb?|xml)\b/.test(result);
}

/** Exposed by the gateway and not listed by the matrix: no check has looked for undeclared relations there. */
export function undeclaredExposedSchemas({ matrix, lints, gateway }: LintContext): readonly Finding[] {
  if (gateway === undefined) return [];
  const through = matrix.personas.flatMap(({ role, login }) => (login === undefined ? role : []));
  const roles = new Set([...through, gateway.anonRole]);
  return lints["undeclared-exposed-schema"]
    .filter(({ name }) => gateway.schemas.has(name) && !matrix.exposes.includes(name))
    .filter(({ facts }) => facts.roles.some((role) => roles.has(role)))
    .map(({ name }) => ({ kind: "undeclared-exposed-schema", schema: name }));
}

/** It may do anything to a request: what probes saw without it says nothing of those that pass through it. */
export function missingPreRequest({ gateway }: LintContext): readonly Finding[] {
  const { called, named } = gateway?.preRequest ?? {};
  return called === undefined || called === named ? [] : [{ kind: "missing-pre-request", function: called }];
}
