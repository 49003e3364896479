import { existsSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";

const { PATH = "", ROWGATE_CHROMIUM } = process.env;

/** Debian's `chromium`, or another that `ROWGATE_CHROMIUM` names. */
const program = [
  ROWGATE_CHROMIUM ?? "",
  ...["chromium", "chromium-browser", "google-chrome"].flatMap(onPath),
].find((file) => file !== "" && existsSync(file));

function onPath(name: string): readonly string[] {
  return PATH.split(path.delimiter).map((folder) => path.join(folder, name));
}

export const hasChromium: boolean = program !== undefined;
if (!hasChromium)
  process.stdout.write(
    "test/html: skipped, no Chromium on PATH: apt-get install chromium, or name one by ROWGATE_CHROMIUM\n",
  );

export async function launch(): Promise<Browser> {
  // Root has no sandbox, and CI often runs as root.
  return chromium.launch({ executablePath: program ?? "", args: ["--no-sandbox"] });
}

export interface Opened {
  readonly page: Page;
  /** Requests besides the file itself, errors of the program, refusals of the policy: there must be none. */
  readonly complaints: string[];
}

export interface Look {
  readonly hash?: string;
  readonly width?: number;
  readonly colorScheme?: "light" | "dark";
  /** What is there once the page is drawn. */
  readonly ready?: string;
}

/** The report as a person opens it: from the disk, without a network. */
export async function open(
  browser: Browser,
  file: string,
  { hash = "", width = 1280, colorScheme = "light", ready = "main, .doubt" }: Look = {},
): Promise<Opened> {
  const context = await browser.newContext({
    viewport: { width, height: 900 },
    colorScheme,
    offline: true,
    reducedMotion: "reduce",
  });
  const page = await context.newPage();
  const complaints: string[] = [];
  const url = pathToFileURL(file).href;
  page.on("request", (request) => {
    if (request.url().split("#")[0] !== url) complaints.push(`request ${request.url()}`);
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => complaints.push(message.text()));
  await page.goto(`${url}${hash}`);
  await page.locator(ready).first().waitFor();
  return { page, complaints };
}
