import {
  type Access,
  type AccessMap,
  mappedOperations,
  type MappedRelation,
  type Standing,
} from "../model/access-map.ts";
import { builtPage } from "./html/report.ts";
import { questionText, type ScanFacts, signLegend, signOf, summaryOf } from "./scan-text.ts";
import { clean, number, oneLine } from "./text.ts";
import { causeText } from "./words.ts";

/** The access map as one file that opens offline, in the style of a run's report; it holds no program. */
export async function scanHtml(map: AccessMap, facts: ScanFacts): Promise<string> {
  const { style, styleHash } = await builtPage();
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src '${styleHash}'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>rowgate access map: ${text(facts.target)}</title>
<style>${style}</style>
</head>
<body>
<header class="top"><div class="title">
<p class="mark">rowgate<span>access map</span></p>
<h1>${text(facts.target)}</h1>
<p class="lead">${text(summaryOf(map, facts))}</p>
</div></header>
<main>
${questions(map)}
<section><h2>Who can do what</h2>
${table(map)}
<div class="legend"><p>${text(signLegend(map))}</p></div>
</section>
<section><h2>Personas</h2><div class="group"><div class="scroll" tabindex="0" role="region" aria-label="Personas"><table><tbody>
${map.personas.map(({ name, is }) => `<tr><th scope="row">${text(name)}</th><td>${text(is)}</td></tr>`).join("\n")}
</tbody></table></div></div></section>
</main>
</body>
</html>
`;
}

function questions({ questions: all }: AccessMap): string {
  if (all.length === 0) return "";
  const items = all.map((question) => {
    const [place, ...more] = question.places;
    const cause =
      place?.cause === undefined || more.length > 0
        ? ""
        : `<p class="means">${text(causeText(place.cause))}</p>`;
    const tone = question.persona.standing === "no-token" ? "bad" : "warn";
    return `<tr><td><span class="badge ${tone}">${text(question.operation)}</span></td><td>${text(questionText(question))}${cause}</td></tr>`;
  });
  return `<section><h2>Intended?</h2><div class="group"><div class="scroll" tabindex="0" role="region" aria-label="Questions"><table><tbody>
${items.join("\n")}
</tbody></table></div></div></section>`;
}

/** The operations in the order of the chips, above them. */
const letters = `<span class="pair" aria-hidden="true"><span class="line">${mappedOperations
  .map((one) => `<span class="chip none">${one.slice(0, 1)}</span>`)
  .join("")}</span></span>`;

function table({ relations, personas }: AccessMap): string {
  const heads = personas
    .map(({ name }) => `<th scope="col"><span>${text(name)}</span>${letters}</th>`)
    .join("");
  const rows = relations.map((one) => {
    const cells = personas.map(({ name, standing }) => `<td>${chips(one, name, standing)}</td>`).join("");
    return `<tr><th scope="row" title="${text(one.relation)}">${text(one.relation)}</th><td>${number(one.rows)}</td>${cells}</tr>`;
  });
  return `<div class="scroll map" tabindex="0" role="region" aria-label="Relations by personas"><table>
<thead><tr><td></td><th scope="col">rows</th>${heads}</tr></thead>
<tbody>
${rows.join("\n")}
</tbody></table></div>`;
}

/** One chip an operation; its title says it in words. */
function chips({ personas }: MappedRelation, persona: string, standing: Standing): string {
  const all = mappedOperations.map((operation) => {
    const found = personas.get(persona)?.[operation];
    const cause =
      found?.cause === undefined || found.cause.kind === "unknown" ? "" : `; ${causeText(found.cause)}`;
    const title = `${operation}: ${accessText(found?.access)}${cause}`;
    return `<span class="chip ${lookOf(found?.access, standing)}" title="${text(title)}">${text(signOf(found?.access))}<span class="spoken"> ${text(title)}</span></span>`;
  });
  return `<span class="pair"><span class="line">${all.join("")}</span></span>`;
}

/** What anybody has, or anyone who signs in, stands out. */
function lookOf(access: Access | undefined, standing: Standing): string {
  if (access === undefined || access.kind === "none") return "none";
  if (access.kind === "unknown" || access.kind === "skipped") return "dim";
  const own = "own" in access && access.own;
  if (standing === "no-token" && !own) return "bad";
  if (standing === "unknown-user" && !own) return "warn";
  return access.kind === "rows" && access.rows === access.of ? "all" : "some";
}

function accessText(access: Access | undefined): string {
  if (access === undefined) return "not tried";
  switch (access.kind) {
    case "rows":
      return `${number(access.rows)} of ${number(access.of)} rows${access.sample ? " of a sample" : ""}`;
    case "accepted":
      return access.own ? "a row that names the persona itself was accepted" : "a row was accepted";
    case "possible":
      return access.own
        ? "only rows that name the persona itself could be reached"
        : "no row that is there, but rows that could be";
    case "none":
      return "none";
    case "unknown":
      return `unknown: ${access.because}`;
    case "skipped":
      return `not tried: ${access.because}`;
  }
}

const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

function text(value: string): string {
  return oneLine(clean(value)).replaceAll(/[&<>"]/g, (one) => entities[one] ?? one);
}
