import type { Catalog, RelationInfo } from "../model/catalog.ts";
import type { Finding } from "../model/finding.ts";
import type { Matrix, RelationOperation, RelationSpec } from "../model/matrix.ts";
import { formatQualified } from "../lib/sql-text.ts";

type Denies = (spec: RelationSpec, persona: string, operation: RelationOperation) => boolean;

/** A row that a foreign key's action deletes or changes: no policy and no grant of its relation is asked. */
interface Reached {
  readonly info: RelationInfo;
  readonly does: "deletes" | "changes";
}

/** What a declared DELETE does to relations whose rows the matrix says the persona may not delete, or not change. */
export function cascadeFindings(
  { relations, personas }: Matrix,
  catalog: Catalog,
  denies: Denies,
): readonly Finding[] {
  const specs = new Map(relations.map((spec) => [formatQualified(spec), spec]));
  const bound = personas.filter(({ role: name }) =>
    catalog.roles.some((role) => role.name === name && !role.superuser && !role.bypassRls),
  );
  const children = childrenIn(catalog);
  return catalog.relations.flatMap((info): readonly Finding[] => {
    const from = formatQualified(info);
    const spec = specs.get(from);
    if (spec === undefined) return [];
    const deleting = bound.filter(
      ({ name, role }) => info.privileges[role]?.delete === true && !denies(spec, name, "delete"),
    );
    if (deleting.length === 0) return [];
    return reachedFrom(info, children).flatMap(({ info: other, does }): readonly Finding[] => {
      const relation = formatQualified(other);
      const child = specs.get(relation);
      if (child === undefined) return [];
      const operation = does === "deletes" ? "delete" : "update";
      const names = deleting.map(({ name }) => name).filter((name) => denies(child, name, operation));
      return names.length === 0
        ? []
        : [{ kind: "cascades-past-a-deny", relation, from, does, personas: names }];
    });
  });
}

interface Child {
  readonly info: RelationInfo;
  readonly onDelete: "cascade" | "set";
}

type Children = ReadonlyMap<string, readonly Child[]>;

/** By the relation that is referenced. */
function childrenIn({ relations }: Catalog): Children {
  const found = new Map<string, Child[]>();
  for (const info of relations) {
    for (const { references, onDelete } of info.constraints) {
      if (!references || !onDelete) continue;
      const parent = formatQualified(references);
      const known = found.get(parent) ?? [];
      known.push({ info, onDelete });
      found.set(parent, known);
    }
  }
  return found;
}

/** Through ON DELETE CASCADE on and on, and through SET NULL and SET DEFAULT once. */
function reachedFrom(start: RelationInfo, children: Children): readonly Reached[] {
  const found = new Map<string, Reached>();
  const deleted = [start];
  for (const parent of deleted) {
    for (const { info, onDelete } of children.get(formatQualified(parent)) ?? []) {
      if (info === start) continue;
      if (onDelete === "cascade" && found.get(info.oid)?.does !== "deletes") {
        found.set(info.oid, { info, does: "deletes" });
        deleted.push(info);
      }
      if (onDelete === "set" && !found.has(info.oid)) found.set(info.oid, { info, does: "changes" });
    }
  }
  return [...found.values()];
}
