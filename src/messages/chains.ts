import { formatPosition } from "../model/errors.ts";
import type { Chain, ChainKind, Finding } from "../model/finding.ts";

type Kind = ChainKind | "may-become-not-reached";

/** What the search for escalation found: messages of src/messages/findings.ts. */
export const chainMessages: {
  readonly [K in Kind]: {
    readonly title: string;
    readonly facts: (of: Extract<Finding, { kind: K }>) => string;
    readonly todo: string;
  };
} = {
  escalation: {
    title: "A persona gains access that the matrix does not declare, by writes or calls that it is allowed",
    facts: (of) => chainText(of),
    todo: "change the policy (WITH CHECK, column grants, the function's own checks); or, if it is intended, declare it as `may_become` beside the cell that it opens",
  },
  "escalation-of-another": {
    title: "A persona's allowed write gives another user access that neither of them has",
    facts: (of) => chainText(of),
    todo: "change the policy; or, if it is intended, declare it as `may_become` beside the other persona's cell",
  },
  "gives-away": {
    title: "A persona can hand a row over to another user, and loses it",
    facts: (of) => chainText(of),
    todo: "add a WITH CHECK to the UPDATE policy, or revoke UPDATE on the column; if it is intended, list the column under `names`",
  },
  plants: {
    title: "A persona can insert a row that others see where the matrix does not declare it",
    facts: (of) => chainText(of),
    todo: "restrict the column in the INSERT policy's WITH CHECK, or revoke INSERT on it; if it is intended, list the column under `names` or `columns: { free: […] }`",
  },
  "opens-by-declared-step": {
    title: "A write or call that the matrix declares gives a persona access to more rows",
    facts: (of) => chainText(of),
    todo: "if it is intended, declare it as `may_become` beside the cells that it opens",
  },
  "may-become-not-reached": {
    title: "The matrix allows an access to be gained (`may_become`), and no step gained it",
    facts: (of) => `${of.cell} (${formatPosition(of.at)})`,
    todo: "remove `may_become`, or seed the rows that the step needs",
  },
};

/** `ana: update public.members set org_id = 2 → select public.docs (1 row: 2)`. */
function chainText({ personas, steps, gains, chains }: Chain): string {
  const opened = gains.slice(0, gainsAtMost).map(({ what, rows, examples }) => {
    const more = rows > examples.length ? ", …" : "";
    return rows === 0
      ? what
      : `${what} (${rows} ${rows === 1 ? "row" : "rows"}: ${examples.join(", ")}${more})`;
  });
  const left = gains.length - opened.length;
  const others = chains > 1 ? `; ${chains} such chains` : "";
  return `${personas.join(", ")}: ${steps.join(", then ")} → ${opened.join("; ")}${left > 0 ? ` and ${left} more` : ""}${others}`;
}

const gainsAtMost = 6;
