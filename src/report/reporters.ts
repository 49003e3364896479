import type { Reporter } from "./archived-run.ts";

export const reportFormats = ["terminal", "json", "junit"] as const;
export type ReportFormat = (typeof reportFormats)[number];

/** Every format that `rowgate report --format` and `rowgate run --report` know. A new one is a file, its name and its line here. */
export const reporters: Readonly<Record<ReportFormat, () => Promise<Reporter>>> = {
  terminal: async () => (await import("./terminal.ts")).terminalReport,
  json: async () => (await import("./json.ts")).jsonReport,
  junit: async () => (await import("./junit.ts")).junitReport,
};

export function isReportFormat(name: string): name is ReportFormat {
  return Object.hasOwn(reporters, name);
}
