import { styleText } from "node:util";

/** Colour adds to what the words say already; without it nothing is lost. */
export type Tone = "bad" | "warn" | "good" | "dim" | "strong";

export type Paint = (tone: Tone, text: string) => string;

const formats: Record<Tone, Parameters<typeof styleText>[0]> = {
  bad: ["bold", "red"],
  warn: "yellow",
  good: "green",
  dim: "dim",
  strong: "bold",
};

/** Whether to colour is the caller's to say: styleText would otherwise ask the process's own stdout. */
export function painter(colour: boolean): Paint {
  return colour
    ? (tone, text) => styleText(formats[tone], text, { validateStream: false })
    : (_tone, text) => text;
}
