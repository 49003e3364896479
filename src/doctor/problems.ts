import type { CheckName } from "../model/diagnosis.ts";
import { connectionProblems } from "./problems/connection.ts";
import { databaseProblems } from "./problems/database.ts";
import { gatewayProblems } from "./problems/gateway.ts";
import { tokenProblems } from "./problems/tokens.ts";
import { unclearProblems } from "./problems/unclear.ts";

/** One sentence and what to do; `{name}` stands for a fact. */
export interface ProblemInfo {
  readonly check: CheckName;
  readonly sentence: string;
  readonly hint: string;
}

type Wrong = typeof connectionProblems &
  typeof databaseProblems &
  typeof gatewayProblems &
  typeof tokenProblems;
type All = Wrong & typeof unclearProblems;
export type ProblemName = keyof All;

/** Everything that doctor can say about what is not well. */
export const problems: Readonly<Record<ProblemName, ProblemInfo>> = {
  ...connectionProblems,
  ...databaseProblems,
  ...gatewayProblems,
  ...tokenProblems,
  ...unclearProblems,
};

export function isUnclear(name: ProblemName): boolean {
  return Object.hasOwn(unclearProblems, name);
}

type Places<Text extends string> = Text extends `${string}{${infer Name}}${infer Rest}`
  ? Name | Places<Rest>
  : never;

/** The facts that a problem's words ask for. */
export type Facts<Name extends ProblemName> = Readonly<
  Record<Places<All[Name]["sentence"] | All[Name]["hint"]>, string | number>
>;
