/** What a database that rowgate starts holds before the system's own SQL. */
export const baselineNames = ["supabase", "plain"] as const;
export type BaselineName = (typeof baselineNames)[number];

/** Whether new objects in `public` are exposed to the API's roles: `legacy`, everything; `none`, what switching it off leaves. */
export const defaultPrivileges = ["legacy", "none"] as const;
export type DefaultPrivileges = (typeof defaultPrivileges)[number];

/** How a folder of SQL says in which order its files are applied. */
export const layouts = ["numbered", "supabase", "sqitch", "dbmate", "flyway", "prisma", "drizzle"] as const;
export type Layout = (typeof layouts)[number];

export type Baseline =
  | { readonly name: "plain" }
  | { readonly name: "supabase"; readonly defaultPrivileges: DefaultPrivileges };

/** A statement of the system's SQL that was not run, or that another role ran. */
export interface SkippedStatement {
  readonly file: string;
  readonly line: number;
  /** Its first line. */
  readonly statement: string;
  readonly because: string;
}

export interface BaselineRecord {
  readonly name: "supabase";
  readonly defaultPrivileges: DefaultPrivileges;
  /** Objects that imitate the platform's. */
  readonly standIns: readonly string[];
  readonly skipped: readonly SkippedStatement[];
}
