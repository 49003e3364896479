/** One `ALTER ROLE … SET` as it bears on a run. Values may be secrets: they are never archived. */
export interface RoleSetting {
  readonly role: string;
  /** For this database only: wins over the same for every database. */
  readonly here: boolean;
  /** In lower case, as Postgres compares them. */
  readonly name: string;
  readonly value: string;
  /** PostgREST applies such a setting of the role that it switches to. */
  readonly postgrest: boolean;
}

/** Settings that sessions bring along, besides what personas hold by themselves. */
export interface SettingsInForce {
  readonly roles: readonly RoleSetting[];
  /** Name → value where nobody has set it; a custom setting that nobody has set has none. */
  readonly base: ReadonlyMap<string, string>;
  /** Names with a dot that no module has defined: where nobody has set them, they are NULL. */
  readonly custom: ReadonlySet<string>;
}
