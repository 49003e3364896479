import { gzipSync } from "node:zlib";
import { builtPage } from "./report.ts";

/**
 * The page of mutation-testing-elements with its data, in one file that opens offline. Its templates become markup through a
 * policy of its own (`lit-html`), it writes style attributes, and its pictures are in its style: that is allowed, and nothing is ever loaded or sent.
 */
export async function mutationPage(document: object): Promise<string> {
  const { mutationScript, mutationScriptHash } = await builtPage();
  const policy = [
    "default-src 'none'",
    `script-src '${mutationScriptHash}'`,
    "style-src 'unsafe-inline'",
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types lit-html",
  ].join("; ");
  const data = gzipSync(JSON.stringify(document), { level: 9 }).toString("base64");
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>rowgate mutate</title>
</head>
<body>
<noscript><p>This report is drawn by a program in this file, and JavaScript is off.</p></noscript>
<mutation-test-report-app title-postfix="rowgate mutate"></mutation-test-report-app>
<script type="application/gzip+base64" id="data">${data}</script>
<!-- The program holds mutation-testing-elements (https://stryker-mutator.io), Apache License 2.0: https://www.apache.org/licenses/LICENSE-2.0 -->
<script>${mutationScript}</script>
</body>
</html>
`;
}
