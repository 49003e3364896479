// The comment of action.yml: one a pull request, workflow, job and key, found by a hidden marker and updated in place.
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";

/** GitHub takes no longer comment. */
const mostCharacters = 65_536;
/** Who may have written a comment that is ours: anybody can write the marker, so a stranger's comment is left alone. */
const trusted = new Set(["OWNER", "MEMBER", "COLLABORATOR"]);

const {
  GITHUB_API_URL = "https://api.github.com",
  GITHUB_REPOSITORY = "",
  ROWGATE_TOKEN = "",
  ROWGATE_REPORTS = ".",
  ROWGATE_COMMENT_KEY = "",
  ROWGATE_PULL_REQUEST = "",
} = process.env;

const marker = `<!-- rowgate ${ROWGATE_COMMENT_KEY.replaceAll(/[^\w./ -]|--/g, "_")} -->`;
const comments = `${GITHUB_API_URL}/repos/${GITHUB_REPOSITORY}/issues/${Number(ROWGATE_PULL_REQUEST)}/comments`;

/** @param {string} method @param {string} url @param {object} [body] */
async function ask(method, url, body) {
  const answer = await fetch(url, {
    method,
    headers: {
      authorization: `Bearer ${ROWGATE_TOKEN}`,
      accept: "application/vnd.github+json",
      "x-github-api-version": "2022-11-28",
      "content-type": "application/json",
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(30_000),
  });
  if (!answer.ok)
    throw new Error(`${method} ${url} answered ${answer.status}: ${(await answer.text()).slice(0, 300)}`);
  return answer.json();
}

async function findOwn() {
  for (let page = 1; ; page += 1) {
    const found = await ask("GET", `${comments}?per_page=100&page=${page}`);
    const own = found.find(
      ({ body, user, author_association: association }) =>
        body?.startsWith(marker) && (user?.type === "Bot" || trusted.has(association)),
    );
    if (own !== undefined || found.length < 100) return own;
  }
}

/** Reports that did not pass come first; one that does not fit is named instead, never cut in the middle. */
async function text() {
  const names = (await readdir(ROWGATE_REPORTS)).filter((name) => name.endsWith(".md")).toSorted();
  const reports = await Promise.all(
    names.map(async (name) => ({ name, body: await readFile(path.join(ROWGATE_REPORTS, name), "utf8") })),
  );
  const ranked = reports.toSorted(
    (a, b) => Number(a.body.startsWith("### ✅")) - Number(b.body.startsWith("### ✅")),
  );
  let whole = `${marker}\n`;
  const left = [];
  for (const { name, body } of ranked) {
    if (whole.length + body.length + 2000 > mostCharacters && whole.length > marker.length + 1)
      left.push(path.parse(name).name);
    else whole += `${body}\n`;
  }
  const note = `\nThe reports of ${left.slice(0, 20).join(", ")}${left.length > 20 ? " and others" : ""} are in the step summary: this comment has no room for them.\n`;
  return left.length === 0 ? whole : whole + note;
}

try {
  const body = await text();
  const own = await findOwn();
  if (own === undefined) await ask("POST", comments, { body });
  else await ask("PATCH", `${GITHUB_API_URL}/repos/${GITHUB_REPOSITORY}/issues/comments/${own.id}`, { body });
} catch (error) {
  // A pull request from a fork has a token that only reads: the gate's verdict does not depend on the comment.
  const reason = (error instanceof Error ? error.message : String(error))
    .replaceAll("%", "%25")
    .replaceAll(/\r?\n/g, "%0A");
  process.stdout.write(
    `::warning title=rowgate::The pull request was not commented on: ${reason}. The job needs \`permissions: pull-requests: write\`; the same report is in the step summary.\n`,
  );
}
