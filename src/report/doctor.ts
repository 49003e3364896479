import type { CheckStatus, Diagnosis } from "../model/diagnosis.ts";
import { type Paint, painter, type Tone } from "./paint.ts";
import { clean, hanging, labelled, oneLine, plural } from "./text.ts";

export interface DoctorOptions {
  readonly width: number;
  readonly colour: boolean;
}

const marks: Readonly<Record<CheckStatus, string>> = {
  ok: "✓",
  failed: "✗",
  unknown: "?",
  skipped: "·",
};
const tones: Readonly<Record<CheckStatus, Tone>> = {
  ok: "good",
  failed: "bad",
  unknown: "warn",
  skipped: "dim",
};

const labelWidth = 14;

/** One line for each check, what to do below it, and a last line with the totals. `head`: what was examined. */
export function renderDoctor(
  head: readonly string[],
  diagnoses: readonly Diagnosis[],
  options: DoctorOptions,
): string {
  const width = Math.min(Math.max(options.width, 60), 110);
  const paint = painter(options.colour);
  const lines = [
    ...head.flatMap((line) => hanging(oneLine(line), width)),
    "",
    ...diagnoses.flatMap((one) => linesOf(one, width, paint)),
    "",
    lastLine(diagnoses, paint),
  ];
  return `${lines.join("\n")}\n`;
}

function linesOf(
  { check, status, sentence, hint, details, notes }: Diagnosis,
  width: number,
  paint: Paint,
): string[] {
  const [first = "", ...more] = labelled(check, oneLine(sentence), width, 2, labelWidth);
  const beneath = (text: string): string[] => labelled("", oneLine(text), width, 2, labelWidth);
  return [
    `${paint(tones[status], marks[status])}${first.slice(1)}`,
    ...more,
    ...(details ?? []).flatMap((one) => beneath(`- ${clean(one)}`)),
    ...(hint === undefined ? [] : beneath(`→ ${hint}`)),
    ...(notes ?? []).flatMap((one) => beneath(`(${one})`)),
  ];
}

function lastLine(diagnoses: readonly Diagnosis[], paint: Paint): string {
  const count = (status: CheckStatus): number => diagnoses.filter((one) => one.status === status).length;
  const [failed, unknown] = [count("failed"), count("unknown")];
  const others = [...(unknown > 0 ? [`${unknown} unknown`] : []), `${count("ok")} ok`].join(", ");
  if (failed > 0)
    return paint("bad", `FAILED  ${plural(failed, "problem")} that a run would hit; checks: ${others}`);
  return unknown > 0 ? paint("warn", `UNKNOWN  checks: ${others}`) : paint("good", `OK  checks: ${others}`);
}
