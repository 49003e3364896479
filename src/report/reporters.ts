import type { Reporter } from "./archived-run.ts";

/** Every format that `rowgate report --format` and `--report` know. A new one is a file and its line here. */
export const reporters = {
  terminal: async (): Promise<Reporter> => (await import("./terminal.ts")).terminalReport,
  json: async (): Promise<Reporter> => (await import("./json.ts")).jsonReport,
  junit: async (): Promise<Reporter> => (await import("./junit.ts")).junitReport,
  sarif: async (): Promise<Reporter> => (await import("./sarif.ts")).sarifReport,
  ctrf: async (): Promise<Reporter> => (await import("./ctrf.ts")).ctrfReport,
  tap: async (): Promise<Reporter> => (await import("./tap.ts")).tapReport,
  markdown: async (): Promise<Reporter> => (await import("./markdown.ts")).markdownReport,
  github: async (): Promise<Reporter> => (await import("./github.ts")).githubReport,
  html: async (): Promise<Reporter> => (await import("./html/report.ts")).htmlReport,
};

export type ReportFormat = keyof typeof reporters;
export const reportFormats: readonly ReportFormat[] = Object.keys(reporters) as ReportFormat[];
