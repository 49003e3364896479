import { isCode } from "../../model/answers.ts";
import type { Condition } from "../analyse/policy.ts";
import type { Witness } from "../../model/proof.ts";
import type { Space } from "../ask/product.ts";
import type { ActingAs } from "../ask/step.ts";

/** A hit, shown by a statement; or why it could not be shown. */
export type Shown =
  | {
      readonly kind: "hit";
      readonly side: "more" | "less";
      readonly statement: string;
      readonly setup: string | undefined;
      readonly witness: Witness;
    }
  | {
      readonly kind: "refused";
      readonly by: "constraint" | "trigger";
      readonly message: string;
      readonly witness: Witness;
    }
  | { readonly kind: "mismatch"; readonly message: string; readonly witness: Witness }
  | { readonly kind: "not-shown"; readonly message: string; readonly witness: Witness };

export interface Showing {
  readonly space: Space;
  readonly as: ActingAs;
  readonly declared: Condition;
  readonly policy: Condition;
}

export function refusal({ code, message }: { code: string; message: string }, witness: Witness): Shown {
  if (isCode(code, "constraint")) return { kind: "refused", by: "constraint", message, witness };
  if (isCode(code, "insufficientPrivilege")) return { kind: "mismatch", message, witness };
  return { kind: "refused", by: "trigger", message: `${message} (${code})`, witness };
}

const order = ["refused", "not-shown", "mismatch"] as const;

export function likelier(before: Shown | undefined, now: Shown): Shown {
  if (before === undefined || now.kind === "hit") return now;
  return order.indexOf(before.kind as "refused") >= order.indexOf(now.kind as "refused") ? before : now;
}
