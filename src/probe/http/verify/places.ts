import type { QualifiedName } from "../../../lib/sql-text.ts";
import { readSql } from "../../../lib/sql-file.ts";
import type { Sight } from "../privileged.ts";

/** A relation to which a harmless request can be sent as a role. */
export interface Place extends QualifiedName {
  readonly role: string;
  /** The role holds USAGE on the schema. */
  readonly usage: boolean;
  /** A column that the role may read. */
  readonly readable: string | null;
  /** A column whose type refuses most texts. */
  readonly typed: string | null;
}

const placesOfEachRole = 12;

interface SqlPlace extends Omit<Place, "name"> {
  readonly relation: string;
}

/** Throws ProbeFailure. */
export async function findPlaces(
  sight: Sight,
  schemas: readonly string[],
  roles: readonly string[],
): Promise<Place[]> {
  const values = [schemas, roles, placesOfEachRole];
  const found = await sight.look((ask) => ask<SqlPlace>(readSql("sight_places.sql"), values));
  return found.map(({ relation, ...place }) => ({ ...place, name: relation }));
}
