import type { AccessChange, Declared } from "./cells.ts";
import { type RunDiff, undeclared } from "./diff.ts";
import type { Reach } from "./reach.ts";

const verbs: Readonly<Partial<Record<AccessChange["operation"], string>>> = {
  select: "read",
  insert: "insert into",
  update: "update",
  delete: "delete from",
  blind_update: "update without a filter",
  blind_delete: "delete without a filter from",
  upsert: "upsert into",
  truncate: "truncate",
  execute: "call",
};

const whys: Readonly<Record<Declared, (at: string) => string>> = {
  changed: (at) => `the matrix was changed to declare it, at ${at}`,
  data: (at) => `there are more rows, and the same declaration covers them, at ${at}`,
  "not changed": (at) =>
    `the matrix declares the same as before, at ${at}: check that the persona should have this, then keep the later run as the baseline`,
  "not covered": (at) =>
    `the later matrix does not declare it, at ${at}: change the policy or grant, or declare it there`,
};

/** For a terminal, or as Markdown for a pull request: what was widened first. */
export function diffText(diff: RunDiff, markdown: boolean): string {
  const open = undeclared(diff);
  const head = `${diff.gained.length} gained (${open.length} not declared by a change of the matrix), ${diff.lost.length} lost, ${diff.verdicts.length} verdicts changed, ${diff.rules.length} changes of what is in force`;
  const body = sections(diff, open).flatMap(([title, lines]) =>
    lines.length === 0
      ? []
      : ["", markdown ? `### ${title}` : title, ...lines.map((line) => item(line, markdown))],
  );
  const scope = `Access was compared in ${diff.compared} cells of ${diff.personas} personas.`;
  return [`${markdown ? "## " : ""}${diff.before} → ${diff.after}: ${head}`, "", scope, ...body, ""].join(
    "\n",
  );
}

type Section = readonly [title: string, lines: readonly string[]];

function sections(diff: RunDiff, open: readonly AccessChange[]): readonly Section[] {
  const rest = diff.gained.filter((one) => !open.includes(one));
  return [
    ["Access gained that no change of the matrix declares", open.map((one) => gainedText(one))],
    ["Leaks that the earlier run did not find", diff.leaks],
    ["Access gained, as declared", rest.map((one) => gainedText(one))],
    ["Access lost", diff.lost.map((one) => `▼ ${accessText(one)} (${one.at})`)],
    ["Not known any more: the later run could not tell what is reached", diff.unknown],
    ["Changed in force", diff.rules],
    ["Verdicts", diff.verdicts.map(({ cell, before, after }) => `${cell}: ${before} → ${after}`)],
    ["Cells only in the later run", diff.added],
    ["Cells only in the earlier run: nothing is known of them now", diff.removed],
  ];
}

function item(line: string, markdown: boolean): string {
  // Names and keys come from the database: no character of theirs may end the code span, the line, or obey a terminal.
  const plain = line.replaceAll(/\p{C}+/gu, " ");
  return markdown ? `- \`${plain.replaceAll("`", "'")}\`` : `  ${plain}`;
}

function gainedText(change: AccessChange): string {
  return `▲ ${accessText(change)}${gainText(change)}`;
}

/** Of access that was gained: examples, the SQL that lets it through, and whether a change of the matrix declares it. */
export function gainText({ keys, declared, at, origins }: AccessChange): string {
  const by = origins.length === 0 ? "" : `, by the SQL at ${origins.join(", ")}`;
  const example = keys.length === 0 ? "" : `, for example ${keys.join(", ")}`;
  return `${example}${by}; ${whys[declared](at)}`;
}

function accessText(change: AccessChange): string {
  const { persona, relation, operation, column } = change;
  const what = `${verbs[operation] ?? operation} ${relation}${column === undefined ? "" : `.${column}`}`;
  return `${persona} may ${what}: ${reachText(change)}`;
}

/** `0 of 40 → 3 of 40 (3 unexpected)` */
export function reachText({ before, after }: AccessChange): string {
  return `${before === undefined ? "not known" : counted(before)} → ${counted(after)}`;
}

function counted({ count, of, unexpected }: Reach): string {
  return `${count} of ${of}${unexpected > 0 ? ` (${unexpected} unexpected)` : ""}`;
}
