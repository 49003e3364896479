import type { CheckName } from "../model/diagnosis.ts";
import { connectionMessages } from "./connection.ts";
import { databaseMessages } from "./database.ts";
import { gatewayMessages } from "./gateway.ts";

/** One sentence and what to do about it; `{name}` is replaced by a fact. */
export interface Message {
  /** The check of `rowgate doctor` that reports it, and its section in docs/doctor.md. */
  readonly check: CheckName;
  /** `unknown`: something could not be checked. Without it, something is wrong. */
  readonly status?: "unknown";
  readonly sentence: string;
  readonly todo: string;
}

type All = typeof connectionMessages & typeof databaseMessages & typeof gatewayMessages;
export type MessageCode = keyof All;

/** What a run refuses to start with and what `rowgate doctor` reports, by code. */
export const messages: Readonly<Record<MessageCode, Message>> = {
  ...connectionMessages,
  ...databaseMessages,
  ...gatewayMessages,
};

type Places<Text extends string> = Text extends `${string}{${infer Name}}${infer Rest}`
  ? Name | Places<Rest>
  : never;

/** The facts that a message needs. */
export type Facts<Code extends MessageCode> = Readonly<
  Record<Places<All[Code]["sentence"] | All[Code]["todo"]>, string | number>
>;

export function describe<Code extends MessageCode>(
  code: Code,
  facts: Facts<Code>,
): Pick<Message, "sentence" | "todo"> {
  const { sentence, todo } = messages[code];
  return { sentence: fill(sentence, facts), todo: fill(todo, facts) };
}

/** In one pass, so that braces within a fact stay what they are. */
function fill(text: string, facts: Readonly<Record<string, string | number>>): string {
  return text.replaceAll(/\{(\w+)\}/g, (_, name: string) => String(facts[name] ?? ""));
}
