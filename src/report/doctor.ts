import type { CheckStatus, Diagnosis } from "../model/diagnosis.ts";
import { type Paint, painter, type Tone } from "./paint.ts";
import { clean, hanging, labelled, oneLine, plural } from "./text.ts";

export interface DoctorOptions {
  readonly width: number;
  readonly colour: boolean;
}

const marks: Readonly<Record<CheckStatus, string>> = {
  well: "✓",
  wrong: "✗",
  unclear: "?",
  "not-asked": "·",
};
const tones: Readonly<Record<CheckStatus, Tone>> = {
  well: "good",
  wrong: "bad",
  unclear: "warn",
  "not-asked": "dim",
};

const labelWidth = 14;

/** A line a check, what to do beneath it, and one line over all. `head`: what was examined, as a person names it. */
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
  const [wrong, unclear, well] = [count("wrong"), count("unclear"), count("well")];
  const rest = [
    ...(unclear > 0 ? [`${unclear} could not be told`] : []),
    `${plural(well, "check")} well`,
  ].join(", ");
  if (wrong > 0) return paint("bad", `WRONG  ${plural(wrong, "thing")} that a run would meet; ${rest}`);
  return unclear > 0 ? paint("warn", `UNCLEAR  ${rest}`) : paint("good", `WELL  ${rest}`);
}
