import { gzipSync } from "node:zlib";
import { RowgateError } from "../../model/errors.ts";
import type { ArchivedRun, ReportOptions } from "../archived-run.ts";
import type { PageData } from "./data.ts";
import { pageData } from "./view.ts";

/** What `npm run build` makes of src/report/html/page: a program and a style that never change with a run. */
type Built = typeof import("#page");

/**
 * One file that opens offline. Nothing of a run is markup or program: all of it is in one block of data, which the page's
 * program reads and puts onto the page as text.
 */
export async function* htmlReport(
  archive: ArchivedRun,
  { against }: Pick<ReportOptions, "against">,
): AsyncGenerator<string, void, undefined> {
  const built = await builtPage();
  const data = await pageData(archive, against);
  yield document(built, encode(data));
}

export async function builtPage(): Promise<Built> {
  try {
    return await import("#page");
  } catch (cause) {
    throw new RowgateError({
      code: "report/page",
      message: "This copy of rowgate has no page for HTML reports: dist/report/html/built.js cannot be read.",
      hint: "run npm run build",
      cause,
    });
  }
}

function encode(data: PageData): string {
  return gzipSync(JSON.stringify(data), { level: 9 }).toString("base64");
}

/**
 * Trusted types without a policy: no text can become markup or program, even by a mistake of ours. Everything but this
 * style and this program is refused, so nothing is ever loaded or sent.
 */
function policy({ scriptHash, styleHash }: Built): string {
  return [
    "default-src 'none'",
    `script-src '${scriptHash}'`,
    `style-src '${styleHash}'`,
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join("; ");
}

function document(built: Built, data: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy(built)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>rowgate report</title>
<style>${built.style}</style>
</head>
<body>
<noscript><p>This report is drawn by a program in this file, and JavaScript is off. Turn it on, or read the archive with <code>rowgate report</code>.</p></noscript>
<script type="application/gzip+base64" id="data">${data}</script>
<script>${built.script}</script>
</body>
</html>
`;
}
