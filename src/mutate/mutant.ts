import type { RelationInfo } from "../model/catalog.ts";
import type { MutantDescription } from "../model/mutation.ts";
import type { TablePrivilege } from "./privileges.ts";

/** One change of one thing that decides who may do what, and how to make it. */
export interface Mutant extends MutantDescription {
  readonly ddl: readonly string[];
  /** The relation as the catalogue would show it. */
  readonly after: RelationInfo;
  /** Which commands, or uses of a privilege, it may change, and whose. */
  readonly alters: readonly PolicyCommand[] | TablePrivilege;
  readonly roles: readonly string[];
  /** The role that may execute the function with it: what refuses its call then is something else. */
  readonly executes?: string | undefined;
  /** Cells of every relation may see it, and each must be asked by itself. */
  readonly everywhere?: true;
  /** Why no persona gains or loses by it. */
  readonly equivalent?: string | undefined;
  /** Why no cell can see it. */
  readonly unseen?: string | undefined;
  /** Set: the change is none that SQL can express. */
  readonly unprintable?: string | undefined;
}

/** It leaves privileges and functions as they are. */
export function isOfPolicies({ alters, after }: Pick<Mutant, "alters" | "after">): boolean {
  return typeof alters !== "string" && (after.kind === "table" || after.kind === "partitioned");
}

export type PolicyCommand = "select" | "insert" | "update" | "delete";
export const allCommands: readonly PolicyCommand[] = ["select", "insert", "update", "delete"];

export type Change = Omit<Mutant, "operator" | "relation">;
