import type { Cause } from "./run.ts";

/** The operations of an access map. */
export const mappedOperations = ["select", "insert", "update", "delete"] as const;
export type MappedOperation = (typeof mappedOperations)[number];

/** What a persona can do with a relation by one operation, as statements of the persona showed it. */
export type Access =
  /**
   * Rows that were read or changed, of those that are there. `sample`: only some of the rows were tried. `own`: only rows that name
   * the persona itself can be.
   */
  | {
      readonly kind: "rows";
      readonly rows: number;
      readonly of: number;
      readonly sample: boolean;
      readonly own: boolean;
    }
  /** INSERT: a row was accepted. `own`: only rows that name the persona itself are. */
  | { readonly kind: "accepted"; readonly own: boolean }
  /** No row that is there, but rows that could be: one was put in for the statement, and undone. `own`: as above. */
  | { readonly kind: "possible"; readonly own: boolean }
  /** No row. */
  | { readonly kind: "none" }
  /** It could not be found out. */
  | { readonly kind: "unknown"; readonly because: string }
  /** It was not tried. */
  | { readonly kind: "skipped"; readonly because: string };

export interface MappedAccess {
  readonly access: Access;
  /** What lets the rows through. */
  readonly cause?: Cause | undefined;
}

export interface MappedRelation {
  /** `schema.relation`. */
  readonly relation: string;
  /** Rows that are there. */
  readonly rows: number;
  /** Persona → operation → access. */
  readonly personas: ReadonlyMap<string, Readonly<Partial<Record<MappedOperation, MappedAccess>>>>;
}

/** How a persona of the scan comes in: from anybody to the system's own. */
export const standings = ["no-token", "unknown-user", "user", "role", "above"] as const;
export type Standing = (typeof standings)[number];

export interface MappedPersona {
  readonly name: string;
  readonly standing: Standing;
  /** Who it is, in a few words. */
  readonly is: string;
}

/** More access than a reader would expect: a question for a person. */
export interface AccessQuestion {
  readonly operation: MappedOperation;
  /** The persona of the widest standing that has it. */
  readonly persona: MappedPersona;
  readonly places: readonly {
    readonly relation: string;
    readonly access: Access;
    readonly cause: Cause | undefined;
  }[];
}

/** Persona × relation × operation, the widest access first. */
export interface AccessMap {
  readonly personas: readonly MappedPersona[];
  readonly relations: readonly MappedRelation[];
  readonly questions: readonly AccessQuestion[];
}
