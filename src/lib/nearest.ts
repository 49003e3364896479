import { distance } from "fastest-levenshtein";

/**
 * The known name that was probably meant: one slip in a short name, two in a longer one, three in a long one. Never the name
 * itself, nor one that looks the same: the caller has found that it does not help.
 */
export function nearest(name: string, known: Iterable<string>): string | undefined {
  const slips = name.length < 4 ? 1 : name.length < 10 ? 2 : 3;
  let best: string | undefined;
  let least = slips + 1;
  for (const candidate of known) {
    if (candidate.normalize() === name.normalize()) continue;
    // Names of another length are at least as far apart as that.
    if (Math.abs(candidate.length - name.length) >= least) continue;
    const apart = slipsBetween(name.toLowerCase(), candidate.toLowerCase());
    // A name is not "near" when as much of it is changed as kept.
    if (apart < least && apart < Math.max(candidate.length, name.length) - apart) {
      best = candidate;
      least = apart;
    }
  }
  return best;
}

/** Two neighbours that changed places are one slip: `:usb` for `:sub`. */
function slipsBetween(name: string, other: string): number {
  const at = [...name].findIndex((letter, index) => letter !== other[index]);
  const swapped = name.slice(0, at) + name.charAt(at + 1) + name.charAt(at) + name.slice(at + 2);
  return at !== -1 && swapped === other ? 1 : distance(name, other);
}

/** `; did you mean \`x\`?`, or nothing. */
export function didYouMean(meant: string | undefined): string {
  return meant === undefined ? "" : `; did you mean \`${meant}\`?`;
}

/** `a`, `b` and 3 more: for hints and lists of personas. */
export function listNames(names: readonly string[], most = 8): string {
  const shown = names.slice(0, most).map((name) => `\`${name}\``);
  const rest = names.length - shown.length;
  return rest > 0 ? `${shown.join(", ")} and ${rest} more` : shown.join(", ");
}
