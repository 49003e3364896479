import type { Cast } from "../init/personas.ts";
import type { MatrixHead } from "../init/text.ts";
import { type AccessMap, type MappedPersona, standings } from "../model/access-map.ts";
import { questionText } from "../report/scan-text.ts";
import { causeText } from "../report/words.ts";
import type { ScannedCell } from "../scan/access-map.ts";

/** Who reaches more than a reader would expect, with the cause where there is one place. */
export function accessQuestions({ questions }: AccessMap): MatrixHead["questions"] {
  return questions.map((question) => {
    const [place, ...more] = question.places;
    const cause = place?.cause === undefined || more.length > 0 ? [] : [causeText(place.cause)];
    return [`${questionText(question)} - intended?`, ...cause];
  });
}

/** What raises an error has no verdict, and the run ends with exit code 2 until it is corrected. */
export function errorQuestions(cells: readonly ScannedCell[], { personas }: Cast): MatrixHead["questions"] {
  const above = new Set(personas.filter(({ standing }) => standing === "above").map(({ name }) => name));
  const places = new Map<string, Set<string>>();
  for (const { record } of cells) {
    if (record.verdict !== "error" || above.has(record.persona)) continue;
    const because = record.channels.direct?.because ?? "error";
    const known = places.get(because) ?? new Set();
    places.set(because, known.add(`${record.schema}.${record.relation}`));
  }
  return [...places].map(([because, relations]) => [
    `statements about ${listed([...relations])} end in an error: ${because} - intended?`,
  ]);
}

function listed(names: readonly string[]): string {
  return names.length <= 4
    ? names.join(", ")
    : `${names.slice(0, 3).join(", ")} and ${names.length - 3} more`;
}

/** The widest standing that has an access is the one that is asked about. */
export function byStanding({ personas }: Cast): readonly MappedPersona[] {
  return personas
    .map(({ name, standing, is }) => ({ name, standing, is }))
    .toSorted((a, b) => standings.indexOf(a.standing) - standings.indexOf(b.standing));
}

/** Each run that confirms may meet the same chain. */
export function distinct(questions: MatrixHead["questions"]): MatrixHead["questions"] {
  return [...new Map(questions.map((one) => [one.join("\n"), one])).values()];
}
