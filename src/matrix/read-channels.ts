import type { Channel } from "../model/channels.ts";
import { channels } from "../model/channels.ts";
import { readTexts } from "./fields.ts";
import type { Issues } from "../yaml/issues.ts";
import { didYouMean, listNames, nearest } from "../lib/nearest.ts";
import type { Entry } from "../yaml/tree.ts";

/** `channels: [direct]`; `undefined` when nothing of it could be read, which was reported. */
export function readChannels({ value }: Entry, issues: Issues): readonly Channel[] | undefined {
  const named = readTexts(value, "`channels`", issues) ?? [];
  for (const { text, at } of named) {
    if (isChannel(text)) continue;
    const message = `unknown channel \`${text}\`${didYouMean(nearest(text, channels))}`;
    issues.report("matrix/bad-value", at, message, `channels: ${listNames(channels)}`);
  }
  const known = channels.filter((channel) => named.some(({ text }) => text === channel));
  return known.length > 0 ? known : undefined;
}

function isChannel(text: string): text is Channel {
  return channels.some((channel) => channel === text);
}
