import { findingSeverity } from "../model/finding.ts";
import { checkNames } from "../model/diagnosis.ts";
import { bypassPaths } from "./bypass-paths.ts";
import { findingMessages } from "./findings.ts";
import { messages } from "./messages.ts";

/** A heading of a page with what is written from the table of messages; its other text is kept. */
export interface PageSection {
  readonly heading: string;
  readonly generated: string;
}

const begin = "<!-- generated: npm run docs -->";
const end = "<!-- /generated -->";

/**
 * The page with these sections (`###`) in its part (`##`), in this order. Within a section only the text between the markers is
 * replaced; a new section begins with them.
 */
export function withSections(page: string, part: string, sections: readonly PageSection[]): string {
  const [before = "", rest = ""] = split(page, `\n## ${part}\n`);
  const [body = "", after = ""] = split(rest, "\n## ");
  const [introduction = "", ...old] = body.split("\n### ");
  const texts = new Map(old.map((text) => split(text, "\n") as readonly [string, string]));
  const written = sections.map(
    ({ heading, generated }) => `### ${heading}\n${withGenerated(texts.get(heading) ?? "", generated)}`,
  );
  const whole = [introduction.trim(), ...written.map((text) => text.trim())].join("\n\n");
  return `${before}\n## ${part}\n\n${whole}\n${after === "" ? "" : `\n## ${after}`}`;
}

function withGenerated(text: string, generated: string): string {
  const [before = "", rest = ""] = split(text, begin);
  const [, after = ""] = split(rest, end);
  const block = `${begin}\n\n${generated}\n\n${end}`;
  return text.includes(begin) ? `${before}${block}${after}` : `\n${block}\n${text}`;
}

function split(text: string, at: string): readonly [string, string] {
  const index = text.indexOf(at);
  return index < 0 ? [text, ""] : [text.slice(0, index), text.slice(index + at.length)];
}

const counts = {
  leak: "Leak, exit code 1",
  error: "Error, exit code 2",
  failure: "Failure, exit code 1",
  note: "Note",
} as const;

/** Page → the page with its part that is written from the messages. */
export const messagePages: Readonly<Record<string, (page: string) => string>> = {
  "docs/verdicts.md": (page) =>
    withSections(
      page,
      "Findings",
      Object.entries(findingMessages).map(([kind, { title, todo }]) => ({
        heading: `\`${kind}\``,
        generated: [
          `*${counts[findingSeverity[kind as keyof typeof findingSeverity]]}.* **${title}.**`,
          `**What to do**: ${todo}.`,
          ...(kind === "login-bypass-path" ? [bypassTable()] : []),
        ].join("\n\n"),
      })),
    ),
  "docs/doctor.md": (page) =>
    withSections(
      page,
      "What it reports",
      checkNames.map((heading) => ({ heading, generated: messagesOf(heading) })),
    ),
};

function messagesOf(name: string): string {
  return Object.entries(messages)
    .filter(([, { check }]) => check === name)
    .map(([code, { status, sentence, todo }]) => {
      const mark = status === "unknown" ? "?" : "✗";
      return `- \`${mark}\` **${sentence}** (\`${code}\`)${todo === "{todo}" ? "" : `\n  → ${todo}`}`;
    })
    .join("\n");
}

function bypassTable(): string {
  const rows = Object.values(bypassPaths).map(
    ({ what, why, closedBy }) => `| ${what} | ${why} | ${closedBy} |`,
  );
  return ["| bypass path | why | prevented by |", "|---|---|---|", ...rows].join("\n");
}
